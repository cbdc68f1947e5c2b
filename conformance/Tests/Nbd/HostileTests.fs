/// Clients that break the protocol, say half of something, or do nothing: their connection ends or
/// waits, and the others are served (BLK-NBD-002, BLK-NBD-010).
module Ashlar.Conformance.Tests.Nbd.HostileTests

open System
open System.Net.Sockets
open System.Threading
open Expecto
open FsCheck
open FsCheck.FSharp
open Ashlar.Nbd
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Nbd.Serving
open Ashlar.Conformance.Tests.Nbd.Client

let private content = pattern 65536 1

let private export (served: Served) =
    served.AddFile("disk", content)
    served.Export("disk", true) |> ignore

let private withExport body =
    withServer (fun served ->
        export served
        body served)

/// An honest client gets what it asks for.
let private works (served: Served) =
    use client = simple served.Path "disk"
    client.Request(0, 0, 1UL, 512UL, 512L)
    Expect.equal (client.Simple()) (1UL, 0L) "an honest client is served"
    Expect.equal (client.Receive 512) content[512..1023] "with its bytes"

let private count (served: Served) = served.Server.ConnectionCount(Seq.head served.Graph.Exports)

let private ends (served: Served) =
    Expect.isTrue
        (SpinWait.SpinUntil((fun () -> count served = 0), limit))
        "the server forgets the connection"

let private broken = [
    "a wrong magic number", (fun (client: Client) -> client.Send [ Array.create 28 0xeeuy ])
    "DISC", (fun client -> client.Request(2, 0, 0UL, 0UL, 0L))
    "half a request",
    (fun client ->
        client.Send [ Array.create 13 0uy ]
        client.Socket.Shutdown SocketShutdown.Send)
    "half a payload",
    (fun client ->
        client.Request(1, 0, 0UL, 0UL, 4096L)
        client.Send [ Array.create 100 0uy ]
        client.Socket.Shutdown SocketShutdown.Send)
]

/// A payload that is too long is not taken: an answer, and the end.
let private longPayload (served: Served) =
    use client = simple served.Path "disk"
    client.Request(1, 0, 5UL, 0UL, 33554433L)
    Expect.equal (client.Simple()) (5UL, 22L) "BLK-NBD-011"
    Expect.isTrue (client.IsClosed()) "BLK-NBD-010"

/// Asks for far more than it reads, until the server takes no more.
let private neverReads (served: Served) =
    use client = simple served.Path "disk"
    client.Socket.SendTimeout <- 300

    Expect.throwsT<SocketException>
        (fun () ->
            for index in 0..1_000_000 do
                client.Request(0, 0, uint64 index, 0UL, 65536L))
        "BLK-NBD-010: the client is held back"

    works served
    // And a command need not wait for it.
    served.AddFile("other", content)

let private late () =
    Temporary.withDirectory "nbd" (fun directory ->
        use served =
            new Served(
                directory,
                NbdServerOptions(HandshakeLimit = TimeSpan.FromMilliseconds 100.)
            )

        export served
        use silent = new Client(served.Path)
        silent.Greet 3L
        Expect.isTrue (silent.IsClosed()) "BLK-NBD-002: who does not choose is sent away"
        use chosen = simple served.Path "disk"
        use another = new Client(served.Path)
        another.Greet 3L
        Expect.isTrue (another.IsClosed()) "a while later"
        Expect.equal (chosen.Outcome(3, 0, 0UL, 0L)) 0L "who has chosen may stay silent")

let private crowded () =
    Temporary.withDirectory "nbd" (fun directory ->
        use served = new Served(directory, NbdServerOptions(MaxConnections = 2))
        export served
        let first = simple served.Path "disk"
        use second = simple served.Path "disk"
        // The kernel takes it, the server does not greet it.
        use third = new Client(served.Path)
        third.Socket.ReceiveTimeout <- 200

        Expect.throwsT<SocketException>
            (fun () -> third.Receive 1 |> ignore)
            "BLK-NBD-002: no place"

        (first :> IDisposable).Dispose()
        third.Socket.ReceiveTimeout <- 30_000
        third.Greet 3L
        third.Go "disk" |> ignore
        Expect.equal (second.Outcome(3, 0, 0UL, 0L)) 0L "the others are served")

