/// The client: nbd nodes over our server, over QEMU's and nbdkit's, and over servers that lie
/// (BLK-NBD-020 to BLK-NBD-025).
module Ashlar.Conformance.Tests.Nbd.RemoteTests

open System
open System.Diagnostics
open System.IO
open System.Net.Sockets
open System.Threading
open Expecto
open FsCheck
open FsCheck.FSharp
open Ashlar.Block
open Ashlar.Nbd
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Nbd.Serving
open Ashlar.Conformance.Tests.Nbd.Client

let private mib = 1024 * 1024

let private withDirectory body = Temporary.withDirectory "nbd" body

let private remote name path (export: string) more =
    node
        "nbd"
        name
        ([ "server", group [ "type", text "unix"; "path", text path ]; "export", text export ]
         @ more)

/// A graph of its own whose connector gives up soon.
let private clients () = new Stack(LinuxHostFiles(), NbdConnector(Limit = TimeSpan.FromSeconds 5.))

let private withServed body =
    withServer (fun served ->
        use stack = clients ()
        body served stack)

/// A child process that listens at a socket until it is disposed.
type private Server(program: string, arguments: string list, path: string) =
    let child =
        there (Process.Start(ProcessStartInfo(program, arguments, RedirectStandardError = true)))

    do
        let listens () = File.Exists path || child.HasExited
        Expect.isTrue (SpinWait.SpinUntil(listens, limit)) $"{program} listens"
        Expect.isFalse child.HasExited $"{program} runs"

    member _.Kill() =
        child.Kill()
        child.WaitForExit()

    interface IDisposable with
        member this.Dispose() =
            this.Kill()
            child.Dispose()

/// A server of the tests that says fixed bytes to whoever comes, and then closes or waits.
type private Liar(path: string, words: byte[], stays: bool) =
    let socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

    let serve () =
        try
            use client = socket.Accept()
            client.Send(ReadOnlySpan words) |> ignore

            if stays then
                let buffer: byte[] = Array.zeroCreate 4096

                while client.Receive(Span buffer) > 0 do
                    ()
        with :? SocketException ->
            ()

    let thread = Thread(serve, IsBackground = true)

    do
        socket.Bind(UnixDomainSocketEndPoint path)
        socket.Listen 1
        thread.Start()

    interface IDisposable with
        member _.Dispose() =
            socket.Dispose()
            thread.Join limit |> ignore

let private greeting =
    Array.concat [ u64 0x4E42444D41474943UL; u64 0x49484156454F5054UL; u16 3 ]

let private reply option kind payload =
    Array.concat [ u64 0x0003E889045565A9UL; u32 option; u32 kind; sized payload ]

/// Everything a server says until transmission, with simple replies.
let private introduction (size: uint64) flags =
    Array.concat [
        greeting
        reply 8L unsupported [||]
        reply 7L info (Array.concat [ u16 0; u64 size; u16 flags ])
        reply 7L ack [||]
    ]

let private refusals = [
    "no server", (fun (_: string) -> None), "Failed to connect to 'PATH': No such file or directory"
    "a file that is no socket",
    (fun path ->
        File.WriteAllText(path, "x")
        None),
    "Failed to connect to 'PATH': Connection refused"
    "a server that is none",
    (fun path -> Some(new Liar(path, ascii "HTTP/1.1 400 Bad", false))),
    "Bad initial magic received: 0x485454502f312e31"
    "a server without the export",
    (fun path ->
        Some(
            new Liar(
                path,
                Array.concat [ greeting; reply 8L unsupported [||]; reply 7L unknown [||] ],
                true
            )
        )),
    "Requested export not available"
    "a server that wants TLS",
    (fun path ->
        Some(
            new Liar(
                path,
                Array.concat [ greeting; reply 8L 0x80000005L [||]; reply 7L 0x80000005L [||] ],
                true
            )
        )),
    "TLS negotiation required before option 7 (go)"
    "a server that goes",
    (fun path -> Some(new Liar(path, greeting[..9], false))),
    "Failed to read data: Unexpected end-of-file before all bytes were read"
    "a size beyond all",
    (fun path -> Some(new Liar(path, introduction UInt64.MaxValue 1, true))),
    "Could not refresh total sector count: File too large"
]

