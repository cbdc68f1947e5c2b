/// Where a server listens, and what it leaves behind (BLK-NBD-001).
module Ashlar.Conformance.Tests.Nbd.ListenTests

open System
open System.IO
open System.Net
open System.Net.Sockets
open Expecto
open Ashlar.Block
open Ashlar.Nbd
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Nbd.Serving

let private withGraph body =
    Temporary.withDirectory "nbd" (fun directory ->
        use graph = new BlockGraph(BlockGraphOptions(HostFiles = LinuxHostFiles()))
        body graph directory)

let private listen graph address = NbdServer.Listen(address, graph, NbdServerOptions())
let private close (server: NbdServer) = finish "a server" (server.DisposeAsync().AsTask())

let private refusal graph address =
    try
        close (listen graph address)
        "none"
    with :? BlockException as refused ->
        refused.Error.Text

let private unix path = NbdListenAddress.Unix path
let private inet host port = NbdListenAddress.Inet(host, port)

let private names graph directory =
    let path = Path.Combine(directory, "a.sock")
    let server = listen graph (unix path)

    Expect.equal
        (File.GetUnixFileMode path)
        (UnixFileMode.UserRead ||| UnixFileMode.UserWrite)
        "BLK-NBD-001: only its user connects"

    // What a dead process leaves: a socket nobody listens at.
    let left = Path.Combine(directory, "left.sock")
    let dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
    dead.Bind(UnixDomainSocketEndPoint left)
    close (listen graph (unix left))
    Expect.isFalse (File.Exists left) "the name goes with the server"
    dead.Dispose()
    // Another server takes the name; it stays when the first one goes.
    let second = listen graph (unix path)
    close server
    Expect.isTrue (File.Exists path) "BLK-NBD-001: it is not the first one's any more"
    close second
    Expect.isFalse (File.Exists path) "it was the second one's"
    let file = Path.Combine(directory, "file")
    File.WriteAllText(file, "kept")

    Expect.equal
        (refusal graph (unix file))
        $"Failed to bind socket to {file}: Address already in use"
        "BLK-NBD-001: what is no socket stays"

    Expect.equal (File.ReadAllText file) "kept" "and is left alone"

let private ports graph _ =
    let server = listen graph (inet "127.0.0.1" "0")

    match server.Address with
    | :? NbdListenAddress.Inet as address ->
        use client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        client.Connect(IPAddress.Loopback, int address.Port)
        Expect.equal (client.Receive(Span(Array.zeroCreate 8))) 8 "the greeting"

        Expect.equal
            (refusal graph (inet "127.0.0.1" address.Port))
            "Failed to find an available port: Address already in use"
            "BLK-NBD-001"
    | address -> failtestf "%O" address

    close server

    Expect.equal
        (refusal graph (inet "192.0.2.1" "10809"))
        "Failed to bind socket: Cannot assign requested address"
        "BLK-NBD-001"

    Expect.equal
        (refusal graph (inet "127.0.0.1" "nbd?"))
        "address resolution failed for 127.0.0.1:nbd?: Servname not supported for ai_socktype"
        "BLK-NBD-001"

let private everywhere graph _ =
    let server = listen graph (inet "" "0")

    let port =
        match server.Address with
        | :? NbdListenAddress.Inet as address -> int address.Port
        | address -> failtestf "%O" address

    let greets (address: IPAddress) =
        use client = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        client.Connect(address, port)
        client.Receive(Span(Array.zeroCreate 8)) = 8

    Expect.isTrue (greets IPAddress.Loopback) "BLK-SD-008: IPv4"

    if Socket.OSSupportsIPv6 then
        Expect.isTrue (greets IPAddress.IPv6Loopback) "BLK-SD-008: IPv6"

    close server

let tests =
    testList "listening" [
        test "an empty host is every address" { withGraph everywhere }
        test "a socket has a name while its server lives" { withGraph names }
        test "a port" { withGraph ports }
        test "what cannot be bound is refused with QEMU's text" {
            withGraph (fun graph directory ->
                let missing = Path.Combine(directory, "none", "a.sock")

                Expect.equal
                    (refusal graph (unix missing))
                    $"Failed to bind socket to {missing}: No such file or directory"
                    "BLK-NBD-001"

                let long = "/tmp/" + String.replicate 103 "x"

                Expect.equal
                    (refusal graph (unix long))
                    $"UNIX socket path '{long}' is too long"
                    "BLK-NBD-001")
        }
    ]
