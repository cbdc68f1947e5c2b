/// `ashlar-conform oracle`: the specification as a QMP server over real files.
module Ashlar.Conformance.Tests.Serving.OracleServerTests

open System
open System.Diagnostics
open System.IO
open System.Net.Sockets
open System.Runtime.InteropServices
open System.Security.Cryptography
open System.Text.Json
open System.Threading
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Cli
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

/// A server that hangs must not hang the tests.
let private patienceMilliseconds = 60_000

/// Talks to the program over its standard streams, in a directory; then it gets quit.
let private over (directory: string) (arguments: string list) (talk: QmpClient -> 'a) : 'a =
    use child = Driving.start directory ("oracle" :: arguments)
    use _ = new Timer((fun _ -> child.Kill()), null, patienceMilliseconds, Timeout.Infinite)

    use client = new QmpClient(child.StandardOutput.BaseStream, child.StandardInput.BaseStream)

    client.Greet()
    let result = talk client
    client.Execute [ "quit", Value.Dict [] ] |> ignore
    child.WaitForExit()
    Expect.equal child.ExitCode 0 "the exit code after quit"
    result

let private on (files: (string * int64) list) (arguments: string list) talk =
    Temporary.withDirectory "oracle" (fun directory ->
        for name, sizeBytes in files do
            use file = File.Create(Path.Combine(directory, name))
            file.SetLength sizeBytes

        over directory arguments (talk directory))

let private json (text: string) : Value =
    match Json.parse 1 text with
    | Ok value -> value
    | Error wrong -> failtest (TextError.render text wrong)

let private ask (client: QmpClient) (command: string) (arguments: string) : QmpReply =
    match client.Execute [ command, json arguments ] with
    | [ reply ] -> reply
    | _ -> failtest "a command has one reply"

let private value (reply: QmpReply) : JsonElement =
    match reply with
    | QmpReply.Return value -> value
    | QmpReply.Error(cls, text) -> failtest $"refused: {cls}: {text}"

let private does client command arguments = ask client command arguments |> value |> ignore

let private refusal (reply: QmpReply) : string =
    match reply with
    | QmpReply.Return value -> failtest $"not refused: {value}"
    | QmpReply.Error(_, text) -> text

let private text (name: string) (element: JsonElement) : string =
    string (element.GetProperty(name).GetString())

let private items (element: JsonElement) : JsonElement list = List.ofSeq (element.EnumerateArray())

let private addFile (node: string) (path: string) =
    $"""{{"driver": "file", "node-name": "{node}", "filename": "{path}"}}"""

let private answers =
    testList "answers" [
        test "a refusal is explained by the requirement behind it" {
            on [ "a.raw", 1_048_576L ] [] (fun _ client ->
                let early = ask client "x-ashlar-explain" "{}" |> refusal
                Expect.equal early "No command was refused yet" "before any refusal"
                does client "blockdev-add" (addFile "f" "a.raw")
                let twice = ask client "blockdev-add" (addFile "f" "a.raw") |> refusal
                let why = ask client "x-ashlar-explain" "{}" |> value
                Expect.equal (text "desc" why) twice "the text"
                Expect.equal (text "requirement" why) "BLK-GRAPH-001" "the requirement"
                Expect.equal (text "execute" why) "blockdev-add" "the command"
                Expect.stringContains (text "must" why) "MUST" "its own words"
                let steps = items (why.GetProperty "derivation") |> List.map string
                Expect.exists steps _.StartsWith("> BLK-GRAPH-001") "the step that decides")
        }

        test "a command of the wrong form is refused and explained as such" {
            on [] [] (fun _ client ->
                let wrong = ask client "blockdev-del" """{"node-name": 1}""" |> refusal
                Expect.equal wrong "Invalid parameter type for 'node-name', expected: string" ""
                let why = ask client "x-ashlar-explain" "{}" |> value
                Expect.equal (text "requirement" why) "BLK-OPEN-001" "the requirement"
                let more = ask client "query-block-exports" """{"x": 1}""" |> refusal
                Expect.equal more "Parameter 'x' is unexpected" "an argument too many")
        }

        test "an export that goes tells so, also when its server stops" {
            on [ "a.raw", 4_096L ] [] (fun _ client ->
                does client "blockdev-add" (addFile "f" "a.raw")

                let server = """{"addr": {"type": "unix", "data": {"path": "nbd.sock"}}}"""

                let export id =
                    $"""{{"type": "nbd", "id": "{id}", "node-name": "f", "name": "{id}"}}"""

                does client "nbd-server-start" server
                does client "block-export-add" (export "e1")
                does client "block-export-add" (export "e2")
                let exports = ask client "query-block-exports" "{}" |> value |> items
                Expect.equal (List.map (text "id") exports) [ "e2"; "e1" ] "newest first"
                does client "block-export-del" """{"id": "e1"}"""
                client.Await("BLOCK_EXPORT_DELETED", "id", "e1")
                does client "nbd-server-stop" "{}"
                client.Await("BLOCK_EXPORT_DELETED", "id", "e2"))
        }

        test "it says which profile it follows, and has that profile's commands" {
            on [] [ "--profile"; "qemu-3.1" ] (fun _ client ->
                let version = ask client "query-version" "{}" |> value
                Expect.stringContains (text "package" version) "profile qemu-3.1" "the package"
                let major = version.GetProperty("qemu").GetProperty("major").GetInt32()
                Expect.equal major 3 "the version"
                let names = ask client "query-commands" "{}" |> value |> items
                let names = names |> List.map (text "name") |> set
                Expect.isTrue (names.Contains "human-monitor-command") "an old command"
                Expect.isFalse (names.Contains "blockdev-reopen") "a new command"
                let reopen = ask client "blockdev-reopen" """{"options": []}""" |> refusal
                Expect.stringContains reopen "blockdev-reopen has not been found" "its refusal")
        }
    ]

let private fingerprint (directory: string) =
    Directory.GetFileSystemEntries(directory, "*", SearchOption.AllDirectories)
    |> Array.sort
    |> Array.map (fun path ->
        let hash = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes path))
        path, hash, File.GetLastWriteTimeUtc path, File.GetUnixFileMode path)

