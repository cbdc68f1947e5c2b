/// A file that keeps what reaches it, in order, so that any moment of it can be made again.
namespace Ashlar.Conformance.Crash

open System
open System.Collections.Generic
open Ashlar.Block

/// A change of a file, or a flush, which covers all changes before it.
[<RequireQualifiedAccess>]
type Change =
    | Write of offset: int64 * bytes: byte[]
    | Zero of offset: int64 * length: int64
    | Length of length: int64
    | Flush

/// A file of a host that keeps a log.
[<Sealed>]
type RecordingFile(inner: HostFile, log: List<Change>) =
    inherit HostFile()

    let after (change: Change) (errno: HostErrno) =
        if errno = HostErrno.None then
            log.Add change

        errno

    override _.Identity = inner.Identity
    override _.Length = inner.Length
    override _.IsWritable = inner.IsWritable
    override _.Read(offset: int64, buffer: Span<byte>) = inner.Read(offset, buffer)

    override _.Write(offset: int64, buffer: ReadOnlySpan<byte>) =
        let bytes = buffer.ToArray()
        inner.Write(offset, buffer) |> after (Change.Write(offset, bytes))

    override _.WriteZeroes(offset, length) =
        inner.WriteZeroes(offset, length) |> after (Change.Zero(offset, length))

    override _.Truncate length = inner.Truncate length |> after (Change.Length length)
    override _.Flush() = inner.Flush() |> after Change.Flush
    override _.LockShared byteOffset = inner.LockShared byteOffset
    override _.Unlock byteOffset = inner.Unlock byteOffset
    override _.IsLockedByOthers byteOffset = inner.IsLockedByOthers byteOffset
    override _.Dispose() = inner.Dispose()

/// A host one of whose files keeps a log.
[<Sealed>]
type RecordingHost(inner: IHostFiles, recorded: string) =
    /// What reached the file, over all times that it was open.
    member val Log = List<Change>()

    interface IHostFiles with
        member this.Open(path, mode, file) =
            let mutable found: HostFile | null = null
            let errno = inner.Open(path, mode, &found)

            match found with
            | null -> file <- null
            | opened when path = recorded -> file <- new RecordingFile(opened, this.Log)
            | opened -> file <- opened

            errno
