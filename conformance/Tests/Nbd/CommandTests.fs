/// Control commands while clients are served (BLK-NBD-003, BLK-DATA-014).
module Ashlar.Conformance.Tests.Nbd.CommandTests

open System
open System.IO
open System.Net.Sockets
open System.Threading
open System.Threading.Tasks
open Expecto
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Nbd.Serving
open Ashlar.Conformance.Tests.Nbd.Client

let private content = pattern 65536 1

let private file (served: Served) name readOnly =
    node "file" name [
        "filename", text (Path.Combine(served.Directory, name + ".img"))
        "read-only", flag readOnly
    ]

/// Reads until the connection ends or it is told to stop, counting the reads that went well.
let private reader (served: Served) (name: string) (stop: bool ref) (reads: int ref) =
    Task.Factory.StartNew(
        (fun () ->
            use client = simple served.Path name

            try
                while not (Volatile.Read &stop.contents) do
                    for index in 0..7 do
                        client.Request(0, 0, uint64 index, uint64 (index * 4096), 4096L)

                    for _ in 0..7 do
                        let cookie, error = client.Simple()
                        Expect.equal error 0L "READ"
                        let start = int cookie * 4096
                        Expect.equal (client.Receive 4096) content[start .. start + 4095] "bytes"
                        Interlocked.Increment &reads.contents |> ignore
            with
            | :? EndOfStreamException
            | :? SocketException -> ()),
        TaskCreationOptions.LongRunning
    )

let private reopened () =
    withServer (fun served ->
        for name in [ "disk"; "other" ] do
            served.AddFile(name, content)
            served.Export(name, false) |> ignore

        let stop = ref false
        let counts = [ for _ in 1..3 -> ref 0 ]
        let names = [ "disk"; "disk"; "other" ]
        let readers = List.map2 (fun name count -> reader served name stop count) names counts
        let goesOn () = counts |> List.exists (fun count -> Volatile.Read &count.contents < 100)
        let mutable round = 0

        // Bounded: a reader that never gets in between two commands is found by the test below.
        while round < 100 || (goesOn () && round < 1_000_000) do
            round <- round + 1
            served.Command(fun () -> served.Stack.Reopen(file served "disk" (round % 2 = 0)))

            if round <= 100 then
                served.Command(fun () -> served.Stack.Add(node "null-co" $"n{round}" []))

        Volatile.Write(&stop.contents, true)
        List.iter (finish "a reader") readers
        Expect.isFalse (goesOn ()) "BLK-DATA-014: requests get in between commands")

let private removed () =
    withServer (fun served ->
        let add (name: string) =
            served.AddFile(name, content)
            served.Export(name, true)

        let disk = add "disk"
        add "other" |> ignore
        let stop = ref false
        let readers = [ for _ in 1..3 -> reader served "disk" stop (ref 0) ]
        let others = reader served "other" stop (ref 0)
        use waiting = simple served.Path "disk"

        Expect.isTrue
            (SpinWait.SpinUntil((fun () -> served.Server.ConnectionCount disk = 4), limit))
            "all are connected"

        served.Unexport disk
        Expect.isTrue (waiting.IsClosed()) "BLK-NBD-003: whoever chose it is cut off"

        for running in readers do
            finish "a reader of the export" running

        Expect.equal (served.Server.ConnectionCount disk) 0 "none is left"
        Expect.isFalse others.IsCompleted "BLK-NBD-003: the other export's client is not"
        Volatile.Write(&stop.contents, true)
        finish "the other reader" others
        // Nothing holds the node any more.
        served.Command(fun () -> Expect.isNull (served.Graph.TryBlockdevDel "disk") "deleted")
        use again = new Client(served.Path)
        again.Greet 3L
        let name = Array.append (sized (ascii "disk")) (u16 0)
        Expect.equal (fst (again.Refusal(7L, name))) unknown "and nobody chooses it any more")

let tests =
    testList "commands" [
        test "reopens and adds happen while clients read" { reopened () }
        test "an export that goes takes its connections with it" { removed () }
    ]
