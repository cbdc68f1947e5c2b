/// Bad input over a monitor's socket: whatever comes, the next client is served.
/// Spec: spec/block/storaged.md (BLK-SD-016).
module Ashlar.Conformance.Tests.Storaged.HostileTests

open System
open System.Diagnostics
open System.IO
open System.Text
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Storaged.Daemon

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private noise =
    let bytes = Array.zeroCreate 100_000
    Random(20_181_105).NextBytes bytes
    bytes

/// What a client may send, whole or cut off.
let private inputs = [
    "nothing", [||]
    "half a command", utf8 "{\"execute\": \"qmp_capab"
    "half a string", utf8 "{\"execute\": \"\\ud8"
    "no JSON", utf8 "hello\n"
    "wrong types",
    utf8 "{\"execute\": 5}\n[]\n7\n\"x\"\n{\"execute\": \"quit\", \"arguments\": 1}\n"
    "binary noise", noise
    "a zero byte", [| 0uy |]
    "deep nesting", utf8 (String('[', 1_000_000))
    "deep objects", utf8 (String.replicate 100_000 "{\"a\":")
    "an id as deep as a message may be",
    utf8 (
        "{\"execute\": \"qmp_capabilities\", \"id\": "
        + String('[', 1_023)
        + String(']', 1_023)
        + "}\n"
    )
    "a long string", utf8 ("{\"execute\": \"" + String('x', 4_000_000) + "\"}\n")
    "a long number", utf8 ("{\"execute\": " + String('9', 1_000_000) + "}\n")
    "closing brackets", utf8 (String(']', 100_000) + "}}}}\n")
    "commands before negotiation", utf8 (String.replicate 1_000 "{\"execute\": \"quit\"}\n")
]

let private exporting =
    [ "--nbd-server"; "addr.type=unix,addr.path=nbd.sock" ]
    @ [ "--blockdev"; "driver=null-co,node-name=n,size=1048576,read-zeroes=on" ]
    @ [ "--export"; "type=nbd,id=e,node-name=n,name=disk" ]

/// Clients at both doors who say nothing, and what the daemon spends on them.
let private crowd (directory: string) (child: Process) =
    let server = Path.Combine(directory, "nbd.sock")

    let silent: IDisposable list = [
        for _ in 1..1000 do
            new Nbd.Client.Client(server)

            match tryConnect directory "a.sock" with
            | Some client -> client
            | None -> ()
    ]

    using (Nbd.Client.simple server "disk") (fun client ->
        client.Request(0, 0, 7UL, 0UL, 512L)
        Expect.equal (client.Simple()) (7UL, 0L) "the NBD server serves")

    (talk directory child "b" :> IDisposable).Dispose()
    child.Refresh()
    Expect.isLessThan child.WorkingSet64 (512L <<< 20) "memory"

    let descriptors = Directory.GetFileSystemEntries($"/proc/{child.Id}/fd").Length
    Expect.isLessThan descriptors (Ashlar.Nbd.NbdServerOptions.HandshakesMost + 200) "descriptors"
    signal (child.Id, 15) |> ignore
    let ended = finish child
    Expect.equal ended.Code 0 $"BLK-SD-014: {ended.Errors}"
    silent |> List.iter _.Dispose()

let tests =
    testList "bad input" [
        test "BLK-NBD-002 BLK-SD-016 a thousand silent clients at every door, and SIGTERM" {
            withDaemon (monitorAt "a" @ monitorAt "b" @ exporting) (fun directory child ->
                (talk directory child "b" :> IDisposable).Dispose()
                crowd directory child)
        }

        test "BLK-SD-016 a client goes in the middle of a reply" {
            withDaemon (monitorAt "m") (fun directory child ->
                for _ in 1..20 do
                    using (talk directory child "m") (fun client ->
                        client.Send(String.replicate 20 "{\"execute\": \"query-qmp-schema\"}\n")
                        // A reply has begun, and most of them are still to come.
                        client.Line() |> ignore)

                quit directory child "m")
        }

        test "BLK-SD-016 whatever a client sends and whenever it goes, the next one is served" {
            withDaemon (monitorAt "m") (fun directory child ->
                for name, bytes in inputs do
                    // Sent and left at once: replies meet a connection that is gone.
                    using (connect directory child "m.sock") (fun client ->
                        try
                            client.Send bytes
                        with :? IOException ->
                            ())

                    Expect.isFalse child.HasExited name
                    (talk directory child "m" :> IDisposable).Dispose()

                quit directory child "m")
        }

        test "BLK-SD-016 a client that is told what is wrong goes on" {
            withDaemon (monitorAt "m") (fun directory child ->
                using (talk directory child "m") (fun client ->
                    for text in [ "{\"execute\": \"nothing\"}"; "[1]"; "{\"execute\": 5}"; "{}" ] do
                        Expect.stringContains (client.Ask text) "\"error\"" text)

                quit directory child "m")
        }

        test "BLK-SD-016 a client that never reads holds up only its own monitor" {
            withDaemon (monitorAt "a" @ monitorAt "b") (fun directory child ->
                use silent = talk directory child "a"
                let asked = utf8 (String.replicate 20_000 "{\"execute\": \"nothing\"}\n")
                let sending = silent.SendInBackground asked
                (talk directory child "b" :> IDisposable).Dispose()
                Expect.isFalse sending.IsFaulted "the silent client"
                child.Refresh()
                // A daemon that kept every reply would grow with each of them.
                Expect.isLessThan child.WorkingSet64 (512L <<< 20) "memory"
                quit directory child "b")
        }

        test "BLK-OBJ-004 BLK-SD-016 a pipe that says nothing is no secret" {
            withDaemon (monitorAt "a" @ monitorAt "b") (fun directory child ->
                Ashlar.Conformance.Libc.mkfifo (Path.Combine(directory, "pipe"))

                using (talk directory child "a") (fun client ->
                    let reply =
                        client.Ask(
                            "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": "
                            + "\"secret\", \"id\": \"s\", \"file\": \"pipe\"}}"
                        )

                    Expect.stringContains reply "is no regular file" "the reason")

                quit directory child "b")
        }

        test "BLK-SD-016 a thousand clients, one after the other and all at once" {
            withDaemon (monitorAt "a" @ monitorAt "b") (fun directory child ->
                for _ in 1..500 do
                    (connect directory child "a.sock" :> IDisposable).Dispose()

                // The queue is short: who finds it full is refused by the host, and the rest wait.
                let waiting = [ 1..500 ] |> List.choose (fun _ -> tryConnect directory "a.sock")

                (talk directory child "b" :> IDisposable).Dispose()
                waiting |> List.iter (fun client -> (client :> IDisposable).Dispose())
                (talk directory child "a" :> IDisposable).Dispose()
                quit directory child "b")
        }
    ]
