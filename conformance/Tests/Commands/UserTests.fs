/// Users of nodes among each other: asking for less is never harder, and giving back never fails.
module Ashlar.Conformance.Tests.Commands.UserTests

open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Commands.Properties

let private drafts = 250

/// Every pair that asks for one bit less or shares one bit more. By induction on bits that is all
/// there is below a pair.
let private oneBitLooser (struct (perm: Perm, shared: Perm)) = [
    for bit in Perm.ordered do
        if Perm.meets bit perm then
            struct (Perm.minus perm bit, shared)

        if not (Perm.meets bit shared) then
            struct (perm, shared ||| bit)
]

let private loosening (profile: Profile) =
    everyStep
        $"BLK-PERM-034 BLK-FILE-006 giving back never fails in any world ({profile.Name})"
        drafts
        profile
        (fun taken ->
            let world, state = taken.Outcome.World, taken.Outcome.State

            for backend in state.Backends.Values |> Seq.filter (fun b -> b.Name <> "") do
                for struct (perm, shared) in oneBitLooser (struct (backend.Perm, backend.Shared)) do
                    let command = BackendSet(backend.Name, perm, shared)
                    let result = outcome profile world state command
                    Expect.isTrue result.Result.IsOk $"{shown command}: {answer result}")

let private monotone =
    everyStep
        "BLK-PERM-003 what is granted is granted to whoever asks for less (I10)"
        (2 * drafts)
        Profile.ashlar
        (fun taken ->
            let granted = taken.Outcome.Result.IsOk

            let asked, looser =
                match taken.Command with
                | BackendAttach(name, node, perm, shared) ->
                    struct (perm, shared), (fun p s -> BackendAttach(name, node, p, s))
                | BackendSet(name, perm, shared) ->
                    struct (perm, shared), (fun p s -> BackendSet(name, p, s))
                | _ -> struct (Perm.None, Perm.All), (fun _ _ -> taken.Command)

            if granted then
                for struct (perm, shared) in oneBitLooser asked do
                    let command = looser perm shared

                    let result = outcome Profile.ashlar taken.WorldBefore taken.StateBefore command

                    Expect.isTrue result.Result.IsOk $"{shown command}: {answer result}")

let private invariants =
    [ Profile.ashlar; Profile.ashlarStatic; Profile.qemu72 ]
    |> List.map (fun profile ->
        everyStep $"I1 to I14 hold after every step ({profile.Name})" 300 profile (fun taken ->
            Invariant.check profile taken.Outcome.World taken.Outcome.State
            |> List.map (fun v -> $"{v.Invariant} at {v.Node}: {v.Text}")
            |> fun found -> Expect.isEmpty found (shown taken.Command)))

/// BLK-PERM-033 and I1 said anew here, so that the oracle is not its own only judge.
let private conflictFree =
    everyStep
        "BLK-PERM-003 nobody ever holds what another parent does not share"
        drafts
        Profile.ashlar
        (fun taken ->
            let state = taken.Outcome.State

            for node in Graph.nodes state do
                let parents = Graph.parents state node

                for a in parents do
                    for b in parents do
                        if a.Id <> b.Id then
                            Expect.isTrue
                                (Perm.subset b.Perm a.Shared)
                                $"{node.Name} after {shown taken.Command}")

let tests =
    testList "users" [
        loosening Profile.ashlar
        loosening Profile.ashlarStatic
        monotone
        conflictFree
        testList "invariants" invariants
    ]
