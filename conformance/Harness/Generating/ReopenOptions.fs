/// Options of blockdev-reopen: what the nodes have, said again, with a few things changed.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// Flat options as a tree again: `cache.direct` becomes an object, `a.0` a list.
module Unflatten =
    let private isIndex (text: string) = text <> "" && String.forall Char.IsAsciiDigit text

    let rec private group (flat: (string list * Value) list) : Value =
        match flat with
        | [ [], value ] -> value
        | _ ->
            let members =
                flat
                |> List.filter (fun (path, _) -> not path.IsEmpty)
                |> List.groupBy (fun (path, _) -> path.Head)
                |> List.map (fun (key, all) ->
                    key, group (all |> List.map (fun (path, value) -> path.Tail, value)))

            if not members.IsEmpty && members |> List.forall (fun (key, _) -> isIndex key) then
                members |> List.sortBy (fun (key, _) -> int key) |> List.map snd |> Value.List
            else
                Value.Dict members

    /// The tree of flat options.
    let tree (flat: (string * Value) list) : (string * Value) list =
        // Most options are flat already.
        if flat |> List.forall (fun (key, _) -> not (key.Contains '.')) then
            flat
        else
            flat
            |> List.map (fun (key, value) -> List.ofArray (key.Split '.'), value)
            |> group
            |> Value.members

