/// A real storage daemon under the oracle's profile of its version: the corpus and a short random
/// run, and what becomes of a daemon that dies.
module Ashlar.Conformance.Tests.Qemu.DaemonTests

open System
open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

let private profile = Profile.qemu72

/// The profile speaks of this program; setpriv makes it somebody for whom file modes count.
let private needs () =
    Needs.program ServerKind.qemuProgram "qemu-system-common"
    Needs.program "setpriv" "util-linux"

let private onDaemon (work: SubjectMaker -> 'a) : 'a =
    use scratch = Scratch.Open()

    Plan.onThread (fun () ->
        use maker = Lane.maker (Sut.Server ServerKind.Qemu) profile (Some scratch) "qemu"
        work maker)

let private told (d: Disagreement) = String.Join("\n", Findings.describe profile 100 d)

let private corpus =
    Directory.GetFiles(Path.Combine(Repository.root, "conformance", "corpus"), "*.script")
    |> Array.sort
    |> List.ofArray
    |> List.choose (fun path ->
        match ScriptParser.parse (File.ReadAllText path) with
        | Ok script when
            script.Header.Profile = profile.Name && (QmpScripts.obstacle script).IsNone
            ->
            Some(string (Path.GetFileNameWithoutExtension path), script)
        | _ -> None)

let private script (steps: string) =
    match ScriptParser.parse ("# ashlar-script 1\n#profile qemu-7.2\n" + steps) with
    | Ok script -> script
    | Error wrong -> failtest (TextError.render "script" wrong)

let tests =
    testSequenced (
        testList "qemu" [
            for name, script in corpus do
                test $"the daemon does as {name} says" {
                    needs ()

                    match onDaemon (fun maker -> Plan.check maker script) with
                    | None -> ()
                    | Some d -> failtest (told d)
                }

            test "a daemon that dies gives no verdict but its last words" {
                needs ()

                // Known to kill 7.2; a later version refuses it, and then there is nothing to see.
                let options =
                    Value.Dict [
                        "driver", Value.Str "null-co"
                        "node-name", Value.Str "n0"
                        "size", Value.Int -1L
                    ]

                let deadly = { script "" with Steps = [ Script.step (BlockdevAdd options) ] }

                match onDaemon (fun maker -> Plan.check maker deadly) with
                | None -> ()
                | Some d ->
                    match d.Actual.Answer with
                    | Answer.Broken reason ->
                        Expect.stringStarts reason "died of signal 6" "how it ended"
                    | other -> failtest $"{other}"
            }

            test "nothing is left in the directory" {
                needs ()

                let steps =
                    """#world a.raw raw 1048576
{"execute": "nbd-server-start", "arguments": {"addr": {"type": "unix", "data": {"path": "s"}}}}
{"execute": "blockdev-add", "arguments": {"driver": "file", "node-name": "f", "filename": "a.raw"}}
"""

                use scratch = Scratch.Open()

                let left =
                    Plan.onThread (fun () ->
                        use maker =
                            Lane.maker (Sut.Server ServerKind.Qemu) profile (Some scratch) "qemu"

                        Plan.check maker (script steps) |> Option.iter (told >> failtest)

                        Directory.GetFileSystemEntries(
                            scratch.Directory,
                            "*",
                            SearchOption.AllDirectories
                        ))

                let names = left |> Array.map Path.GetFileName |> Set.ofArray
                Expect.equal names (Set.ofList [ "held"; "qemu"; "world" ]) "files"
            }
        ]
    )