let private lengthOf (client: QmpClient) (node: string) : int64 =
    ask client "query-named-block-nodes" """{"flat": true}"""
    |> value
    |> items
    |> List.find (fun n -> text "node-name" n = node)
    |> fun n -> n.GetProperty("image").GetProperty("virtual-size").GetInt64()

let private files =
    testList "files" [
        test "what a command does to a file is known and not done" {
            on [ "a.raw", 8_192L ] [] (fun directory client ->
                let before = fingerprint directory
                does client "blockdev-add" (addFile "f" "a.raw")
                does client "block_resize" """{"node-name": "f", "size": 65536}"""
                Expect.equal (lengthOf client "f") 65_536L "the length after resizing"
                does client "blockdev-del" """{"node-name": "f"}"""
                does client "blockdev-add" (addFile "g" "a.raw")
                Expect.equal (lengthOf client "g") 65_536L "the length of another node"
                Expect.equal (fingerprint directory) before "the directory")
        }

        test "what somebody else does to a file is seen" {
            on [ "a.raw", 8_192L ] [] (fun directory client ->
                let path = Path.Combine(directory, "a.raw")
                does client "blockdev-add" (addFile "f" "a.raw")
                does client "block_resize" """{"node-name": "f", "size": 65536}"""
                File.WriteAllBytes(path, Array.zeroCreate 1_024)
                Expect.equal (lengthOf client "f") 1_024L "the length after a write"
                File.Move(path, path + "2")
                let gone = ask client "blockdev-add" (addFile "g" "a.raw") |> refusal
                Expect.equal gone "Could not open 'a.raw': No such file or directory" "a name"
                Expect.equal (lengthOf client "f") 1_024L "the length of a renamed file")
        }

        test "lock bytes of other processes count, and none stays behind" {
            on [ "a.raw", 8_192L ] [] (fun directory client ->
                // Another owner than the server, though it is the same file.
                let path = Path.Combine(directory, "a.raw")
                let other = Libc.createFile (Path.Combine(directory, "b.raw"))
                File.Move(Path.Combine(directory, "b.raw"), path, true)
                Libc.lockShared other 201

                let node access =
                    $"""{{"driver": "file", "node-name": "f{access}", "filename": "a.raw"}}"""

                does client "blockdev-add" (node 0)

                does
                    client
                    "nbd-server-start"
                    """{"addr": {"type": "unix", "data": {"path": "nbd.sock"}}}"""

                let export = """{"type": "nbd", "id": "e", "node-name": "f0", "writable": true}"""

                let locked = ask client "block-export-add" export |> refusal
                Expect.equal locked "Failed to get \"write\" lock" "while it is locked"
                Libc.unlock other 201
                does client "block-export-add" export
                Expect.equal (Libc.lockedByOthers other) 0 "locks that the server took"

                let file =
                    ask client "x-ashlar-query-files" "{}" |> value |> items |> List.exactlyOne

                Expect.equal (file.GetProperty("writable").GetInt32()) 1 "descriptors to write"
                let inode = file.GetProperty("inode").GetInt64()
                Expect.equal (uint64 inode) (Libc.inodeOfPath path) "the host's number"
                Libc.close other)
        }

        test "an image's header leads to its backing file" {
            Needs.qemuImg ()

            Temporary.withDirectory "oracle" (fun directory ->
                let create arguments =
                    Programs.run "qemu-img" ("create" :: "-q" :: "-f" :: "qcow2" :: arguments)
                    |> ignore

                let at name = Path.Combine(directory, name)
                create [ at "base.qcow2"; "2M" ]
                create [ "-b"; "base.qcow2"; "-F"; "qcow2"; at "top.qcow2" ]

                over "/" [ "--directory"; directory ] (fun client ->
                    let options =
                        """{"driver": "qcow2", "node-name": "q",
                            "file": {"driver": "file", "filename": "top.qcow2"}}"""

                    does client "blockdev-add" (options.Replace("\n", ""))
                    Expect.equal (lengthOf client "q") 2_097_152L "the guest's length"

                    let nodes = ask client "query-named-block-nodes" "{}" |> value |> items

                    let files = nodes |> List.map (text "file") |> List.countBy id |> Map.ofList
                    let expected = Map [ "base.qcow2", 2; "top.qcow2", 2 ]
                    Expect.equal files expected "files of the nodes"
                    let top = nodes |> List.find (fun n -> text "node-name" n = "q")
                    Expect.equal (text "backing_file" top) "base.qcow2" "the backing file"))
        }
    ]

