/// NBD exports that are already there, kept in this process: what an nbd node of the engine talks
/// to until there is a client (BLK-OPEN-015, BLK-RO-020).
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.Threading.Tasks
open Ashlar.Block

/// The bytes of one export, in pages that exist once written; shared by all its connections.
[<Sealed>]
type RemoteDisk(lengthBytes: int64, readOnly: bool) =
    let pageBytes = 65_536L
    let pages = Dictionary<int64, byte[]>()

    member _.LengthBytes = lengthBytes
    member _.IsReadOnly = readOnly

    /// Calls `act` for each piece of the range that lies in one page.
    member private _.Pieces(offset: int64, length: int, act: int64 -> int -> int -> int -> unit) =
        let mutable at = 0

        while at < length do
            let position = offset + int64 at
            let within = int (position % pageBytes)
            let count = min (length - at) (int pageBytes - within)
            act (position / pageBytes) within at count
            at <- at + count

    member this.Read(offset: int64, buffer: Memory<byte>) =
        this.Pieces(
            offset,
            buffer.Length,
            fun page within at count ->
                match pages.TryGetValue page with
                | true, bytes -> bytes.AsSpan(within, count).CopyTo(buffer.Span.Slice(at, count))
                | _ -> buffer.Span.Slice(at, count).Clear()
        )

    member this.Write(offset: int64, buffer: ReadOnlyMemory<byte>) =
        this.Pieces(
            offset,
            buffer.Length,
            fun page within at count ->
                let bytes =
                    match pages.TryGetValue page with
                    | true, bytes -> bytes
                    | _ ->
                        let fresh = Array.zeroCreate<byte>(int pageBytes)
                        pages[page] <- fresh
                        fresh

                buffer.Span.Slice(at, count).CopyTo(bytes.AsSpan(within, count))
        )

    member this.Clear(offset: int64, length: int64) =
        // Script requests are small, so zeroes are written like any other bytes.
        this.Write(offset, ReadOnlyMemory(Array.zeroCreate<byte>(int length)))

/// One connection to an export.
[<Sealed>]
type RemoteConnection(disk: RemoteDisk) =
    inherit RemoteExport()

    let fine () = ValueTask<BlockError | null>(null: BlockError | null)

    override _.LengthBytes = disk.LengthBytes
    override _.IsReadOnly = disk.IsReadOnly
    override _.Dispose() = ()

    interface IBlockReader with
        member _.ReadAsync(offsetBytes, buffer) =
            disk.Read(offsetBytes, buffer)
            fine ()

    interface IBlockWriter with
        member _.WriteAsync(offsetBytes, buffer, _) =
            disk.Write(offsetBytes, buffer)
            fine ()

    interface IZeroWriter with
        member _.WriteZeroesAsync(offsetBytes, lengthBytes, _) =
            disk.Clear(offsetBytes, lengthBytes)
            fine ()

    interface IFlusher with
        member _.FlushAsync() = fine ()

/// The servers of a script's world.
[<Sealed>]
type RemoteServers(exports: WorldExport list) =
    let disks =
        dict [ for e in exports -> struct (e.Server, e.Name), RemoteDisk(e.SizeBytes, e.ReadOnly) ]

    let servers = HashSet(exports |> List.map _.Server)

    let refuse kind text = BlockError(kind, text)

    interface IRemoteExportConnector with
        member _.Connect(address, found) =
            let server, reason =
                match address.Path with
                | null -> $"tcp:{address.Server}", "Connection refused"
                | path -> path, "No such file or directory"

            match disks.TryGetValue(struct (server, address.Export)) with
            | true, disk ->
                found <- new RemoteConnection(disk)
                null
            | _ when servers.Contains server ->
                refuse BlockErrorKind.NotFound "Requested export not available"
            | _ ->
                let text = $"Failed to connect to '{address.Server}': {reason}"
                refuse BlockErrorKind.Host text
