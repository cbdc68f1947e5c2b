/// The laws of read-only and auto-read-only.
module Ashlar.Conformance.Tests.Commands.ReadOnlyTests

open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Commands.Properties

let private drafts = 300

let private paths = [ "disk"; "other"; "readable"; "hidden"; "image"; "gone"; "" ]

/// Opening one more file node, in a state and world as they have become.
let private openFile path flags =
    BlockdevAdd(
        Value.Dict(
            [
                "driver", Value.Str "file"
                "node-name", Value.Str "probe"
                "filename", Value.Str path
            ]
            @ (flags |> List.map (fun name -> name, Value.Bool true))
        )
    )

let private everyPath name profile check =
    everyStep name drafts profile (fun taken ->
        for path in paths do
            let opens flags =
                isAccepted profile taken.Outcome.World taken.Outcome.State (openFile path flags)

            check path opens)

let private opening =
    testList "opening a file" [
        everyPath
            "BLK-RO-012 dynamic: auto-read-only opens exactly what read-only opens"
            Profile.ashlar
            (fun path opens ->
                Expect.equal (opens [ "auto-read-only" ]) (opens [ "read-only" ]) path)
        everyPath
            "BLK-RO-016 static: auto-read-only opens exactly what either of the two opens"
            Profile.ashlarStatic
            (fun path opens ->
                Expect.equal (opens [ "auto-read-only" ]) (opens [] || opens [ "read-only" ]) path)
        everyPath
            "BLK-RO-002 read-only opens the same with auto-read-only as without"
            Profile.ashlar
            (fun path opens ->
                Expect.equal (opens [ "read-only"; "auto-read-only" ]) (opens [ "read-only" ]) path)
    ]

let private isReadOnly (node: Node) = List.contains ("read-only", Value.Bool true) node.Effective

let private changes = Perm.writing ||| Perm.RZ

let private dominates (profile: Profile) =
    everyStep
        $"BLK-RO-002 an explicit read-only=on wins ({profile.Name})"
        drafts
        profile
        (fun taken ->
            let state = taken.Outcome.State

            for node in Graph.nodes state |> Seq.filter isReadOnly do
                let what = $"{node.Name} after {shown taken.Command}"
                Expect.isFalse node.Writable what

                for edge in Graph.parents state node do
                    Expect.isFalse (Perm.meets edge.Perm changes) $"{what}: {edge.Perm}"

                match node.Settings with
                | Settings.File hold -> Expect.isFalse hold.WritableFd what
                | _ -> ())

/// BLK-RO-010 in both directions, for every file node of the dynamic policy.
let private descriptor =
    everyStep
        "BLK-RO-010 BLK-FILE-001 a descriptor is writable exactly while a writer is attached"
        drafts
        Profile.ashlar
        (fun taken ->
            let state = taken.Outcome.State

            for node in Graph.nodes state do
                match node.Settings with
                | Settings.File hold ->
                    let struct (perm, _) = Graph.cumulative state node

                    let wanted =
                        node.Writable && (not node.AutoReadOnly || Perm.meets perm changes)

                    let what = $"{node.Name} after {shown taken.Command}"
                    Expect.equal hold.WritableFd wanted what
                    Expect.isTrue hold.ReadOnlyFd what
                | _ -> ())

let tests =
    testList "read-only" [
        opening
        dominates Profile.ashlar
        dominates Profile.ashlarStatic
        descriptor
    ]
