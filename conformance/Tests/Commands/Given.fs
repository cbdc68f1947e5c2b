/// The options a node was opened with, as a reopen must repeat them (BLK-REOPEN-023): read back
/// from the oracle's state, children named by reference.
module Ashlar.Conformance.Tests.Commands.Given

open Ashlar.Reference.Block

/// The name of the option that holds a list, and the index in it: `take-child-perms.0`.
let private listIndex (name: string) =
    match System.Int32.TryParse name with
    | true, index -> Some index
    | _ -> None

/// Members of a nested object from flat names, in the order in which they come.
let rec private nested (flat: (string list * Value) list) : Value =
    let heads = flat |> List.map (fst >> List.head) |> List.distinct

    let valueOf head =
        let below =
            flat
            |> List.filter (fun (path, _) -> path.Head = head)
            |> List.map (fun (p, v) -> p.Tail, v)

        match below with
        | [ [], value ] -> value
        | _ -> nested below

    if not heads.IsEmpty && heads |> List.forall (listIndex >> Option.isSome) then
        heads |> List.sortBy int |> List.map valueOf |> Value.List
    else
        Value.Dict(heads |> List.map (fun head -> head, valueOf head))

let private members (options: (string * Value) list) =
    options |> List.map (fun (name, value) -> List.ofArray (name.Split '.'), value) |> nested

let private childOptions (state: State) (node: Node) =
    let edges = Graph.children state node
    let reference (edge: Edge) = Value.Str state.Nodes[edge.Child].Name

    match node.Driver with
    | Driver.Quorum -> [
        "children", edges |> List.sortBy _.Name |> List.map reference |> Value.List
      ]
    | Driver.Qcow2 when edges |> List.forall (fun e -> e.Name <> "backing") ->
        ("backing", Value.Null) :: (edges |> List.map (fun e -> e.Name, reference e))
    | _ -> edges |> List.map (fun e -> e.Name, reference e)

let private withOptions (options: (string * Value) list) (state: State) (node: Node) =
    let own =
        Value.members (members options)
        |> List.filter (fun (name, _) -> name <> "driver" && name <> "node-name")

    let head = [
        "driver", Value.Str(Graph.driverName node.Driver)
        "node-name", Value.Str node.Name
    ]

    head @ own @ childOptions state node

/// What the user gave for the node, with its children as they are now.
let explicitly (state: State) (node: Node) : (string * Value) list =
    withOptions node.Explicit state node

/// What is in effect for the node, inherited or given, with its children as they are now.
let effectively (state: State) (node: Node) : (string * Value) list =
    withOptions node.Effective state node