/// Making reopen lists. Shares the generator's stream and sight.
[<Sealed>]
type ReopenOptions(dice: Dice, swarm: Swarm, sight: Sight, add: AddOptions) =
    let windows = [| 0L; 512L; 4_096L; 65_536L; 1_048_576L; 1_000L |]

    let set key value members = List.filter (fun (k, _) -> k <> key) members @ [ key, value ]

    let drop key members = List.filter (fun (k, _) -> k <> key) members

    let toggled key (members: (string * Value) list) =
        match Value.find key members with
        | ValueSome(Value.Bool b) ->
            if dice.Percent 50 then
                drop key members
            else
                set key (Value.Bool(not b)) members
        | _ -> set key (Value.Bool true) members

    /// One or two changes, or none: identity is worth asking for, too (BLK-REOPEN-023).
    let changed (node: Node) (members: (string * Value) list) =
        let once members =
            match dice.Below 20 with
            | 0
            | 1
            | 2
            | 3
            | 4
            | 5
            | 6 -> toggled "read-only" members
            | 7
            | 8
            | 9
            | 10 -> toggled "auto-read-only" members
            | 11
            | 12
            | 13 when node.Driver = Driver.Raw && not (sight.IsOnQcow2Image node) ->
                let key = dice.Pick [| "offset"; "size" |]

                if dice.Percent 30 then
                    drop key members
                else
                    set key (Value.Int(dice.Pick windows)) members
            | 14 when node.Driver = Driver.Throttle ->
                set
                    "throttle-group"
                    (Value.Str(dice.Pick [| "tg0"; "tg1"; "tg2"; "nogroup" |]))
                    members
            | 15 -> set "discard" (Value.Str(dice.Pick [| "unmap"; "ignore" |])) members
            | 16 -> set "cache" (Value.Dict [ "no-flush", Value.Bool true ]) members
            | 17 when dice.Percent 40 -> toggled "force-share" members
            | 18 -> set "detect-zeroes" (Value.Str(dice.Pick [| "on"; "on"; "unmap" |])) members
            | _ when dice.Percent 20 && not members.IsEmpty ->
                List.removeAt (dice.Below members.Length) members
            | _ -> members

        let mutable result = members

        for _ in 1 .. dice.Pick [| 0; 1; 1; 1; 2 |] do
            result <- once result

        result

    /// What a node says of itself: explicit options that are no children's.
    let own (node: Node) =
        let isChild (key: string) =
            node.Children
            |> List.exists (fun id ->
                let name = sight.State.Edges[id].Name
                key = name || key.StartsWith(name + ".", StringComparison.Ordinal))

        node.Explicit
        |> List.filter (fun (key, _) ->
            key <> "driver"
            && key <> "node-name"
            && key <> "file"
            && key <> "image"
            && key <> "backing"
            && not (isChild key))
        |> Unflatten.tree

    let rec inlineOf (depth: int) (node: Node) : Value =
        let name = [
            if not (node.Name.StartsWith '#') && dice.Percent 90 then
                "node-name", Value.Str node.Name
        ]

        let driver = [
            if dice.Percent 90 then
                "driver", Value.Str(Graph.driverName node.Driver)
        ]

        Value.Dict(driver @ name @ changed node (own node) @ children (depth + 1) node)

    and child (depth: int) (parent: Node) (edge: Edge) : (string * Value) list =
        let node = sight.State.Nodes[edge.Child]
        let inherits = node.InheritsFrom = parent.Id

        let wanted =
            if parent.Driver = Driver.Qcow2 && edge.Name = "file" then
                Wanted.Image
            else
                Wanted.Anything

        match dice.Below 20 with
        | 0
        | 1 -> [ edge.Name, Value.Str(add.Reference wanted) ]
        | 2 when edge.Name = "backing" -> [ edge.Name, Value.Null ]
        | 3
        | 4
        | 5 when inherits && depth < 6 -> [ edge.Name, inlineOf depth node ]
        | k when inherits && k < 10 && edge.Name = "backing" -> []
        | 19 when dice.Percent 30 -> []
        | _ -> [ edge.Name, Value.Str node.Name ]

    and children (depth: int) (node: Node) : (string * Value) list =
        let edges = node.Children |> List.map (fun id -> sight.State.Edges[id])

        let given =
            edges
            |> List.filter (fun e -> not (e.Name.StartsWith("children.", StringComparison.Ordinal)))
            |> List.distinctBy _.Name
            |> List.collect (child depth node)

        let quorum =
            if node.Driver = Driver.Quorum then
                [
                    "children",
                    edges
                    |> List.rev
                    |> List.map (fun e -> Value.Str sight.State.Nodes[e.Child].Name)
                    |> Value.List
                ]
            else
                []

        let backing =
            if
                node.Driver = Driver.Qcow2
                && not (edges |> List.exists (fun e -> e.Name = "backing"))
            then
                match dice.Below 4 with
                | 0 -> []
                | 1 -> [ "backing", Value.Str(add.Reference Wanted.Backing) ]
                | _ -> [ "backing", Value.Null ]
            else
                []

        given @ quorum @ backing

    let element (node: Node) : Value =
        let members = changed node (own node) @ children 0 node

        let members =
            if dice.Percent swarm.InvalidPercent then
                Spoil.options dice members
            else
                members

        let head = [
            "driver", Value.Str(Graph.driverName node.Driver)
            "node-name", Value.Str(if dice.Percent 1 then "nx" else node.Name)
        ]

        // What was spoilt may say driver and name again, which no JSON object can.
        Value.Dict(head @ members |> List.distinctBy fst)

    /// A list of one to three nodes; several are often neighbours.
    member _.List() : Value list =
        if sight.Nodes.Count = 0 then
            [ Value.Dict [ "driver", Value.Str "null-co"; "node-name", Value.Str "n0" ] ]
        elif dice.Percent 1 then
            []
        else
            let count = dice.Pick [| 1; 1; 1; 1; 2; 2; 3 |]

            // A node that got its name from the graph cannot be named (BLK-REOPEN-016).
            let pick () =
                let start = dice.Below sight.Nodes.Count

                if dice.Percent 92 then
                    sight.FindFrom(start, (fun node -> not (node.Name.StartsWith '#')))
                    |> ValueOption.defaultValue sight.Nodes[start]
                else
                    sight.Nodes[start]

            let mutable node = pick ()
            let mutable listed = []

            for _ in 1..count do
                // A node twice is refused (BLK-REOPEN-002), which is worth seeing now and then.
                if not (List.contains node.Id listed) || dice.Percent swarm.TwicePercent then
                    listed <- node.Id :: listed

                node <-
                    if not node.Children.IsEmpty && dice.Percent 50 then
                        let child = sight.State.Nodes[sight.State.Edges[node.Children.Head].Child]

                        if child.Name.StartsWith '#' && dice.Percent 90 then
                            pick ()
                        else
                            child
                    else
                        pick ()

            listed |> List.rev |> List.map (fun id -> element sight.State.Nodes[id])
