// file, data path: reads through the reader, everything else through the writer. Completion is
// synchronous behind ValueTask until the I/O engines come. Spec: spec/block/data.md, file.md.
using System;
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
        new(Refusal(Reader.Read(offsetBytes, buffer.Span), offsetBytes));

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        HostErrno errno = Writer is null
            ? HostErrno.BadDescriptor
            : Writer.Write(offsetBytes, buffer.Span);
        return new(Refusal(SyncIfAsked(errno, flags), offsetBytes));
    }

    internal override bool CanZeroFast(long offsetBytes, long lengthBytes) => true;

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        HostErrno errno = Writer is null
            ? HostErrno.BadDescriptor
            : Zero(Writer, offsetBytes, lengthBytes, flags);
        return new(Refusal(SyncIfAsked(errno, flags), offsetBytes));
    }

    /// <summary>
    /// Without a writer nothing was written, so there is nothing to make durable; with
    /// cache.no-flush=on the user takes that risk (BLK-DATA-012).
    /// </summary>
    public ValueTask<BlockError?> FlushAsync() =>
        Writer is null || !IsFlushing ? default : new(Refusal(Writer.Flush(), -1));

    /// <summary>
    /// Gives the space back where the host's file system can (BLK-DATA-015).
    /// </summary>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes)
    {
        HostErrno errno = Writer is null
            ? HostErrno.BadDescriptor
            : Writer.Discard(offsetBytes, lengthBytes);
        return errno == HostErrno.NotSupported ? default : new(Refusal(errno, offsetBytes));
    }

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
    private static HostErrno Zero(HostFile file, long offset, long length, BlockWriteFlags flags)
    {
        if ((flags & BlockWriteFlags.MayUnmap) != 0 && offset + length <= file.Length)
        {
            HostErrno errno = file.Discard(offset, length);
            if (errno != HostErrno.NotSupported)
            {
                return errno;
            }
        }
        return (flags & BlockWriteFlags.NoFallback) != 0
            ? file.ZeroFast(offset, length)
            : file.WriteZeroes(offset, length);
    }

    private bool IsFlushing => !Node.Effective.IsOn(CommonFlags.CacheNoFlush);

    private HostErrno SyncIfAsked(HostErrno errno, BlockWriteFlags flags) =>
        errno == HostErrno.None && (flags & BlockWriteFlags.ForceUnitAccess) != 0 && IsFlushing
            ? Writer!.Flush()
            : errno;

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
