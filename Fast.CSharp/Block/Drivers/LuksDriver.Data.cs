// luks, data path: sectors are encrypted by themselves, so that whoever writes part of one reads it
// first, and is alone with it meanwhile. Spec: spec/formats/luks.md (FMT-LUKS-010, FMT-LUKS-019).
using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class LuksDriver : IBlockReader, IBlockWriter, IZeroWriter, ITruncater
{
    private const long SectorMask = SectorCipher.SectorBytes - 1;

    // What is encrypted at a time: it stays in a core's cache between cipher and kernel.
    private const int WindowBytes = 256 << 10;

    private readonly WriteRanges _writes = new();

    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        long rest = Math.Max(0, LengthBytes - offsetBytes);
        int inside = (int)Math.Min(rest, buffer.Length);
        buffer.Span[inside..].Clear();
        buffer = buffer[..inside];
        return _volume?.Cipher is not { } cipher ? new(Locked())
            : buffer.IsEmpty ? default
            : IsWhole(offsetBytes, buffer.Length) ? ReadSectorsAsync(cipher, offsetBytes, buffer)
            : ReadPartsAsync(cipher, offsetBytes, buffer);
    }

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    ) => WriteAsync(offsetBytes, buffer.Length, buffer, flags);

    /// <summary>Zeroes are encrypted, too: a hole of the file is no zeroes of the disk.</summary>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    ) => WriteAsync(offsetBytes, lengthBytes, default, flags);

    /// <inheritdoc/>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes) =>
        lengthBytes > long.MaxValue - Header!.PayloadBytes
            ? new(
                new BlockError(
                    BlockErrorKind.InvalidArgument,
                    "The requested file size is too large"
                )
            )
            : Node.File!.TruncateAsync(lengthBytes + Header.PayloadBytes);

    private static bool IsWhole(long offset, long length) => ((offset | length) & SectorMask) == 0;

    private static long Down(long offset) => offset & ~SectorMask;

    private static long Up(long offset) => (offset + SectorMask) & ~SectorMask;

    private static long SectorOf(long offset) => offset / SectorCipher.SectorBytes;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> ReadSectorsAsync(
        SectorCipher cipher,
        long offset,
        Memory<byte> sectors
    )
    {
        BlockError? error = await Node.File!.ReadAsync(Header!.PayloadBytes + offset, sectors)
            .ConfigureAwait(false);
        if (error is null)
        {
            cipher.Decrypt(sectors.Span, SectorOf(offset));
        }
        return error;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> ReadPartsAsync(
        SectorCipher cipher,
        long offset,
        Memory<byte> buffer
    )
    {
        using AlignedBuffer window = Window(offset, buffer.Length);
        BlockError? error = null;
        while (!buffer.IsEmpty && error is null)
        {
            long start = Down(offset);
            int skipped = (int)(offset - start);
            int count = Math.Min(buffer.Length, WindowBytes - skipped);
            Memory<byte> sectors = window.Memory[..(int)(Up(offset + count) - start)];
            error = await ReadSectorsAsync(cipher, start, sectors).ConfigureAwait(false);
            sectors.Slice(skipped, count).CopyTo(buffer);
            offset += count;
            buffer = buffer[count..];
        }
        return error;
    }

    // Without bytes, zeroes are written.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> WriteAsync(
        long offset,
        long length,
        ReadOnlyMemory<byte> bytes,
        BlockWriteFlags flags
    )
    {
        if (_volume?.Cipher is not { } cipher)
        {
            return Locked();
        }
        if (length == 0)
        {
            return null;
        }
        bool isAlone = !IsWhole(offset, length);
        WriteRanges.Range range = await _writes
            .EnterAsync(Down(offset), Up(offset + length), isAlone)
            .ConfigureAwait(false);
        try
        {
            return await WriteWindowsAsync(cipher, offset, length, bytes, flags)
                .ConfigureAwait(false);
        }
        finally
        {
            _writes.Leave(range);
        }
    }

    private async ValueTask<BlockError?> WriteWindowsAsync(
        SectorCipher cipher,
        long offset,
        long length,
        ReadOnlyMemory<byte> bytes,
        BlockWriteFlags flags
    )
    {
        using AlignedBuffer window = Window(offset, length);
        flags &= BlockWriteFlags.Unchanged | BlockWriteFlags.ForceUnitAccess;
        BlockError? error = null;
        while (length > 0 && error is null)
        {
            long start = Down(offset);
            int skipped = (int)(offset - start);
            int count = (int)Math.Min(length, WindowBytes - skipped);
            Memory<byte> sectors = window.Memory[..(int)(Up(offset + count) - start)];
            error = await ReadEdgesAsync(cipher, start, sectors, skipped, count)
                .ConfigureAwait(false);
            if (error is null)
            {
                Fill(sectors.Span.Slice(skipped, count), bytes.Span);
                cipher.Encrypt(sectors.Span, SectorOf(start));
                error = await Node.File!.WriteAsync(Header!.PayloadBytes + start, sectors, flags)
                    .ConfigureAwait(false);
            }
            bytes = bytes.IsEmpty ? bytes : bytes[count..];
            offset += count;
            length -= count;
        }
        return error;
    }

    private static void Fill(Span<byte> target, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            target.Clear();
        }
        else
        {
            bytes[..target.Length].CopyTo(target);
        }
    }

    // The first and the last sector, as far as the write leaves them as they are.
    private async ValueTask<BlockError?> ReadEdgesAsync(
        SectorCipher cipher,
        long start,
        Memory<byte> sectors,
        int skipped,
        int count
    )
    {
        int end = skipped + count;
        int last = sectors.Length - SectorCipher.SectorBytes;
        BlockError? error = null;
        if (skipped != 0)
        {
            error = await ReadOneAsync(cipher, start, sectors[..SectorCipher.SectorBytes])
                .ConfigureAwait(false);
        }
        if (error is null && end != sectors.Length && (last != 0 || skipped == 0))
        {
            error = await ReadOneAsync(cipher, start + last, sectors[last..]).ConfigureAwait(false);
        }
        return error;
    }

    // Beyond the disk's end there are zeroes, not what zeroes decrypt to.
    private ValueTask<BlockError?> ReadOneAsync(
        SectorCipher cipher,
        long offset,
        Memory<byte> sector
    )
    {
        if (offset < LengthBytes)
        {
            return ReadSectorsAsync(cipher, offset, sector);
        }
        sector.Span.Clear();
        return default;
    }

    private static AlignedBuffer Window(long offset, long length) =>
        AlignedBuffer.Rent((int)Math.Min(Up(offset + length) - Down(offset), WindowBytes));

    private BlockError Locked() =>
        new(BlockErrorKind.Permission, "The image is locked") { NodeName = Node.Name };
}
