/// What a generator sees of the oracle's state: nodes in an array, and answers to the questions
/// that keep most commands valid.
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

    /// The inode at the end of a chain of primary children.
    let rec imageInode (depth: int) (node: Node) : int voption =
        match node.Settings with
        | Settings.File hold -> ValueSome hold.Inode
        | _ when depth > 64 -> ValueNone
        | _ ->
            let child =
                match Graph.childNamed state node "file" with
                | ValueNone -> Graph.childNamed state node "image"
                | found -> found

            match child with
            | ValueSome edge -> imageInode (depth + 1) state.Nodes[edge.Child]
            | ValueNone -> ValueNone

    let findTainted () =
        perInode.Clear()

        for node in nodes do
            match node.Settings with
            | Settings.Qcow2 image when image.Inode >= 0 ->
                match perInode.TryGetValue image.Inode with
                | true, _ -> tainted.Add image.Inode |> ignore
                | _ -> perInode[image.Inode] <- node.Id
            | _ -> ()

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
    member _.HasNode(name: string) = state.Names.ContainsKey name

    /// Whether a backend has that name.
    member _.HasBackend(name: string) =
        let mutable found = false

        for backend in backends do
            found <- found || String.Equals(backend.Name, name)

        found

    /// A node for which that holds; where the search begins is the generator's luck.
    member _.FindFrom(start: int, holds: Node -> bool) : Node voption =
        let mutable at = 0
        let mutable found = ValueNone

        while found.IsNone && at < nodes.Count do
            let node = nodes[(start + at) % nodes.Count]
            at <- at + 1

            if holds node then
                found <- ValueSome node

        found

    /// Whether a file node has that path.
    member this.IsOpen(path: string) =
        this
            .FindFrom(
                0,
                fun node ->
                    match node.Settings with
                    | Settings.File hold -> String.Equals(hold.Path, path)
                    | _ -> false
            )
            .IsSome

    /// What a node's parents use of it, and what all of them share, without one edge.
    member _.Asked(node: Node, except: int) : struct (Perm * Perm) =
        let mutable used = Perm.None
        let mutable allowed = Perm.All

        for id in node.Parents do
            if id <> except then
                let edge = state.Edges[id]
                used <- used ||| edge.Perm
                allowed <- allowed &&& edge.Shared

        struct (used, allowed)

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

    /// Whether something stands between the node and the file at the end of its chain that shows
    /// other bytes than the file has: a qcow2 node or a raw window.
    member _.IsVeiled(node: Node) : bool =
        let rec go depth (node: Node) =
            let below name = Graph.childNamed state node name

            match node.Settings with
            | Settings.Qcow2 _ -> true
            | Settings.Raw(offset, size) when offset <> 0L || size.IsSome -> true
            | _ when depth > 64 -> true
            | _ ->
                match below "file", below "image" with
                | ValueSome edge, _
                | _, ValueSome edge -> go (depth + 1) state.Nodes[edge.Child]
                | _ -> false

        go 0 node

    /// Whether a qcow2 node has its tables in the node: then nothing may be put between them, since
    /// an image in an image is out of the model.
    member _.IsBelowImage(node: Node) : bool =
        let rec go depth (node: Node) =
            depth > 64
            || node.Parents
               |> List.exists (fun id ->
                   let edge = state.Edges[id]

                   match edge.Parent with
                   | Parent.Backend _ -> false
                   | Parent.Node parent ->
                       not (Role.has Role.Cow edge.Role)
                       && (state.Nodes[parent].Driver = Driver.Qcow2
                           || go (depth + 1) state.Nodes[parent]))

        go 0 node

    /// Whether the node shows the bytes of a qcow2 image, so that qcow2 fits on it.
    member this.IsOnBareImage(node: Node) : bool =
        this.IsOnQcow2Image node && not (this.IsVeiled node)

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