let private refused make (expected: string) =
    withDirectory (fun directory ->
        let path = Path.Combine(directory, "a.sock")
        let server: Liar option = make path
        use stack = clients ()
        let answer = stack.TryAdd(remote "n" path "" [])
        server |> Option.iter (fun server -> (server :> IDisposable).Dispose())
        Expect.equal answer (Some(expected.Replace("PATH", path))) "BLK-NBD-021")

let private late () =
    withDirectory (fun directory ->
        let path = Path.Combine(directory, "a.sock")
        use _ = new Liar(path, greeting, true)

        use stack =
            new Stack(LinuxHostFiles(), NbdConnector(Limit = TimeSpan.FromMilliseconds 100.))

        Expect.equal
            (stack.TryAdd(remote "n" path "" []))
            (Some "Failed to read data: Connection timed out")
            "BLK-NBD-020: nobody waits without end")

/// Answers to the first request (cookie 16: the first use of the first place) that are lies.
let private lies = [
    "to no request", Array.concat [ u32 0x67446698L; u32 0; u64 99UL ]
    "of a form not agreed on", Array.concat [ u32 0x668e33efL; u16 1; u16 0; u64 16UL; u32 0 ]
    "of no form", u32 0x12345678L
    "half of one", Array.concat [ u32 0x67446698L; u32 0; u64 16UL; Array.create 100 1uy ]
]

let private lied answer =
    withDirectory (fun directory ->
        let path = Path.Combine(directory, "a.sock")
        use _ = new Liar(path, Array.append (introduction 65536UL 1) answer, false)
        use stack = clients ()

        match stack.TryAdd(remote "n" path "" []) with
        | Some _ -> ()
        | None ->
            let user = stack.User("n", BlockPermissions.ConsistentRead)

            for _ in 1..3 do
                Expect.equal
                    (tryRead user 0L (Array.zeroCreate 512))
                    (Some "Input/output error")
                    "BLK-NBD-022, BLK-NBD-023")

let private own (served: Served) =
    served.AddFile("disk", pattern mib 1)
    served.Export("disk", true) |> ignore
    let link = Path.Combine(served.Directory, "link")
    File.CreateSymbolicLink(link, served.Path) |> ignore

    for path in [ served.Path; link ] do
        Expect.equal
            (served.Command(fun () -> served.Stack.TryAdd(remote "n" path "disk" [])))
            (Some $"Failed to connect to '{path}': Resource deadlock avoided")
            "BLK-NBD-024"

let private pair (served: Served) (stack: Stack) =
    served.AddFile("disk", pattern mib 1)
    served.AddFile("fixed", pattern mib 2)
    let disk = served.Export("disk", true)
    served.Export("fixed", false) |> ignore
    stack.Add(remote "n" served.Path "disk" [ "discard", text "unmap" ])
    let user = stack.User("n", readsAndWrites)

    Expect.equal
        (readBytes user 1000L 5000)
        (Array.sub (pattern mib 1) 1000 5000)
        "what the server has"

    writeBytes user 100L (pattern 70000 3)
    flush user
    Expect.equal (readBytes user 100L 70000) (pattern 70000 3) "what was written"
    Expect.isNone (tryZero user 200000L 65536L) "zeroes"
    expectAll user 200000L 65536 0uy
    let mutable discarded = user.TryDiscardAsync(524288L, 65536L).AsTask()
    Expect.isNull discarded.Result "discard"
    let status = user.TryStatusAsync(524288L, 524288L).AsTask().Result
    Expect.equal (status.Flags, status.LengthBytes) (BlockExtentFlags.Zero, 65536L) "BLK-DATA-016"

    Expect.equal
        (stack.TryAdd(remote "r" served.Path "fixed" [ "read-only", flag false ]))
        (Some "NBD export is read-only")
        "BLK-RO-020"

    stack.Add(remote "a" served.Path "fixed" [ "auto-read-only", flag true ])
    Expect.isTrue (there (stack.Graph.FindNode "a")).IsReadOnly "BLK-RO-020: degraded"
    served.Unexport disk

    for _ in 1..2 do
        Expect.equal
            (tryRead user 0L (Array.zeroCreate 512))
            (Some "Input/output error")
            "BLK-NBD-023"

    stack.Detach user
    Expect.isNull (stack.Graph.TryBlockdevDel "n") "BLK-NBD-023: it can be deleted"

