/// The seam between the engine and its host's files, watched: which descriptors are open, in which
/// mode, and which lock bytes were asked for. A descriptor that outlives its node shows here.
namespace Ashlar.Conformance

open System
open Ashlar.Block

/// One open descriptor of the engine.
[<Sealed; AllowNullLiteral>]
type WatchedFile(inner: HostFile, inode: int, onClose: WatchedFile -> unit) =
    inherit HostFile()

    let mutable locks = 0

    let bit byteOffset =
        if byteOffset >= 200 then
            16 <<< (byteOffset - 200)
        else
            1 <<< (byteOffset - 100)

    /// The inode's number in the world.
    member _.Inode = inode
    /// Lock bytes taken and not given up.
    member _.Locks = locks
    /// The descriptor itself.
    member _.Inner = inner
    /// Its place in the list of open descriptors.
    member val Slot = -1 with get, set

    override _.Identity = inner.Identity
    override _.Length = inner.Length
    override _.IsWritable = inner.IsWritable
    override _.Read(offsetBytes: int64, buffer: Span<byte>) = inner.Read(offsetBytes, buffer)

    override _.Write(offsetBytes: int64, buffer: ReadOnlySpan<byte>) =
        inner.Write(offsetBytes, buffer)

    override _.WriteZeroes(offsetBytes, lengthBytes) = inner.WriteZeroes(offsetBytes, lengthBytes)
    override _.Flush() = inner.Flush()

    override _.ReadAsync(offsetBytes, buffer) = inner.ReadAsync(offsetBytes, buffer)
    override _.WriteAsync(offsetBytes, buffer) = inner.WriteAsync(offsetBytes, buffer)

    override _.WriteZeroesAsync(offsetBytes, lengthBytes) =
        inner.WriteZeroesAsync(offsetBytes, lengthBytes)

    override _.FlushAsync() = inner.FlushAsync()
    override _.Truncate lengthBytes = inner.Truncate lengthBytes

    override _.LockShared byteOffset =
        let errno = inner.LockShared byteOffset

        if errno = HostErrno.None then
            locks <- locks ||| bit byteOffset

        errno

    override _.Unlock byteOffset =
        inner.Unlock byteOffset
        locks <- locks &&& ~~~(bit byteOffset)

    override _.IsLockedByOthers byteOffset = inner.IsLockedByOthers byteOffset

    override this.Dispose() =
        inner.Dispose()
        onClose this

/// The host's files, watched. `resolve` makes the path the host sees, `inodeOf` numbers a file as
/// the world does.
[<Sealed>]
type WatchedFiles(inner: IHostFiles, resolve: string -> string, inodeOf: FileIdentity -> int) =
    let opened = ResizeArray<WatchedFile>()

    let closed (file: WatchedFile) =
        // The last one takes the place of the one that goes: order is of no interest here.
        if file.Slot >= 0 then
            let last = opened[opened.Count - 1]
            opened[file.Slot] <- last
            last.Slot <- file.Slot
            opened.RemoveAt(opened.Count - 1)
            file.Slot <- -1

    /// Descriptors that are open now.
    member _.Opened = opened

    /// Closes what a failed run left open.
    member _.CloseAll() =
        while opened.Count > 0 do
            opened[opened.Count - 1].Dispose()

    interface IHostFiles with
        member _.Open(path, mode, file) =
            let mutable found: HostFile | null = null
            let errno = inner.Open(resolve path, mode, &found)

            match found with
            | null ->
                file <- null
                errno
            | inner ->
                let watched = new WatchedFile(inner, inodeOf inner.Identity, closed)
                watched.Slot <- opened.Count
                opened.Add watched
                file <- watched
                errno
