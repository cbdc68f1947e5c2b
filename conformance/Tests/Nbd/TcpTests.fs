/// nbd nodes over TCP: our server, QEMU's and nbdkit's (BLK-NBD-020, BLK-NBD-021, BLK-OPEN-015).
module Ashlar.Conformance.Tests.Nbd.TcpTests

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Sockets
open System.Threading
open Expecto
open Ashlar.Block
open Ashlar.Nbd
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Nbd.Serving

let private content = pattern 65536 7

let private remote name (host: string) (port: string) more =
    node "nbd" name [
        "server", group ([ "type", text "inet"; "host", text host; "port", text port ] @ more)
        "export", text "disk"
    ]

let private clients () = new Stack(LinuxHostFiles(), NbdConnector(Limit = TimeSpan.FromSeconds 5.))

let private readsAndWritesOver (stack: Stack) (name: string) =
    let user = stack.User(name, readsAndWrites)
    Expect.equal (readBytes user 1000L 5000) content[1000..5999] "what the server has"
    writeBytes user 100L (pattern 7000 3)
    flush user
    Expect.equal (readBytes user 100L 7000) (pattern 7000 3) "what was written"
    stack.Detach user

/// Our own server at a port of its choice.
let private ours () =
    Temporary.withDirectory "nbd" (fun directory ->
        use served = new Stack(LinuxHostFiles(), NbdConnector())
        let path = Path.Combine(directory, "disk.img")
        File.WriteAllBytes(path, content)
        served.Add(node "file" "disk" [ "filename", text path ])
        let at = NbdListenAddress.Inet("127.0.0.1", "0")
        let server = NbdServer.Listen(at, served.Graph, NbdServerOptions())

        try
            let port =
                match server.Address with
                | :? NbdListenAddress.Inet as inet -> inet.Port
                | other -> failtest $"it listens at {other}"

            Expect.isNull (served.Graph.TryNbdServerStart()) "the graph knows"

            match served.Graph.TryBlockExportAdd("e", "disk", null, true) with
            | null -> server.Add(Seq.head served.Graph.Exports, null)
            | refusal -> failtest refusal.Text

            for more in [ []; [ "ipv6", flag true ] ] do
                Expect.equal
                    (served.TryAdd(remote "own" "127.0.0.1" port more))
                    (Some $"Failed to connect to '127.0.0.1:{port}': Resource deadlock avoided")
                    "BLK-NBD-024"

            use stack = clients ()

            for name, more in
                [
                    "plain", []
                    "n4", [ "ipv4", flag true; "numeric", flag true; "to", number 1L ]
                    "mapped", [ "ipv6", flag true ]
                    "kept", [ "keep-alive", flag true ]
                ] do
                stack.Add(remote name "127.0.0.1" port more)
                Expect.isNull (stack.Graph.TryBlockdevDel name) name

            stack.Add(remote "n" "127.0.0.1" port [])
            readsAndWritesOver stack "n"

            Expect.equal
                (stack.TryAdd(remote "six" "::1" port [ "ipv6", flag false ]))
                (Some(
                    $"address resolution failed for ::1:{port}: "
                    + "Address family for hostname not supported"
                ))
                "BLK-NBD-021"
        finally
            finish "the server" ((server :> IAsyncDisposable).DisposeAsync().AsTask()))

let private freePort () =
    use listener = new TcpListener(IPAddress.Loopback, 0)
    listener.Start()
    string (listener.LocalEndpoint :?> IPEndPoint).Port

let private listens (port: string) (child: Process) () =
    use socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)

    try
        socket.Connect("127.0.0.1", int port)
        true
    with :? SocketException ->
        child.HasExited

/// A server of another make, until the body ends.
let private foreign program package (arguments: string -> string -> string list) =
    Needs.program program package

    Temporary.withDirectory "nbd" (fun directory ->
        let image = Path.Combine(directory, "a.img")
        File.WriteAllBytes(image, content)
        let port = freePort ()

        use child =
            ProcessStartInfo(program, arguments port image, RedirectStandardError = true)
            |> Process.Start
            |> there

        try
            Expect.isTrue (SpinWait.SpinUntil(listens port child, limit)) $"{program} listens"
            Expect.isFalse child.HasExited $"{program} runs"
            use stack = clients ()
            stack.Add(remote "n" "127.0.0.1" port [])
            readsAndWritesOver stack "n"
        finally
            child.Kill()
            child.WaitForExit())

let tests =
    testList "over TCP" [
        test "our server" { ours () }
        test "nobody listens" {
            use stack = clients ()
            let port = freePort ()

            for host in [ "127.0.0.1"; "localhost" ] do
                Expect.equal
                    (stack.TryAdd(remote "n" host port []))
                    (Some $"Failed to connect to '{host}:{port}': Connection refused")
                    "BLK-NBD-021"
        }
        test "qemu-nbd" {
            foreign "qemu-nbd" "qemu-utils" (fun port image -> [
                "-b"
                "127.0.0.1"
                "-p"
                port
                "-t"
                "-e"
                "8"
                "-f"
                "raw"
                "-x"
                "disk"
                image
            ])
        }
        test "nbdkit" {
            foreign "nbdkit" "nbdkit" (fun port image -> [
                "-f"
                "-i"
                "127.0.0.1"
                "-p"
                port
                "-e"
                "disk"
                "file"
                image
            ])
        }
    ]
