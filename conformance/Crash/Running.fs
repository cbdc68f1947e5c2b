/// Runs a workload on the block layer, through a graph as users have it: qcow2 over a file, beside
/// a backing file.
namespace Ashlar.Conformance.Crash

open System
open System.Threading.Tasks
open Ashlar.Block

/// What a workload left: the file before it, all that reached the file, and for each step where in
/// the log it began and ended, with the disk after it.
type Run = { Start: byte[]; Backing: byte[] option; Log: Change[]; Marks: Mark[] }

and Mark = {
    Step: Step option
    Began: int
    Ended: int
    Disk: byte[]
    Snapshots: byte[] list
}

/// The block layer said what it must not.
exception Refused of what: string * why: string with
    override this.Message = $"{this.what}: {this.why}"

/// A graph over files in memory: node `n` on `image`, and its user.
[<Sealed>]
type Session(host: IHostFiles, hasBacking: bool, isWritten: bool) =
    let graph = new BlockGraph(BlockGraphOptions(HostFiles = host))

    let expect (what: string) (refusal: BlockError | null) =
        match refusal with
        | null -> ()
        | refusal -> raise (Refused(what, refusal.Text))

    let wait (what: string) (request: ValueTask<BlockError | null>) =
        request.AsTask().GetAwaiter().GetResult() |> expect what

    let add (members: (string * OptionValue) list) =
        let keys, values = List.unzip members
        let options = OptionValue.Dictionary(Array.ofList keys, Array.ofList values)
        graph.TryBlockdevAdd options |> expect "blockdev-add"

    let text (value: string) = OptionValue.Of value

    let readOnly isReadOnly =
        "read-only", (if isReadOnly then OptionValue.True else OptionValue.False)

    let user =
        add [
            "driver", text "file"
            "node-name", text "f"
            "filename", text "image"
            readOnly (not isWritten)
        ]

        if hasBacking then
            add [
                "driver", text "file"
                "node-name", text "b"
                "filename", text "backing"
                readOnly true
            ]

        add [
            "driver", text "qcow2"
            "node-name", text "n"
            "file", text "f"
            if hasBacking then
                "backing", text "b"
            "discard", text "unmap"
            readOnly (not isWritten)
        ]

        let perm =
            if isWritten then
                BlockPermissions.ConsistentRead ||| BlockPermissions.Write
            else
                BlockPermissions.ConsistentRead

        let mutable user: BlockBackend | null = null

        graph.TryBackendAttach("user", "n", perm, BlockPermissions.All, &user) |> expect "attach"

        match user with
        | null -> raise (Refused("attach", "no user"))
        | user -> user

    member _.LengthBytes = user.LengthBytes

    member _.Read(length: int) : byte[] =
        // A read that leaves bytes alone must not look like one of zeroes.
        let buffer = Array.create length 0xA5uy
        user.TryReadAsync(0L, Memory buffer) |> wait "read"
        buffer

    /// What the block layer's own check says: how many corruptions, and the first lines.
    member _.Corruptions() : int64 * string =
        match graph.FindNode "n" with
        | null -> 0L, ""
        | node ->
            match node.Driver with
            | :? Qcow2Driver as driver ->
                match driver.Image with
                | null -> 0L, ""
                | image ->
                    let struct (result, error) =
                        image.CheckAsync().AsTask().GetAwaiter().GetResult()

                    expect "check" error
                    result.Corruptions, result.Lines |> Seq.truncate 3 |> String.concat "; "
            | _ -> 0L, ""

    member private _.Image: Qcow2Image =
        match graph.FindNode "n" with
        | null -> raise (Refused("snapshot", "no node"))
        | node ->
            match node.Driver with
            | :? Qcow2Driver as driver ->
                match driver.Image with
                | null -> raise (Refused("snapshot", "no image"))
                | image -> image
            | _ -> raise (Refused("snapshot", "no qcow2"))

    member this.Do(step: Step) : unit =
        match step with
        | Step.Write(offset, length, seed) ->
            let bytes = ReadOnlyMemory(Disk.bytes length seed)
            user.TryWriteAsync(int64 offset, bytes) |> wait "write"
        | Step.Packed(offset, length, seed) ->
            let bytes = ReadOnlyMemory(Disk.bytes length seed)

            user.TryWriteAsync(int64 offset, bytes, BlockWriteFlags.Compressed)
            |> wait "compressed write"
        | Step.Zero(offset, length, mayUnmap) ->
            let flags =
                if mayUnmap then
                    BlockWriteFlags.MayUnmap
                else
                    BlockWriteFlags.None

            user.TryWriteZeroesAsync(int64 offset, int64 length, flags) |> wait "zero write"
        | Step.Discard(offset, length) ->
            user.TryDiscardAsync(int64 offset, int64 length) |> wait "discard"
        | Step.Resize length -> graph.TryBlockResize("n", int64 length) |> expect "resize"
        | Step.Flush -> user.TryFlushAsync() |> wait "flush"
        | Step.Snapshot ->
            this.Image.CreateSnapshotAsync("s", TimeSpan.Zero) |> wait "making a snapshot"
        | Step.Apply index -> this.Image.ApplySnapshotAsync index |> wait "applying a snapshot"
        | Step.Delete index -> this.Image.DeleteSnapshotAsync index |> wait "deleting a snapshot"
        | Step.Reopen -> ()

    interface IDisposable with
        member _.Dispose() = graph.Dispose()

