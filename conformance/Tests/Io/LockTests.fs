/// A running QEMU and the engine keep each other out of a file, by the same lock bytes.
module internal Ashlar.Conformance.Tests.Io.LockTests

open System
open System.Diagnostics
open System.IO
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2.Images

/// A qemu-io that holds a raw file open until it is disposed.
type private Holder(arguments: string list) =
    let info =
        ProcessStartInfo(
            "qemu-io",
            arguments,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    let child = there (Process.Start info)

    /// Waits until it answers, so that the file is open and locked by then.
    member _.Await() =
        child.StandardInput.WriteLine "length"

        match child.StandardOutput.ReadLine() with
        | null -> failtest (child.StandardError.ReadToEnd())
        | _ -> ()

    interface IDisposable with
        member _.Dispose() =
            child.StandardInput.WriteLine "quit"
            child.WaitForExit()
            child.Dispose()

/// Tries one command with qemu-io; what it says when it fails.
let private qemuIo format (path: string) command (flags: string list) =
    let info =
        ProcessStartInfo(
            "qemu-io",
            flags @ [ "-f"; format; "-c"; command; path ],
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    use child = there (Process.Start info)
    let errors = child.StandardError.ReadToEnd()
    child.WaitForExit()
    if child.ExitCode = 0 then None else Some errors

/// A qcow2 file in a directory of its own.
let private withImage body =
    Needs.qemuIo ()

    Temporary.withDirectory "locks" (fun directory ->
        let path = Path.Combine(directory, "disk.qcow2")
        let mutable created: HostFile | null = null
        LinuxHostFiles.Instance.Create(path, 0o600, &created) |> ignore

        do
            use file = there created

            match Qcow2Creation.TryCreate(file, Qcow2CreationOptions(SizeBytes = 65536L)) with
            | null -> ()
            | refusal -> failtest refusal.Text

        body path)

let private options (members: (string * OptionValue) list) =
    let keys, values = List.unzip members
    OptionValue.Dictionary(Array.ofList keys, Array.ofList values)

let private textOf (refusal: BlockError | null) =
    match refusal with
    | null -> None
    | refusal -> Some refusal.Text

let private newGraph () = new BlockGraph(BlockGraphOptions(HostFiles = LinuxHostFiles.Instance))

let private fileOptions (path: string) extra =
    options ([ "driver", OptionValue.Of "file"; "filename", OptionValue.Of path ] @ extra)

let private named (name: string) = "node-name", OptionValue.Of name

/// A node `n` on the file itself.
let private addFile (graph: BlockGraph) path extra =
    graph.TryBlockdevAdd(fileOptions path (named "n" :: extra)) |> textOf

/// A node `n` of the format, over a file node of its own.
let private addQcow2 (graph: BlockGraph) path extra =
    [ "driver", OptionValue.Of "qcow2"; named "n"; "file", fileOptions path [] ] @ extra
    |> options
    |> graph.TryBlockdevAdd
    |> textOf

let private attach (graph: BlockGraph) perm shared =
    let mutable backend: BlockBackend | null = null
    graph.TryBackendAttach("b", "n", perm, shared, &backend) |> textOf

let private reader = BlockPermissions.ConsistentRead

let private writer = BlockPermissions.ConsistentRead ||| BlockPermissions.Write

let private noWriters = BlockPermissions.ConsistentRead ||| BlockPermissions.WriteUnchanged

let private all = BlockPermissions.All

let private noWriteLock = Some "Failed to get \"write\" lock"

let private noSharedWriteLock = Some "Failed to get shared \"write\" lock"

let private cases =
    testList "locks against a real QEMU" [
        test "QEMU's open image keeps our writers out, not our readers (BLK-FILE-011)" {
            withImage (fun path ->
                for flags in [ []; [ "-r" ] ] do
                    use holder = new Holder(flags @ [ "-f"; "qcow2"; path ])
                    holder.Await()
                    use graph = newGraph ()
                    Expect.isNone (addFile graph path []) "opening takes no lock"
                    Expect.equal (attach graph writer all) noWriteLock "a writer"
                    Expect.isNone (attach graph reader all) "a reader that shares all")
        }
        test "QEMU's writer keeps out who shares no writing (BLK-FILE-011)" {
            withImage (fun path ->
                use holder = new Holder([ "-f"; "raw"; path ])
                holder.Await()
                use graph = newGraph ()
                Expect.isNone (addFile graph path []) "opening takes no lock"
                Expect.equal (attach graph reader noWriters) noSharedWriteLock "unshared"
                Expect.isNone (attach graph writer all) "shared"
                use other = newGraph ()
                let text = addQcow2 other path []
                Expect.equal text noSharedWriteLock "a format shares no writing")
        }
        test "our writer keeps QEMU out, and lets it in afterwards (BLK-FILE-010)" {
            withImage (fun path ->
                use graph = newGraph ()
                Expect.isNone (addFile graph path []) "open"
                Expect.isNone (attach graph writer noWriters) "attach"
                let refused = defaultArg (qemuIo "raw" path "write 0 512" []) "it came in"
                Expect.stringContains refused "Failed to get \"write\" lock" "a writing QEMU"
                let refused = defaultArg (qemuIo "qcow2" path "read 0 512" [ "-r" ]) "it came in"
                let expected = "Failed to get shared \"write\" lock"
                Expect.stringContains refused expected "a QEMU that shares no writing"

                Expect.isNone
                    (qemuIo "qcow2" path "read 0 512" [ "-r"; "-U" ])
                    "one that shares all"

                Expect.isNone (textOf (graph.TryBackendDetach "b")) "detach"
                Expect.isNone (qemuIo "qcow2" path "write 0 512" []) "afterwards")
        }
        test "our open image keeps QEMU out as its own does, and it reads what we wrote" {
            withImage (fun path ->
                do
                    use graph = newGraph ()
                    Expect.isNone (addQcow2 graph path []) "open"
                    let mutable backend: BlockBackend | null = null

                    graph.TryBackendAttach("b", "n", writer, noWriters, &backend)
                    |> textOf
                    |> fun refusal -> Expect.isNone refusal "attach"

                    (there backend).TryWriteAsync(4096L, ReadOnlyMemory(Array.create 512 7uy))
                    |> wait
                    |> orFail "write"

                    let refused = defaultArg (qemuIo "qcow2" path "read 0 512" []) "it came in"
                    Expect.stringContains refused "Failed to get" "while open"

                Expect.isNone (qemuIo "qcow2" path "read -P 7 4096 512" []) "after closing"
                Expect.isNone (qemuIo "qcow2" path "read -P 0 0 4096" []) "around it")
        }
        test "a refused change gives the bytes back that it took in vain (BLK-FILE-012)" {
            withImage (fun path ->
                use graph = newGraph ()
                Expect.isNone (addFile graph path []) "open"

                do
                    use holder = new Holder([ "-r"; "-f"; "qcow2"; path ])
                    holder.Await()
                    Expect.equal (attach graph writer noWriters) noWriteLock "the writer"

                Expect.isNone (qemuIo "qcow2" path "write 0 512" []) "QEMU may write")
        }
        test "with locking=off neither side keeps the other out (BLK-FILE-014)" {
            withImage (fun path ->
                use holder = new Holder([ "-f"; "qcow2"; path ])
                holder.Await()
                use graph = newGraph ()
                Expect.isNone (addFile graph path [ "locking", OptionValue.Of "off" ]) "open"
                Expect.isNone (attach graph writer noWriters) "attach")
        }
    ]

let tests = testSequenced cases