/// More clients than places, each vanishing at another point; what half a payload says is not done.
let private vanishing (served: Served) =
    for round in 0..299 do
        use client = new Client(served.Path)

        if round % 5 > 0 then
            client.Greet 3L

        if round % 5 > 1 then
            client.Go "disk" |> ignore

        match round % 5 with
        | 3 ->
            for index in 0..9 do
                client.Request(0, 0, uint64 index, 0UL, 65536L)
        | 4 ->
            client.Request(1, 0, 1UL, 0UL, 65536L)
            client.Send [ Array.create 40_000 0xeeuy ]
        | _ -> ()

    works served
    ends served
    use client = simple served.Path "disk"
    client.Request(0, 0, 1UL, 0UL, 65536L)
    Expect.equal (client.Simple()) (1UL, 0L) "BLK-NBD-010"
    Expect.sequenceEqual (client.Receive 65536) content "no half of a payload is written"

/// A client that has greeted nobody: it is there until the server sends it away.
let private isThere (client: Client) =
    let greeting: byte[] = Array.zeroCreate 18
    client.Socket.Blocking <- false

    try
        while client.Socket.Receive(Span greeting) > 0 do
            ()

        false
    with :? SocketException as failure ->
        failure.SocketErrorCode = SocketError.WouldBlock

/// A thousand connections, most of them silent; whoever speaks is served all the while.
let private thousand (served: Served) =
    let silent = ResizeArray<Client>()

    try
        use working = simple served.Path "disk"

        for index in 1..1000 do
            silent.Add(new Client(served.Path))

            if index % 100 = 0 then
                works served
                Expect.equal (working.Outcome(3, 0, 0UL, 0L)) 0L "who has chosen stays"

        let left = silent |> Seq.filter isThere |> Seq.length
        Expect.isLessThanOrEqual left NbdServerOptions.HandshakesMost "BLK-NBD-002: the oldest go"
        Expect.isGreaterThan left 0 "BLK-NBD-002: and no others"
    finally
        for client in silent do
            (client :> IDisposable).Dispose()

/// Noise where options or requests should be. The seed is the property's own.
let private noise (served: Served) =
    let bytes =
        Gen.choose (0, 300)
        |> Gen.bind (fun length -> Gen.arrayOfLength length (Gen.choose (0, 255) |> Gen.map byte))

    let place = Gen.elements [ 0; 1; 2 ]

    let say (place, bytes: byte[]) =
        use client = new Client(served.Path)

        try
            match place with
            | 0 -> client.Receive 18 |> ignore
            | 1 ->
                client.Greet 3L
                client.Send [ optionMagic ]
            | _ ->
                client.Greet 3L
                client.Go "disk" |> ignore
                client.Send [ u32 0x25609513L ]

            client.Send [ bytes ]
            client.Socket.Shutdown SocketShutdown.Send
            // Whatever it answers, it comes to an end.
            let buffer = Array.zeroCreate 65536

            while client.Socket.Receive(Span buffer) > 0 do
                ()
        with :? SocketException as failure ->
            Expect.notEqual failure.SocketErrorCode SocketError.TimedOut "the conversation ends"

    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(200).WithQuietOnSuccess(true),
        Prop.forAll (Gen.zip place bytes |> Arb.fromGen) say
    )

    works served

let tests =
    testList "hostile" [
        for name, say in broken do
            test $"the connection ends: {name}" {
                withExport (fun served ->
                    use client = simple served.Path "disk"
                    say client
                    Expect.isTrue (client.IsClosed()) "BLK-NBD-010"
                    ends served
                    works served)
            }
        test "a payload of more than 32 MiB ends it too" { withExport longPayload }
        test "who never reads waits alone" { withExport neverReads }
        test "who never chooses is sent away" { late () }
        test "who finds no place waits for one" { crowded () }
        test "clients vanish at every point" { withExport vanishing }
        test "a thousand clients of whom most are silent" { withExport thousand }
        test "noise is the end of a connection and no more" { withExport noise }
    ]