/// Running.
module Running =
    /// A host with the file as it is given, and a backing file if there is one.
    let host (backing: byte[] option) (image: byte[]) : MemoryHostFiles =
        let host = MemoryHostFiles()
        host.Create("image", MemoryContent.Of(ReadOnlySpan image)) |> ignore

        match backing with
        | Some bytes -> host.Create("backing", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
        | None -> ()

        host

    let private created (making: Making) : byte[] =
        let options =
            Qcow2CreationOptions(
                SizeBytes = int64 making.SizeBytes,
                Version = making.Version,
                ClusterBytes = making.ClusterBytes,
                RefcountBits = making.RefcountBits,
                IsZstandard = making.IsZstandard
            )

        let mutable content = MemoryContent.Empty

        match Qcow2Creation.TryCreate(options, &content) with
        | null -> ()
        | refusal -> raise (Refused("create", refusal.Text))

        let host = MemoryHostFiles()
        let inode = host.Create("image", content)
        let bytes = Array.zeroCreate<byte>(int inode.LengthBytes)
        inode.ReadAsOutsider(0L, Span bytes)
        bytes

    /// Runs a workload; the disk is compared with the model before each reopen and at the end.
    let run (workload: Workload) : Run =
        let making = workload.Making
        let start = created making
        let backing = making.BackingBytes |> Option.map Disk.backing
        let host = RecordingHost(host backing start, "image")
        let openSession () = new Session(host, making.BackingBytes.IsSome, true)
        let marks = ResizeArray<Mark>()
        let mutable disks = Disk.start making

        let mark step began =
            marks.Add {
                Step = step
                Began = began
                Ended = host.Log.Count
                Disk = disks.Now
                Snapshots = disks.Snapshots
            }

        mark None 0
        let mutable session = openSession ()

        let compare () =
            let disk = disks.Now
            let found = session.Read disk.Length

            if session.LengthBytes <> int64 disk.Length || found <> disk then
                raise (Refused("before any crash", "the disk reads as another one"))

        try
            for step in workload.Steps do
                if Disk.fits making disks step then
                    let began = host.Log.Count
                    disks <- Disk.after making disks step

                    match step with
                    | Step.Reopen ->
                        (session :> IDisposable).Dispose()
                        session <- openSession ()
                        compare ()
                    | step -> session.Do step

                    mark (Some step) began

            compare ()
        finally
            (session :> IDisposable).Dispose()

        {
            Start = start
            Backing = backing
            Log = host.Log.ToArray()
            Marks = marks.ToArray()
        }
