/// Users of nodes: backends, their masks, and the requests they make.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// Making backends and requests. Shares the generator's stream and sight.
[<Sealed>]
type Users(dice: Dice, add: AddOptions, sight: Sight) =
    let names = [| "b0"; "b1"; "b2"; "b3" |]

    let typicalPerms = [|
        Perm.CR
        Perm.CR
        Perm.CR ||| Perm.W
        Perm.CR ||| Perm.W
        Perm.CR ||| Perm.W ||| Perm.RZ
        Perm.W
        Perm.WU
        Perm.RZ
        Perm.None
    |]

    let typicalShares = [|
        Perm.All
        Perm.All
        Perm.All
        Perm.CR ||| Perm.WU
        Perm.CR ||| Perm.WU ||| Perm.RZ
        Perm.CR
        Perm.None
    |]

    let mask (typical: Perm[]) =
        if dice.Percent 85 then
            dice.Pick typical
        else
            enum<Perm>(dice.Below 16)

    let anyNode () = add.Reference Wanted.Anything

    /// Masks that fit a node more often than not: no writer for a read-only one.
    let masks (node: string) : struct (Perm * Perm) =
        let perm = mask typicalPerms

        let perm =
            match Graph.byName sight.State node with
            | Some found when not found.Writable && dice.Percent 80 -> perm &&& Perm.CR
            | _ -> perm

        struct (perm, mask typicalShares)

    let freeName () =
        if dice.Percent 2 && sight.Nodes.Count > 0 then
            sight.Nodes[dice.Below sight.Nodes.Count].Name
        else
            let mutable name = dice.Pick names
            let mutable tries = 0

            while tries < 8 && sight.HasBackend name && dice.Percent 97 do
                name <- dice.Pick names
                tries <- tries + 1

            name

    let takenName () =
        if sight.Backends.Count = 0 || dice.Percent 4 then
            dice.Pick names
        else
            sight.Backends[dice.Below sight.Backends.Count].Name

    let lengths = [| 0L; 1L; 512L; 512L; 1_000L; 4_096L; 4_096L; 65_536L; 65_536L; 131_072L |]

    /// Offset and length: mostly inside, near the places where something changes.
    let range (lengthBytes: int64) : struct (int64 * int64) =
        let length = dice.Pick lengths

        if dice.Percent 4 then
            struct (dice.Pick [| -1L; lengthBytes; lengthBytes + 512L; Int64.MaxValue |], length)
        elif dice.Percent 1 then
            struct (0L, -512L)
        else
            let room = max 0L (lengthBytes - length)
            let granule = dice.Pick [| 1L; 512L; 4_096L; 65_536L; 65_536L |]
            let slots = int (min (room / granule) 1_000_000L) + 1
            let mutable offset = int64 (dice.Below slots) * granule

            if dice.Percent 10 then
                offset <- room

            if dice.Percent 5 then
                offset <- max 0L (offset - 256L)

            struct (offset, length)

    let request (kind: int) (backend: Backend) : Command =
        let node = sight.State.Nodes[sight.State.Edges[backend.Root].Child]
        let struct (offset, length) = range (sight.Length node)

        match kind with
        | 0 -> Request.Read(offset, length)
        | 1 -> Request.Write(offset, length, byte (dice.Between(1, 255)))
        | 2 -> Request.WriteZeroes(offset, length)
        | _ -> Request.Flush
        |> fun r -> Request(backend.Name, r)

    let permitted (kind: int) (backend: Backend) =
        match kind with
        | 0 -> Perm.meets backend.Perm Perm.CR
        | 1
        | 2 -> Perm.meets backend.Perm Perm.W
        | _ -> true

    /// How many backend names there are.
    member _.NamesCount = names.Length

    /// A backend attached anew.
    member _.Attach() : Command =
        let node = anyNode ()
        let struct (perm, shared) = masks node
        BackendAttach(freeName (), node, perm, shared)

    /// Other masks for a backend.
    member _.Set() : Command = BackendSet(takenName (), mask typicalPerms, mask typicalShares)

    /// A backend detached.
    member _.Detach() : Command = BackendDetach(takenName ())

    /// A read (0), write (1), zero write (2) or flush (3) that the model can follow; an attach when
    /// nobody is there to ask.
    member this.Request(kind: int) : Command =
        let mutable found = ValueNone
        let mutable tries = 0

        while found.IsNone && tries < 4 && sight.Backends.Count > 0 do
            let backend = sight.Backends[dice.Below sight.Backends.Count]
            let node = sight.State.Nodes[sight.State.Edges[backend.Root].Child]

            if sight.IsFollowed node && (permitted kind backend || dice.Percent 4) then
                found <- ValueSome backend

            tries <- tries + 1

        match found with
        | ValueSome backend -> request kind backend
        | ValueNone when dice.Percent 3 -> Request("nobody", Request.Flush)
        | ValueNone -> this.Attach()

    /// A new length for a node whose bytes the model follows.
    member _.Resize() : Command =
        let sizes = [|
            0L
            512L
            1_000L
            65_536L
            66_048L
            1_048_576L
            1_049_088L
            2_097_152L
            5_000_000L
            -1L
            9_223_372_035_781_033_985L
        |]

        let mutable name = anyNode ()
        let mutable tries = 0

        let follows name =
            match sight.Nodes |> Seq.tryFind (fun n -> n.Name = name) with
            | Some node -> sight.IsFollowed node
            | None -> true

        while tries < 6 && not (follows name) do
            name <- anyNode ()
            tries <- tries + 1

        let canResize (node: Node) =
            node.Writable && node.Driver <> Driver.NullCo && node.Driver <> Driver.Quorum

        if sight.Nodes.Count > 0 && dice.Percent 60 then
            let node = sight.Nodes[dice.Below sight.Nodes.Count]

            if canResize node && follows node.Name then
                name <- node.Name

        BlockResize((if follows name then name else "nx"), dice.Pick sizes)
