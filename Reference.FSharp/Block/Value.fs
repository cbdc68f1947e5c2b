/// The values of QMP: what a JSON document means, without its syntax.
/// Reading and writing JSON text is the harness's work, not the oracle's.
namespace Ashlar.Reference.Block

/// One QMP value. The members of a dictionary keep the order in which they were given.
[<RequireQualifiedAccess>]
type Value =
    | Null
    | Bool of bool
    | Int of int64
    | Str of string
    | List of Value list
    | Dict of (string * Value) list

/// Small questions about values.
module Value =
    /// The member of that name in a list of members.
    let rec find (key: string) (members: (string * Value) list) : Value voption =
        match members with
        | [] -> ValueNone
        | (k, v) :: rest -> if k = key then ValueSome v else find key rest

    /// A value as a reader of an explanation would write it.
    let rec show (value: Value) : string =
        match value with
        | Value.Null -> "null"
        | Value.Bool true -> "on"
        | Value.Bool false -> "off"
        | Value.Int i -> string i
        | Value.Str s -> s
        | Value.List items -> "[" + (items |> List.map show |> String.concat ", ") + "]"
        | Value.Dict members ->
            let one (name, value) = name + "=" + show value
            "{" + (members |> List.map one |> String.concat ", ") + "}"

    /// The members of a dictionary; nothing for any other value.
    let members (value: Value) : (string * Value) list =
        match value with
        | Value.Dict members -> members
        | _ -> []
