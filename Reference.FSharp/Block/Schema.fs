/// The tables of options and the check of values against them (BLK-OPEN-001, BLK-OPEN-019,
/// BLK-OPEN-020). What comes out is typed, flat and known; nothing was opened yet.
namespace Ashlar.Reference.Block

/// What the options say of a child.
[<RequireQualifiedAccess>]
type ChildSpec =
    /// The name of a node.
    | Reference of string
    /// A node to be opened with these options.
    | Inline of Spec
    /// null: no child.
    | Nothing

/// Checked options of one node: its own under flat names, and its children's.
and Spec = {
    Driver: Driver
    Own: OptionList
    /// What an image header says instead of the user: in effect, but not given (BLK-OPEN-012).
    Implied: OptionList
    Children: (string * ChildSpec) list
}

/// Checking of option values.
module Schema =
    /// Most objects with a `driver` inside each other (BLK-OPEN-018): it bounds the recursion.
    let nestingMax = 64

    /// What a member must be.
    type private Kind =
        | AString
        | ABool
        | AnInt
        | AWord of string list
        /// A number that 16 bits hold without a sign.
        | AnInt16
        | ARef
        | ARefOrNull
        | Refs
        | Words of string list
        | Group of (string * Kind * bool) list
        /// An object with one member, a word, that says which others there are.
        | Choice of tag: string * (string * (string * Kind * bool) list) list

    /// Where a member stands: names are put together only when a refusal needs them.
    type private Place =
        | Top
        | Member of Place * string
        | Element of Place * int

    let private permWords = [ "consistent-read"; "write"; "write-unchanged"; "resize" ]

    let private driverNames = Array.map Graph.driverName Graph.drivers

    /// Members of every node but `driver` (BLK-OPEN-019).
    let private common = [
        "node-name", AString, false
        "discard", AWord [ "ignore"; "unmap" ], false
        "cache", Group [ "direct", ABool, false; "no-flush", ABool, false ], false
        "read-only", ABool, false
        "auto-read-only", ABool, false
        "force-share", ABool, false
        "detect-zeroes", AWord [ "off"; "on"; "unmap" ], false
    ]

    /// The address of a server, by its type.
    let private addresses = [
        "inet",
        [
            "host", AString, true
            "port", AString, true
            "numeric", ABool, false
            "to", AnInt16, false
            "ipv4", ABool, false
            "ipv6", ABool, false
            "keep-alive", ABool, false
            "mptcp", ABool, false
        ]
        "unix", [ "path", AString, true; "abstract", ABool, false; "tight", ABool, false ]
        "vsock", [ "cid", AString, true; "port", AString, true ]
        "fd", [ "str", AString, true ]
    ]

    /// Members of one driver (BLK-OPEN-020).
    let private ownMembers driver =
        match driver with
        | Driver.File -> [
            "filename", AString, true
            "locking", AWord [ "on"; "off"; "auto" ], false
            "aio", AWord [ "threads"; "native"; "io_uring" ], false
            "x-check-cache-dropped", ABool, false
          ]
        | Driver.NullCo -> [ "size", AnInt, false; "read-zeroes", ABool, false ]
        | Driver.Raw -> [ "file", ARef, true; "offset", AnInt, false; "size", AnInt, false ]
        | Driver.Qcow2 -> [
            "file", ARef, true
            "backing", ARefOrNull, false
            "data-file", ARef, false
          ]
        | Driver.Throttle -> [ "throttle-group", AString, true; "file", ARef, true ]
        | Driver.CopyOnRead -> [ "file", ARef, true ]
        | Driver.Blkdebug -> [
            "image", ARef, true
            "take-child-perms", Words permWords, false
            "unshare-child-perms", Words permWords, false
          ]
        | Driver.Nbd -> [ "server", Choice("type", addresses), true; "export", AString, false ]
        | Driver.Quorum -> [
            "children", Refs, true
            "vote-threshold", AnInt, true
            "rewrite-corrupted", ABool, false
            "read-pattern", AWord [ "quorum"; "fifo" ], false
          ]

    /// All members of a driver, made once.
    let private table = Graph.drivers |> Array.map (fun driver -> common @ ownMembers driver)

    let private membersOf driver = table[System.Array.IndexOf(Graph.drivers, driver)]

    let rec private nameOf place =
        match place with
        | Top -> ""
        | Member(Top, name) -> name
        | Member(outer, name) -> nameOf outer + "." + name
        | Element(outer, i) -> nameOf outer + "[" + string i + "]"

    /// The name of an element of a list is lost on the way, as in QEMU.
    let private lastName place =
        match place with
        | Member(_, name) -> name
        | _ -> "null"

    let private bad text = Error text

    let private wrongType place expected =
        bad ("Invalid parameter type for '" + nameOf place + "', expected: " + expected)

    /// A text that expects a reference says only the last name, as in QEMU.
    let private wrongRef place expected =
        bad ("Invalid parameter type for '" + lastName place + "', expected: " + expected)

    let private missing place = bad ("Parameter '" + nameOf place + "' is missing")

    let private badWord place word =
        bad ("Parameter '" + lastName place + "' does not accept value '" + word + "'")

    /// What has been taken from an object so far, newest first.
    [<Struct>]
    type private Taken = { Own: OptionList; Children: (string * ChildSpec) list }

    let private own name value taken : Taken = { taken with Own = (name, value) :: taken.Own }

    let private child name spec taken : Taken = {
        taken with
            Children = (name, spec) :: taken.Children
    }

    let rec private unexpected known place members =
        match members with
        | [] -> Ok()
        | (name, _) :: rest ->
            if List.exists (fun (field, _, _) -> field = name) known then
                unexpected known place rest
            else
                bad ("Parameter '" + nameOf (Member(place, name)) + "' is unexpected")

    let private words kinds place flatName value taken =
        let rec each i items taken =
            match items with
            | [] -> Ok taken
            | Value.Str word :: rest ->
                if List.contains word kinds then
                    each (i + 1) rest (own (flatName + "." + string i) (Value.Str word) taken)
                else
                    badWord (Element(place, i)) word
            | _ -> wrongType (Element(place, i)) "string"

        match value with
        // an empty list is remembered as such: BLK-OPEN-024 refuses it
        | Value.List [] -> Ok(own flatName value taken)
        | Value.List items -> each 0 items taken
        | _ -> wrongType place "array"

    let rec private takeMembers level place prefix fields members taken =
        match fields with
        | [] -> Ok taken
        | (name, kind, needed) :: rest ->
            match Value.find name members with
            | ValueNone when needed -> missing (Member(place, name))
            | ValueNone -> takeMembers level place prefix rest members taken
            | ValueSome value ->
                let flat = if prefix = "" then name else prefix + "." + name

                match takeOne level (Member(place, name)) flat kind value taken with
                | Ok taken -> takeMembers level place prefix rest members taken
                | Error text -> Error text

    and private takeOne level place flat kind value taken : Result<Taken, string> =
        match kind, value with
        | AString, Value.Str _
        | ABool, Value.Bool _
        | AnInt, Value.Int _ -> Ok(own flat value taken)
        | AWord kinds, Value.Str word ->
            if List.contains word kinds then
                Ok(own flat value taken)
            else
                badWord place word
        | AnInt16, Value.Int number ->
            if number >= 0L && number <= 65535L then
                Ok(own flat value taken)
            else
                bad ("Parameter '" + lastName place + "' expects uint16_t")
        | (ARef | ARefOrNull), Value.Str name -> Ok(child flat (ChildSpec.Reference name) taken)
        | (ARef | ARefOrNull), Value.Dict members ->
            match takeSpec (level + 1) place members with
            | Ok spec -> Ok(child flat (ChildSpec.Inline spec) taken)
            | Error text -> Error text
        | ARefOrNull, Value.Null -> Ok(child flat ChildSpec.Nothing taken)
        | Refs, Value.List items -> takeRefs level place flat 0 items taken
        | Words kinds, _ -> words kinds place flat value taken
        | Group fields, Value.Dict members -> takeObject level place flat fields members taken
        | Choice(tag, cases), Value.Dict members ->
            let fields = [ tag, AWord(List.map fst cases), true ]

            let chosen =
                match Value.find tag members with
                | ValueSome(Value.Str word) -> List.tryFind (fun (case, _) -> case = word) cases
                | _ -> None

            // without one of its words the word itself is refused
            let more = chosen |> Option.map snd |> Option.defaultValue []
            takeObject level place flat (fields @ more) members taken
        | (AString | AWord _), _ -> wrongType place "string"
        | ABool, _ -> wrongType place "boolean"
        | AnInt, _ -> wrongType place "integer"
        // QEMU reads 64 bits first
        | AnInt16, _ -> bad ("Parameter '" + nameOf place + "' expects uint64")
        | ARef, _ -> wrongRef place "BlockdevRef"
        | ARefOrNull, _ -> wrongRef place "BlockdevRefOrNull"
        | Refs, _ -> wrongType place "array"
        | (Group _ | Choice _), _ -> wrongType place "object"

    and private takeObject level place flat fields members taken =
        match takeMembers level place flat fields members taken with
        | Ok taken -> Result.map (fun () -> taken) (unexpected fields place members)
        | Error text -> Error text

    and private takeRefs level place flat i items taken =
        match items with
        | [] -> Ok taken
        | item :: rest ->
            match takeOne level (Element(place, i)) (flat + "." + string i) ARef item taken with
            | Ok taken -> takeRefs level place flat (i + 1) rest taken
            | Error text -> Error text

    and private takeSpec level place members : Result<Spec, string> =
        let driverPlace = Member(place, "driver")

        if level > nestingMax then
            bad $"Options are nested deeper than {nestingMax} levels"
        else
            match Value.find "driver" members with
            | ValueNone -> missing driverPlace
            | ValueSome(Value.Str name) ->
                match System.Array.IndexOf(driverNames, name) with
                | -1 -> badWord driverPlace name
                | i ->
                    let driver = Graph.drivers[i]
                    let fields = membersOf driver

                    let start: Taken = { Own = [ "driver", Value.Str name ]; Children = [] }

                    match takeMembers level place "" fields members start with
                    | Error text -> Error text
                    | Ok taken ->
                        match unexpected (("driver", AString, true) :: fields) place members with
                        | Error text -> Error text
                        | Ok() ->
                            Ok {
                                Driver = driver
                                Own = taken.Own
                                Implied = []
                                Children = List.rev taken.Children
                            }
            | ValueSome _ -> wrongType driverPlace "string"

    let private check context place value =
        Rule.touch context (Rule.opening 1)
        Rule.touch context (Rule.opening 18)
        Rule.touch context (Rule.opening 19)
        Rule.touch context (Rule.opening 20)

        let result =
            match value with
            | Value.Dict members -> takeSpec 1 place members
            | _ -> wrongType place "object"

        match result with
        | Ok spec -> Ok spec
        | Error text when text.StartsWith("Options are", System.StringComparison.Ordinal) ->
            Error(Rule.refuse context (Rule.opening 18) "" text)
        | Error text -> Error(Rule.refuse context (Rule.opening 1) "" text)

    /// The empty text is an older way to say null of a backing (BLK-OPEN-012).
    let rec private withoutEmptyBacking (spec: Spec) : Spec =
        let without (name, child) =
            match name, child with
            | "backing", ChildSpec.Reference "" -> name, ChildSpec.Nothing
            | _, ChildSpec.Inline inner -> name, ChildSpec.Inline(withoutEmptyBacking inner)
            | _ -> name, child

        { spec with Children = List.map without spec.Children }

    /// The options of a blockdev-add (BLK-OPEN-001).
    let checkAdd (context: Context) (value: Value) : Result<Spec, Refusal> =
        check context Top value |> Result.map withoutEmptyBacking

    /// One element of a blockdev-reopen's list (BLK-REOPEN-001).
    let checkReopen (context: Context) (index: int) (value: Value) : Result<Spec, Refusal> =
        check context (Element(Member(Top, "options"), index)) value