/// A client of a socket, as soon as somebody listens there, and what takes its connection away.
let private connect (path: string) : QmpClient * Socket =
    let socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
    let clock = Stopwatch.StartNew()

    while not socket.Connected do
        try
            socket.Connect(UnixDomainSocketEndPoint path)
        with :? SocketException when clock.ElapsedMilliseconds < int64 patienceMilliseconds ->
            Thread.Sleep 10

    socket.ReceiveTimeout <- patienceMilliseconds
    let stream = new NetworkStream(socket, true)
    let client = new QmpClient(stream, stream)
    client.Greet()
    client, socket

/// A server at the socket `s` of a directory, killed when the body leaves it alive.
let private listening (directory: string) (body: Process -> string -> unit) : unit =
    use child = Driving.start directory [ "oracle"; "--socket"; "s" ]

    try
        body child (Path.Combine(directory, "s"))
    finally
        child.Kill()
        child.WaitForExit()

/// The server ended as it should, and took its socket away.
let private expectEnd (child: Process) (path: string) (after: string) : unit =
    child.WaitForExit()
    Expect.equal child.ExitCode 0 $"the exit code after {after}"
    Expect.isFalse (File.Exists path) $"the socket after {after}"

[<DllImport("libc", EntryPoint = "kill")>]
extern int private sendSignal(int processId, int number)