/// What is done to a disk, and what a plain array makes of it.
type private Step =
    | Write of offset: int * length: int * seed: int
    | Zero of offset: int * length: int
    | Discard of offset: int * length: int
    | Read of offset: int * length: int
    | Flush

let private steps size =
    let range =
        gen {
            let! offset = Gen.choose (0, size - 1)
            let! longest = Gen.elements [ 1; 512; 4096; 70000; size ]
            let! length = Gen.choose (1, longest)
            return offset, min length (size - offset)
        }

    Gen.frequency [
        4,
        Gen.map2
            (fun (offset, length) seed -> Write(offset, length, seed))
            range
            (Gen.choose (0, 99))
        2, Gen.map Zero range
        1, Gen.map Discard range
        4, Gen.map Read range
        1, Gen.constant Flush
    ]
    |> Gen.listOfLength 30

let private apply (user: BlockBackend) (model: byte[]) step =
    match step with
    | Write(offset, length, seed) ->
        let bytes = pattern length seed
        writeBytes user offset bytes
        Array.blit bytes 0 model offset length
    | Zero(offset, length) ->
        Expect.isNone (tryZero user offset length) "zero"
        Array.Clear(model, offset, length)
    | Discard(offset, length) ->
        Expect.isNull (user.TryDiscardAsync(offset, length).AsTask().Result) "discard"
        let found = readBytes user offset length

        for index in 0 .. length - 1 do
            if found[index] <> 0uy then
                Expect.equal found[index] model[offset + index] "BLK-DATA-015: as before or zero"

        Array.blit found 0 model offset length
    | Read(offset, length) ->
        Expect.equal (readBytes user offset length) model[offset .. offset + length - 1] "read"
    | Flush -> flush user

let private formats: (string * (Served -> unit)) list = [
    "file", (fun served -> served.AddFile("disk", Array.zeroCreate mib))
    "qcow2",
    (fun served ->
        let path = Path.Combine(served.Directory, "disk.qcow2")
        Programs.run "qemu-img" [ "create"; "-q"; "-f"; "qcow2"; path; "1M" ] |> ignore

        served.Command(fun () ->
            served.Stack.Add(
                node "qcow2" "disk" [
                    "discard", text "unmap"
                    "file", node "file" "disk-file" [ "filename", text path ]
                ]
            )))
    "quorum",
    (fun served ->
        for name in [ "a"; "b" ] do
            served.AddFile(name, Array.zeroCreate mib)

        served.Command(fun () ->
            served.Stack.Add(
                node "quorum" "disk" [
                    "vote-threshold", number 2L
                    "children", many [ text "a"; text "b" ]
                ]
            )))
]

let private sequences build =
    Needs.qemuImg ()

    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(12).WithQuietOnSuccess(true),
        Prop.forAll (Arb.fromGen (steps mib)) (fun steps ->
            withServed (fun served stack ->
                build served
                served.Export("disk", true) |> ignore
                stack.Add(remote "n" served.Path "disk" [ "discard", text "unmap" ])
                let user = stack.User("n", readsAndWrites)
                let model = Array.zeroCreate mib
                List.iter (apply user model) steps))
    )

let private foreign program package arguments check =
    Needs.program program package

    withDirectory (fun directory ->
        let path = Path.Combine(directory, "a.sock")
        let image = Path.Combine(directory, "a.img")
        File.WriteAllBytes(image, pattern mib 4)
        use server = new Server(program, arguments path image, path)
        use stack = clients ()
        check server stack path)

let private auto = [ "auto-read-only", flag true ]

let private qemuReadOnly _ (stack: Stack) path =
    Expect.equal
        (stack.TryAdd(remote "w" path "" [ "read-only", flag false ]))
        (Some "NBD export is read-only")
        "BLK-RO-020"

    stack.Add(remote "n" path "" auto)
    Expect.isTrue (there (stack.Graph.FindNode "n")).IsReadOnly "degraded"
    let user = stack.User("n", BlockPermissions.ConsistentRead)
    Expect.equal (readBytes user 511L 5000) (Array.sub (pattern mib 4) 511 5000) "bytes"

