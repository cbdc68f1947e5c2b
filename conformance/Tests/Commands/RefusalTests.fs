/// What a refused command and a step in general may not do.
module Ashlar.Conformance.Tests.Commands.RefusalTests

open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Commands.Drafts
open Ashlar.Conformance.Tests.Commands.Properties

let private refused =
    testList "a refused command" [
        everyStep
            "BLK-PERM-032 BLK-OPEN-009 BLK-GRAPH-007 leaves the graph as it was"
            400
            Profile.ashlar
            (fun taken ->
                match taken.Outcome.Result with
                | Ok _ -> ()
                | Error _ ->
                    let before, after = taken.StateBefore, taken.Outcome.State
                    let what = shown taken.Command
                    expectSameState what taken.Outcome.World before after
                    // BLK-GRAPH-003: not even the next generated name is another one
                    Expect.equal after.NextName before.NextName what)
        everyStep
            "BLK-FILE-021 BLK-DATA-001 leaves the world as it was"
            400
            Profile.ashlar
            (fun taken ->
                if taken.Outcome.Result.IsError then
                    Expect.isTrue (taken.Outcome.World = taken.WorldBefore) (shown taken.Command))
        everyStep
            "names the requirement that refused it, and explains it"
            150
            Profile.ashlar
            (fun taken ->
                match taken.Outcome.Result with
                | Ok _ -> ()
                | Error refusal ->
                    let steps =
                        Explain.explain
                            Profile.ashlar
                            taken.WorldBefore
                            taken.StateBefore
                            taken.Command

                    Expect.exists
                        steps
                        (fun step -> step.Requirement = refusal.Requirement)
                        $"{shown taken.Command}: {refusal.Text}")
    ]

let private steps =
    testList "a step" [
        for profile in [ Profile.ashlar; Profile.ashlarStatic; Profile.qemu72 ] do
            everyStep $"is a function of its inputs ({profile.Name})" 150 profile (fun taken ->
                let again () = outcomes profile taken.WorldBefore taken.StateBefore taken.Command

                Expect.isTrue (again () = again ()) (shown taken.Command))

        everyStep
            "of the environment changes no node, and no command changes a mode or a name"
            300
            Profile.ashlar
            (fun taken ->
                let before, after = taken.WorldBefore, taken.Outcome.World

                if taken.Command.IsMove then
                    Expect.isTrue (taken.StateBefore = taken.Outcome.State) (shown taken.Command)
                else
                    let modes (world: World) =
                        world.Inodes
                        |> Map.map (fun _ inode -> inode.Mode, inode.Owned, inode.ForeignLocks)

                    Expect.isTrue
                        (before.Paths = after.Paths && modes before = modes after)
                        (shown taken.Command))
        everyStep
            "BLK-DATA-001 of data changes no node, edge, descriptor or lock"
            300
            Profile.ashlar
            (fun taken ->
                if taken.Command.IsRequest then
                    expectSameState
                        (shown taken.Command)
                        taken.Outcome.World
                        taken.StateBefore
                        taken.Outcome.State)
        everyStep "BLK-OPEN-001 has a QMP form that gives it back" 200 Profile.ashlar (fun taken ->
            match taken.Command with
            | Move _
            | Request _
            | BackendAttach _
            | BackendSet _
            | BackendDetach _ -> ()
            | command ->
                match Command.toQmp command ||> Command.ofQmp with
                | Ok same -> Expect.isTrue (same = command) (shown command)
                | Error refusal -> failtest $"{shown command}: {refusal.Text}")
    ]

let tests = testList "refusals and steps" [ refused; steps ]
