/// The oracle and the storage daemon over the same files: what neither can use is refused by both
/// in the same words.
module Ashlar.Conformance.Tests.Serving.SameAsDaemonTests

open System
open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Cli

let private file name =
    "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"file\", \"node-name\": \"f\", "
    + "\"filename\": \""
    + name
    + "\"}}"

let private secret more =
    "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"secret\", \"id\": \"s\""
    + more
    + "}}"

let private server path =
    "{\"execute\": \"nbd-server-start\", \"arguments\": {\"addr\": {\"type\": \"unix\", \"data\": "
    + "{\"path\": \""
    + path
    + "\"}}}}"

let private commands = [
    file ""
    file "directory"
    file "pipe"
    file "/dev/null"
    file "missing"
    file "a\\u0000b"
    secret ""
    secret ", \"file\": \"\""
    secret ", \"file\": \"a\\u0000b\""
    secret ", \"file\": \"missing\""
    secret ", \"file\": \"directory\""
    secret ", \"file\": \"pipe\""
    secret ", \"file\": \"empty\", \"data\": \"\""
    """{"execute": "object-del", "arguments": {"id": "s"}}"""
    secret ", \"file\": \"empty\""
    secret ", \"file\": \"\""
    server ""
    server "nbd.sock"
    server ""
    """{"execute": "query-named-block-nodes"}"""
    """{"execute": "quit"}"""
]

/// What a server answers, without its greeting.
let private answers (child: Diagnostics.Process) : string list =
    child.StandardInput.WriteLine """{"execute": "qmp_capabilities"}"""

    for command in commands do
        child.StandardInput.WriteLine command

    child.StandardInput.Close()
    let ended = Storaged.Daemon.finish child
    Expect.equal ended.Code 0 ended.Errors

    ended.Out.Split("\n", StringSplitOptions.RemoveEmptyEntries)
    |> List.ofArray
    |> List.skip 2

let tests =
    testList "the same as the daemon" [
        test "BLK-FILE-020 BLK-OBJ-004 BLK-EXPORT-007 names that lead nowhere" {
            Temporary.withDirectory "same" (fun directory ->
                let at name = Path.Combine(directory, name)
                Directory.CreateDirectory(at "directory") |> ignore
                File.WriteAllBytes(at "empty", [||])
                Libc.mkfifo (at "pipe")
                use oracle = Driving.start directory [ "oracle" ]
                let expected = answers oracle
                let options = [ "storaged"; "--chardev"; "stdio,id=m"; "--monitor"; "m" ]
                use daemon = Storaged.Daemon.startAshlar directory options
                let actual = answers daemon
                Expect.equal actual.Length commands.Length "every command is answered"

                for command, expected, actual in List.zip3 commands expected actual do
                    Expect.equal actual expected command)
        }

        test "BLK-QMP-004 BLK-SD-016 an id as deep as a message may be ends no server" {
            let id = String('[', 1_023) + String(']', 1_023)

            let asked =
                "{\"execute\": \"qmp_capabilities\", \"id\": " + id + "}\n{\"execute\": \"quit\"}"

            Temporary.withDirectory "deep" (fun directory ->
                use oracle = Driving.start directory [ "oracle" ]
                oracle.StandardInput.WriteLine asked
                oracle.StandardInput.Close()
                let ended = Storaged.Daemon.finish oracle
                Expect.equal ended.Code 0 ended.Errors
                Expect.stringContains ended.Out ("{\"return\":{},\"id\":" + id + "}") "the id")
        }
    ]
