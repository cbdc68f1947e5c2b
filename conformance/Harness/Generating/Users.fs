/// Users of nodes: backends, their masks, and the requests they make.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// Making backends and requests. Shares the generator's stream and sight.
[<Sealed>]
type Users(dice: Dice, swarm: Swarm, add: AddOptions, sight: Sight) =
    let names = [| "b0"; "b1"; "b2"; "b3" |]
    let ranges = Ranges dice

    // Whether the last change of data has not been looked at yet.
    let mutable isUnread = false

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

    /// For scripts about data.
    let widePerms = [|
        Perm.CR
        Perm.CR ||| Perm.W
        Perm.CR ||| Perm.W
        Perm.CR ||| Perm.W ||| Perm.RZ
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

    /// Masks that fit a node more often than not: no writer for a read-only one, nothing that
    /// another parent does not share, and nothing unshared that another parent has.
    let masks (except: int) (node: Node option) : struct (Perm * Perm) =
        let perm, shared =
            if dice.Percent swarm.WidePercent then
                dice.Pick widePerms, Perm.All
            else
                mask typicalPerms, mask typicalShares

        match node with
        | Some found when dice.Percent 85 ->
            let struct (used, allowed) = sight.Asked(found, except)

            let allowed =
                if found.Writable || found.AutoReadOnly then
                    allowed
                else
                    allowed &&& Perm.CR

            struct (perm &&& allowed, shared ||| used)
        | _ -> struct (perm, shared)

    let find holds = sight.FindFrom(dice.Below sight.Nodes.Count, holds)

    let sizes = [| 512L; 1_024L; 65_536L; 66_048L; 131_072L; 1_048_576L; 1_049_088L; 2_097_152L |]

    let freeName () =
        if dice.Percent 1 && sight.Nodes.Count > 0 then
            sight.Nodes[dice.Below sight.Nodes.Count].Name
        else
            let start = dice.Below names.Length
            let mutable tries = 0
            let name () = names[(start + tries) % names.Length]

            while tries < names.Length && sight.HasBackend(name ()) && dice.Percent 99 do
                tries <- tries + 1

            name ()

    let takenName () =
        if sight.Backends.Count = 0 || dice.Percent 4 then
            dice.Pick names
        else
            sight.Backends[dice.Below sight.Backends.Count].Name

    let request (kind: int) (backend: Backend) : Command =
        let node = sight.State.Nodes[sight.State.Edges[backend.Root].Child]
        let struct (offset, length) = ranges.Draw(sight.Length node)

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

    /// A backend attached anew; when all names are taken one is given back most often.
    member _.Attach() : Command =
        if names |> Array.forall sight.HasBackend && dice.Percent 90 then
            BackendDetach(takenName ())
        else
            let node = anyNode ()
            let struct (perm, shared) = masks -1 (Graph.byName sight.State node)
            BackendAttach(freeName (), node, perm, shared)

    /// Other masks for a backend.
    member _.Set() : Command =
        let name = takenName ()

        let struct (perm, shared) =
            match Graph.backend sight.State name with
            | Some backend ->
                let node = sight.State.Nodes[sight.State.Edges[backend.Root].Child]
                masks backend.Root (Some node)
            | None -> masks -1 None

        BackendSet(name, perm, shared)

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

    /// Looks at what is about to be asked for, whoever asks.
    member _.Notice(command: Command) =
        let change first last =
            ranges.Note(first, last)
            isUnread <- true

        match command with
        | Request(_, Request.Write(offset, length, _))
        | Request(_, Request.WriteZeroes(offset, length)) ->
            change offset (offset + min length 1_048_576L)
        | BlockResize(name, length) ->
            match Graph.byName sight.State name with
            | Some node ->
                // What is cut off, or what is new.
                let before = sight.Length node
                let low, high = min before length, max before length

                if low >= 0L then
                    change (max 0L (low - 512L)) (min high (low + 66_048L))
            | None -> ()
        | _ -> ()

    /// Whether data changed and nobody has looked since.
    member _.IsUnread = isUnread

    /// Reads what changed last, through any backend: another node may have to show it, too.
    member this.ReadBack() : Command =
        isUnread <- dice.Percent 40
        let mutable found = ValueNone
        let mutable tries = 0

        while found.IsNone && tries < 4 && sight.Backends.Count > 0 do
            let backend = sight.Backends[dice.Below sight.Backends.Count]
            let node = sight.State.Nodes[sight.State.Edges[backend.Root].Child]

            if sight.IsFollowed node && permitted 0 backend then
                found <- ValueSome struct (backend, node)

            tries <- tries + 1

        match found with
        | ValueSome(backend, node) ->
            let struct (offset, length) = ranges.Last(sight.Length node)
            Request(backend.Name, Request.Read(offset, length))
        | ValueNone when sight.Backends.Count < names.Length ->
            let node = anyNode ()

            let struct (_, allowed) =
                match Graph.byName sight.State node with
                | Some found -> sight.Asked(found, -1)
                | None -> struct (Perm.None, Perm.All)

            BackendAttach(freeName (), node, Perm.CR &&& allowed, Perm.All)
        | ValueNone -> BackendDetach(takenName ())

    /// A new length for a node whose bytes the model follows.
    member this.Resize() : Command =
        let canResize (node: Node) =
            node.Writable
            && node.Driver <> Driver.NullCo
            && node.Driver <> Driver.Quorum
            && node.Driver <> Driver.Nbd
            && sight.IsFollowed node
            && (let struct (_, allowed) = sight.Asked(node, -1)
                Perm.meets allowed Perm.RZ)

        let fits = if dice.Percent 85 then find canResize else ValueNone

        let node =
            match fits with
            | ValueSome node -> ValueSome node
            | ValueNone when dice.Percent 92 -> find sight.IsFollowed
            | ValueNone -> ValueNone

        match node with
        | ValueNone when swarm.Commands[8] > 0 && dice.Percent 80 -> this.Attach()
        | ValueNone -> BlockResize("nx", 65_536L)
        | ValueSome node ->
            let before = max 0L (sight.Length node)

            let length =
                match dice.Below 16 with
                | 0 when dice.Percent 40 -> -1L
                | 0 when dice.Percent 40 -> 9_223_372_035_781_033_985L
                | 1 when dice.Percent 60 -> 1_000L
                | 1
                | 2 -> 0L
                | 3
                | 4
                | 5 -> before + dice.Pick [| 0L; 512L; 65_536L; 131_072L |]
                | 6
                | 7
                | 8 -> max 512L ((before / 2L) &&& ~~~511L)
                | 9 -> max 0L (before - 512L)
                | _ -> dice.Pick sizes

            BlockResize(node.Name, length)
