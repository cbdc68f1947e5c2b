/// Commands that undo each other.
module Ashlar.Conformance.Tests.Commands.InverseTests

open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Commands.Properties

let private drafts = 300

/// The command undone by another one right after: everything is as it was but the counters.
let private undoes name inverse =
    everyStep name drafts Profile.ashlar (fun taken ->
        match taken.Outcome.Result, inverse taken.Command with
        | Ok _, Some undo ->
            let back = outcome Profile.ashlar taken.Outcome.World taken.Outcome.State undo
            let what = $"{shown taken.Command}, then {shown undo}"
            Expect.isTrue back.Result.IsOk $"{what}: {answer back}"
            expectSameState what back.World taken.StateBefore back.State
            Expect.isTrue (back.World = taken.WorldBefore) what
        | _ -> ())

let private nameOf options =
    match Value.find "node-name" (Value.members options) with
    | ValueSome(Value.Str name) -> Some name
    | _ -> None

let tests =
    testList "inverses" [
        undoes "BLK-GRAPH-004 BLK-OPEN-009 add, then del" (fun command ->
            match command with
            | BlockdevAdd options -> nameOf options |> Option.map BlockdevDel
            | _ -> None)
        undoes "BLK-PERM-040 BLK-PERM-041 attach, then detach" (fun command ->
            match command with
            | BackendAttach(name, _, _, _) -> Some(BackendDetach name)
            | _ -> None)
        undoes "BLK-EXPORT-006 export, then end the export" (fun command ->
            match command with
            | BlockExportAdd(id, _, _, _, _) -> Some(BlockExportDel id)
            | _ -> None)
        everyStep "BLK-PERM-050 set, then set back" drafts Profile.ashlar (fun taken ->
            match taken.Outcome.Result, taken.Command with
            | Ok _, BackendSet(name, _, _) ->
                let old = taken.StateBefore.Backends.Values |> Seq.find (fun b -> b.Name = name)

                // Setting back may be a widening that the world has come to refuse meanwhile;
                // nothing came in between here, so only the step itself can have done that.
                let undo = BackendSet(name, old.Perm, old.Shared)
                let back = outcome Profile.ashlar taken.Outcome.World taken.Outcome.State undo

                if back.Result.IsOk then
                    expectSameState (shown undo) back.World taken.StateBefore back.State
            | _ -> ())
        everyStep
            "BLK-GRAPH-014 a node can be deleted exactly when it is the monitor's and has no parent"
            drafts
            Profile.ashlar
            (fun taken ->
                let state = taken.Outcome.State

                for node in Graph.nodes state do
                    let result =
                        outcome Profile.ashlar taken.Outcome.World state (BlockdevDel node.Name)

                    Expect.equal
                        result.Result.IsOk
                        (node.MonitorOwned && node.Parents.IsEmpty)
                        $"blockdev-del {node.Name}: {answer result}")
    ]