let private readWrite _ (stack: Stack) path =
    stack.Add(remote "n" path "" auto)
    let user = stack.User("n", readsAndWrites)
    let model = pattern mib 4
    let random = Gen.sampleWithSeed (Rnd 5UL) 10 3 (steps mib)

    for steps in random do
        List.iter (apply user model) steps

/// In this style nbdkit announces flushes, zeroes, discards and FUA and then refuses them all, to
/// QEMU's tools as well; what is left is to read and to write.
let private oldest _ (stack: Stack) path =
    stack.Add(remote "n" path "" auto)
    let user = stack.User("n", readsAndWrites)
    writeBytes user 1000L (pattern 70000 5)
    Expect.equal (readBytes user 1000L 70000) (pattern 70000 5) "BLK-NBD-020: what was written"

    Expect.equal
        (stack.TryAdd(remote "m" path "name" []))
        (Some "Server does not support non-empty export names")
        "BLK-NBD-020: it has one export"

let private failing _ (stack: Stack) path =
    stack.Add(remote "n" path "" auto)
    let user = stack.User("n", readsAndWrites)

    Expect.equal
        (tryWrite user 0L (Array.create 512 1uy))
        (Some "No space left on device")
        "the server's error"

    Expect.equal (readBytes user 0L 512) (Array.sub (pattern mib 4) 0 512) "and reads go on"

let private killed (server: Server) (stack: Stack) path =
    stack.Add(remote "n" path "" auto)
    let user = stack.User("n", readsAndWrites)
    server.Kill()

    for _ in 1..2 do
        Expect.equal
            (tryWrite user 0L (Array.create 512 1uy))
            (Some "Input/output error")
            "BLK-NBD-023"

let private nbdkit more path image = [ "-f"; "-U"; path ] @ more @ [ "file"; image ]

let private qemuNbd more path image =
    [ "-k"; path; "-t"; "-e"; "4"; "-f"; "raw" ] @ more @ [ image ]

let tests =
    testList "client" [
        for name, make, text in refusals do
            test $"refused: {name}" { refused make text }
        test "a server that says nothing is given up" { late () }
        for name, answer in lies do
            test $"an answer that is a lie: {name}" { lied answer }
        test "a graph does not connect to its own server" { withServer own }
        test "reads, writes, zeroes, discards and asks over our server" { withServed pair }
        for name, build in formats do
            test $"random requests over {name} agree with an array" { sequences build }
        test "qemu-nbd --read-only" {
            foreign "qemu-nbd" "qemu-utils" (qemuNbd [ "--read-only" ]) qemuReadOnly
        }
        test "qemu-nbd, read and written" { foreign "qemu-nbd" "qemu-utils" (qemuNbd []) readWrite }
        test "nbdkit, read and written" { foreign "nbdkit" "nbdkit" (nbdkit []) readWrite }
        test "nbdkit without structured replies and zeroing" {
            foreign "nbdkit" "nbdkit" (nbdkit [ "--no-sr"; "--filter=nozero" ]) readWrite
        }
        test "nbdkit with blocks of 4,096 bytes" {
            let arguments path image =
                [ "-f"; "-U"; path; "--filter=blocksize-policy"; "file"; image ]
                @ [ "blocksize-minimum=4096"; "blocksize-preferred=4096" ]
                @ [ "blocksize-maximum=65536"; "blocksize-error-policy=error" ]

            foreign "nbdkit" "nbdkit" arguments readWrite
        }
        test "nbdkit that is slow and answers out of order" {
            let arguments path image =
                nbdkit [ "--filter=delay" ] path image @ [ "rdelay=1ms"; "wdelay=1ms" ]

            foreign "nbdkit" "nbdkit" arguments readWrite
        }
        test "nbdkit in the old style" {
            foreign "nbdkit" "nbdkit" (nbdkit [ "--oldstyle" ]) oldest
        }
        test "nbdkit that fails" {
            let arguments path image =
                nbdkit [ "--filter=error" ] path image
                @ [ "error-pwrite=ENOSPC"; "error-pwrite-rate=100%" ]

            foreign "nbdkit" "nbdkit" arguments failing
        }
        test "nbdkit that is killed" { foreign "nbdkit" "nbdkit" (nbdkit []) killed }
    ]