let private terminate = 15

let private sockets =
    testList "socket" [
        test "clients come one after another and find what was there" {
            Temporary.withDirectory "oracle" (fun directory ->
                listening directory (fun child path ->
                    let first, socket = connect path
                    let mode = File.GetUnixFileMode path
                    let own = UnixFileMode.UserRead ||| UnixFileMode.UserWrite
                    Expect.equal mode own "the mode of the socket"
                    does first "blockdev-add" """{"driver": "null-co", "node-name": "n"}"""
                    // In the middle of a command.
                    socket.Send("{\"execute\": \"quer"B) |> ignore
                    socket.Dispose()
                    let second, socket = connect path
                    use _ = socket
                    let length = lengthOf second "n"
                    Expect.equal length 1_073_741_824L "the node of the first client"
                    let busy = Driving.run directory [ "oracle"; "--socket"; "s" ]
                    Driving.refused "--socket s: somebody listens there" busy
                    does second "quit" "{}"
                    expectEnd child path "quit"))
        }

        test "a signal removes the socket, and what a dead server left is replaced" {
            Temporary.withDirectory "oracle" (fun directory ->
                listening directory (fun _ path -> (snd (connect path)).Dispose())
                Expect.isTrue (File.Exists(Path.Combine(directory, "s"))) "a killed server's"

                listening directory (fun child path ->
                    let client, socket = connect path
                    use _ = socket
                    does client "query-version" "{}"
                    Expect.equal (sendSignal (child.Id, terminate)) 0 "the signal is sent"
                    expectEnd child path "a signal"))
        }

        test "a file in the socket's place is left alone" {
            Temporary.withDirectory "oracle" (fun directory ->
                let path = Path.Combine(directory, "s")
                File.WriteAllText(path, "mine")
                let ended = Driving.run directory [ "oracle"; "--socket"; "s" ]
                Driving.refused "--socket s: there is something that is no socket" ended
                Expect.equal (File.ReadAllText path) "mine" "the file"
                let nowhere = Driving.run directory [ "oracle"; "--directory"; "gone" ]
                Driving.refused "--directory gone: there is no such directory" nowhere)
        }
    ]

/// Random scripts by the bench itself, on the oracle served as one of those who judge.
let private judged (served: string) (judge: string) : Driving.Ended =
    Needs.program "setpriv" "util-linux"

    Temporary.withDirectory "oracle" (fun directory ->
        Driving.run directory [
            "run"
            "--lane"
            "qemu"
            "--sut"
            $"exec:{Driving.commandLine} oracle --profile {served}"
            "--profile"
            judge
            "--seed"
            "3"
            "--steps"
            "200"
            "--out"
            "found"
        ])

let private byItself =
    testList "judged by itself" [
        for profile in [ "ashlar"; "qemu-7.2" ] do
            test $"as {profile} it agrees with itself" {
                let ended = judged profile profile
                Expect.equal ended.Code 0 $"the exit code; it said: {ended.Errors}{ended.Out}"
                Expect.stringContains ended.Out "\nno disagreement\n" "the verdict"
                Expect.isFalse (ended.Out.Contains "not compared") "everything is compared"
            }

        test "as another profile it is found out" {
            Needs.program "setpriv" "util-linux"
            let name = "405-listed-twice-in-7.2.script"
            let path = Path.Combine(Repository.root, "conformance", "corpus", name)

            let replay profile =
                Driving.runWith [] [
                    "replay"
                    "--sut"
                    $"exec:{Driving.commandLine} oracle --profile {profile}"
                    path
                ]

            let right = replay "qemu-7.2"
            Expect.equal right.Code 0 $"the exit code; it said: {right.Errors}{right.Out}"
            let wrong = replay "ashlar"
            Expect.equal wrong.Code 1 $"the exit code; it said: {wrong.Errors}{wrong.Out}"
        }
    ]

let tests = testSequenced (testList "oracle server" [ answers; files; sockets; byItself ])
