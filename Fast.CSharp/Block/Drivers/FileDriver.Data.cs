// file, data path: reads through the reader, everything else through the writer, and both
// through whichever engine the file was opened with. Spec: spec/block/data.md, file.md, io.md.
using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class FileDriver
    : IBlockReader,
        IBlockWriter,
        IZeroWriter,
        IFlusher,
        ITruncater,
        IDiscarder,
        IBlockStatus
{
    private const long SectorMask = 511;

    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        Refusal(Reader.ReadAsync(offsetBytes, buffer), offsetBytes);

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        if (Writer is not { } writer)
        {
            return NoWriter(offsetBytes);
        }
        ValueTask<HostErrno> write = writer.WriteAsync(offsetBytes, buffer);
        return Refusal(SyncIfAsked(writer, write, flags), offsetBytes);
    }

    internal override bool CanZeroFast(long offsetBytes, long lengthBytes) => true;

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        if (Writer is not { } writer)
        {
            return NoWriter(offsetBytes);
        }
        ValueTask<HostErrno> zero = ZeroAsync(writer, offsetBytes, lengthBytes, flags);
        return Refusal(SyncIfAsked(writer, zero, flags), offsetBytes);
    }

    /// <summary>
    /// Without a writer nothing was written, so there is nothing to make durable; with
    /// cache.no-flush=on the user takes that risk (BLK-DATA-012).
    /// </summary>
    public ValueTask<BlockError?> FlushAsync() =>
        Writer is null || !IsFlushing ? default : Refusal(Writer.FlushAsync(), -1);

    /// <summary>
    /// Gives the space back where the host's file system can (BLK-DATA-015).
    /// </summary>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes) =>
        Writer is not { } writer
            ? NoWriter(offsetBytes)
            : Refusal(DiscardIfPossibleAsync(writer, offsetBytes, lengthBytes), offsetBytes);

    /// <summary>Holes of the file are not data and read as zeroes (BLK-DATA-016).</summary>
    public ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes)
    {
        bool isData = Reader.IsData(offsetBytes, lengthBytes, out long extentBytes);
        BlockExtentFlags flags = isData ? BlockExtentFlags.Data : BlockExtentFlags.Zero;
        return new(new BlockExtent(flags, extentBytes));
    }

    /// <summary>Sets the file's length (BLK-SIZE-003).</summary>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes)
    {
        HostErrno errno = Writer is null ? HostErrno.BadDescriptor : Writer.Truncate(lengthBytes);
        return new(Refusal(errno, -1)?.WithPrefix("Could not resize file: "));
    }

    // BLK-DATA-017: by a hole where it may be one, by what the host has for zeroes, by bytes.
    private static ValueTask<HostErrno> ZeroAsync(
        HostFile file,
        long offset,
        long length,
        BlockWriteFlags flags
    )
    {
        if ((flags & BlockWriteFlags.MayUnmap) != 0 && offset + length <= file.Length)
        {
            return PunchOrZeroAsync(file, offset, length, flags);
        }
        return (flags & BlockWriteFlags.NoFallback) != 0
            ? file.ZeroFastAsync(offset, length)
            : file.WriteZeroesAsync(offset, length);
    }

    private static async ValueTask<HostErrno> PunchOrZeroAsync(
        HostFile file,
        long offset,
        long length,
        BlockWriteFlags flags
    )
    {
        HostErrno errno = await file.DiscardAsync(offset, length).ConfigureAwait(false);
        return errno == HostErrno.NotSupported
            ? await ZeroAsync(file, offset, length, flags & ~BlockWriteFlags.MayUnmap)
                .ConfigureAwait(false)
            : errno;
    }

    private static async ValueTask<HostErrno> DiscardIfPossibleAsync(
        HostFile file,
        long offset,
        long length
    )
    {
        HostErrno errno = await file.DiscardAsync(offset, length).ConfigureAwait(false);
        return errno == HostErrno.NotSupported ? HostErrno.None : errno;
    }

    private bool IsFlushing => !Node.Effective.IsOn(CommonFlags.CacheNoFlush);

    private ValueTask<HostErrno> SyncIfAsked(
        HostFile file,
        ValueTask<HostErrno> write,
        BlockWriteFlags flags
    ) =>
        (flags & BlockWriteFlags.ForceUnitAccess) != 0 && IsFlushing
            ? SyncAfterAsync(file, write)
            : write;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<HostErrno> SyncAfterAsync(
        HostFile file,
        ValueTask<HostErrno> write
    )
    {
        HostErrno errno = await write.ConfigureAwait(false);
        return errno == HostErrno.None ? await file.FlushAsync().ConfigureAwait(false) : errno;
    }

    private ValueTask<BlockError?> NoWriter(long offsetBytes) =>
        new(Refusal(HostErrno.BadDescriptor, offsetBytes));

    // Most requests are done when they come back from the host, and then nothing waits.
    private ValueTask<BlockError?> Refusal(ValueTask<HostErrno> request, long offsetBytes) =>
        request.IsCompletedSuccessfully
            ? new(Refusal(request.Result, offsetBytes))
            : RefusalAfterAsync(request, offsetBytes);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> RefusalAfterAsync(
        ValueTask<HostErrno> request,
        long offsetBytes
    ) => Refusal(await request.ConfigureAwait(false), offsetBytes);

    private BlockError? Refusal(HostErrno errno, long offsetBytes) =>
        errno == HostErrno.None
            ? null
            : new BlockError(BlockErrorKind.Host, HostErrnoText.Of(errno))
            {
                Errno = errno,
                NodeName = Node.Name,
                Path = Path,
                OffsetBytes = offsetBytes,
            };
}
