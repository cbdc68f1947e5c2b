/// Worlds in memory: no kernel, thousands a second.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open Ashlar.Block
open Ashlar.Reference.Block

/// The simulated host has regular files only; to an opener a name that leads to something else says
/// so. A pipe is seen to be one once it is open.
[<Sealed>]
type private KindAware(host: MemoryHostFiles, directories: HashSet<uint64>, pipes: HashSet<uint64>)
    =
    interface IHostFiles with
        member _.Open(path, mode, file) =
            match host.Find path with
            | null -> host.Open(path, mode, &file)
            | inode when directories.Contains inode.Number ->
                file <- null
                HostErrno.IsDirectory
            | inode when pipes.Contains inode.Number ->
                match host.Open(path, mode, &file) with
                | HostErrno.None ->
                    nonNull(file).Dispose()
                    file <- null
                    HostErrno.Invalid
                | errno -> errno
            | _ -> host.Open(path, mode, &file)

/// A world over the engine's simulated host.
[<Sealed>]
type MemoryWorld(host: MemoryHostFiles, script: Script) =
    inherit HostWorld()

    let foreign =
        HashSet(
            script.Files
            |> Seq.indexed
            |> Seq.filter (fun (_, f) -> not f.Owned)
            |> Seq.map (fun (i, _) -> uint64 (i + 1))
        )

    let numbersOf format =
        script.Files
        |> Seq.indexed
        |> Seq.filter (fun (_, f) -> f.Format = format)
        |> Seq.map (fun (i, _) -> uint64 (i + 1))
        |> HashSet

    let opener: IHostFiles =
        let directories, pipes = numbersOf Format.Directory, numbersOf Format.Pipe

        if directories.Count = 0 && pipes.Count = 0 then
            host
        else
            KindAware(host, directories, pipes)

    let files = WatchedFiles(opener, id, (fun identity -> int identity.Inode))

    /// The simulated host looks at the owner's bits only, so others' bits take their place in a
    /// file that is not ours.
    let modeOf (owned: bool) (mode: int) = if owned then mode else (mode &&& 7) <<< 6

    override _.Files = files

    override _.Move move =
        match move with
        | Move.Chmod(path, mode) ->
            match host.Find path with
            | null -> ()
            | inode ->
                let owned = not (foreign.Contains inode.Number)
                host.Chmod(path, modeOf owned mode) |> ignore
        | Move.Rename(from, target) -> host.Rename(from, target) |> ignore
        | Move.Unlink path -> host.Unlink path |> ignore
        | Move.TakeLock(path, b) -> host.TakeLock(path, b) |> ignore
        | Move.DropLock(path, b) -> host.DropLock(path, b) |> ignore

    override _.LocksHeld inode =
        let file = host.Inodes[inode - 1]
        let mutable bits = 0

        for i in 0..3 do
            if file.IsLockedByUs(100 + i) then
                bits <- bits ||| (1 <<< i)

            if file.IsLockedByUs(200 + i) then
                bits <- bits ||| (16 <<< i)

        bits

/// Makes worlds in memory; initial contents are made once and shared.
[<Sealed>]
type MemoryWorldMaker() =
    inherit HostWorldMaker()

    let contents = Dictionary<struct (Format * int64), MemoryContent>()

    let fresh (format: Format) (sizeBytes: int64) =
        match format with
        | Format.Qcow2 header ->
            let image = Qcow2Image.make header sizeBytes
            let bytes = Array.zeroCreate<byte>(int image.LengthBytes)

            for offset, piece in image.Pieces do
                piece.CopyTo(bytes, int offset)

            MemoryContent.Of(ReadOnlySpan bytes)
        | Format.Garbage ->
            let bytes = Array.zeroCreate<byte>(int sizeBytes)
            (Script.garbage sizeBytes).CopyTo(bytes, 0)
            MemoryContent.Of(ReadOnlySpan bytes)
        | Format.Raw
        | Format.Pipe
        | Format.Directory -> MemoryContent.Zeroes sizeBytes

    /// The raw disks of a generator come in few sizes; a hostile script's are not kept.
    let cacheEntriesMax = 1_000

    let content (format: Format) (sizeBytes: int64) =
        let key = struct (format, sizeBytes)

        match contents.TryGetValue key with
        | true, found -> found
        | _ ->
            let made = fresh format sizeBytes

            if contents.Count < cacheEntriesMax then
                contents[key] <- made

            made

    override _.Make script =
        let host = MemoryHostFiles()

        for file in script.Files do
            let mode = if file.Owned then file.Mode else (file.Mode &&& 7) <<< 6

            match file.Format with
            | Format.Directory -> host.CreateDirectory(file.Name, mode) |> ignore
            | format -> host.Create(file.Name, content format file.SizeBytes, mode) |> ignore

            for b in file.Locks do
                host.TakeLock(file.Name, b) |> ignore

        new MemoryWorld(host, script)
