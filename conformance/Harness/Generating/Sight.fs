/// What a generator sees of the oracle's state: nodes in an array, and answers to the questions that
/// keep most commands valid.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open Ashlar.Reference.Block

/// The state a generator looks at. Owned by one generator; looked up anew only when it changed.
[<Sealed>]
type Sight(script: Script) =
    let mutable world = Script.world script
    let mutable state = Graph.empty
    let nodes = ResizeArray<Node>()
    let backends = ResizeArray<Backend>()

    // Inodes on which two qcow2 nodes have stood at once, or that were resized from below: what a
    // node holds of their tables may be stale, so no request goes there any more.
    let tainted = HashSet<int>()
    let perInode = Dictionary<int, int>()

    /// The inode a qcow2 node's tables are in, when its `file` chain is a plain one.
    let rec imageInode (depth: int) (node: Node) : int voption =
        let primary () =
            node.Children
            |> List.tryPick (fun id ->
                let edge = state.Edges[id]

                if Role.has Role.Primary edge.Role then
                    Some edge.Child
                else
                    None)

        match node.Settings with
        | Settings.File hold -> ValueSome hold.Inode
        | _ when depth > 64 -> ValueNone
        | _ ->
            match primary () with
            | Some child -> imageInode (depth + 1) state.Nodes[child]
            | None -> ValueNone

    let findTainted () =
        perInode.Clear()

        for node in nodes do
            if node.Driver = Driver.Qcow2 then
                match imageInode 0 node with
                | ValueSome inode ->
                    match perInode.TryGetValue inode with
                    | true, _ -> tainted.Add inode |> ignore
                    | _ -> perInode[inode] <- node.Id
                | ValueNone -> ()

    member _.World = world
    member _.State = state
    /// Nodes, oldest first.
    member _.Nodes = nodes
    /// Named backends.
    member _.Backends = backends

    /// Looks at a new state.
    member _.Look(newWorld: World, newState: State) =
        world <- newWorld

        if not (obj.ReferenceEquals(state, newState)) then
            state <- newState
            nodes.Clear()
            backends.Clear()

            for entry in state.Nodes do
                nodes.Add entry.Value

            for entry in state.Backends do
                if entry.Value.Name <> "" then
                    backends.Add entry.Value

            findTainted ()

    /// Whether a node has that name.
    member _.HasNode(name: string) =
        let mutable found = false

        for node in nodes do
            found <- found || String.Equals(node.Name, name)

        found

    /// Whether a backend has that name.
    member _.HasBackend(name: string) =
        let mutable found = false

        for backend in backends do
            found <- found || String.Equals(backend.Name, name)

        found

    /// The length of a node.
    member _.Length(node: Node) : int64 = OracleView.lengthOf world state node

    /// The format of the file a chain of primary children ends in.
    member _.IsOnQcow2Image(node: Node) : bool =
        match imageInode 0 node with
        | ValueSome inode ->
            match world.Inodes.TryGetValue inode with
            | true, { Format = Format.Qcow2 _ } -> true
            | _ -> false
        | ValueNone -> false

    /// Whether a request to the node touches only what the model follows: never the bytes of a
    /// qcow2 image except through one qcow2 node (BLK-DATA-003 speaks of guest addresses).
    member _.IsFollowed(node: Node) : bool =
        let rec go (inImage: bool) (depth: int) (node: Node) =
            match node.Settings with
            | Settings.File hold ->
                match world.Inodes.TryGetValue hold.Inode with
                | true, { Format = Format.Qcow2 _ } -> inImage && not (tainted.Contains hold.Inode)
                | true, { Format = Format.Garbage } -> false
                | _ -> not inImage
            | _ when depth > 64 -> false
            | _ ->
                node.Children
                |> List.forall (fun id ->
                    let edge = state.Edges[id]

                    let inImage =
                        if node.Driver = Driver.Qcow2 then
                            not (Role.has Role.Cow edge.Role)
                        else
                            inImage

                    go inImage (depth + 1) state.Nodes[edge.Child])

        go false 0 node
