// Compressed clusters: read whole, written whole and never in place. Packing happens outside every
// lock, so as many threads as ask do it at once. Spec: spec/formats/qcow2/compressed.md.
using System;
using System.Buffers;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>
    /// Writes whole clusters, the last of which may end with the guest, compressed where that saves
    /// room (BLK-DATA-019).
    /// </summary>
    public async ValueTask<BlockError?> WriteCompressedAsync(long offset, ReadOnlyMemory<byte> data)
    {
        long end = offset + data.Length;
        bool isWhole =
            _geometry.OffsetInCluster(offset) == 0
            && (_geometry.OffsetInCluster(end) == 0 || end == GuestLengthBytes);
        if (!isWhole)
        {
            return Qcow2Header.Refused("Compressed writes must be of whole clusters");
        }
        BlockError? error = null;
        while (data.Length > 0 && error is null)
        {
            int length = Math.Min(data.Length, _geometry.ClusterBytes);
            error = await WriteClusterAsync(offset, data[..length]).ConfigureAwait(false);
            offset += length;
            data = data[length..];
        }
        return error;
    }

    private async ValueTask<BlockError?> WriteClusterAsync(long offset, ReadOnlyMemory<byte> data)
    {
        byte[] packed = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        int length = Pack(data.Span, packed);
        BlockError? error =
            length == 0
                ? await WriteAsync(offset, data).ConfigureAwait(false)
                : await WritePackedAsync(offset, packed.AsMemory(0, length)).ConfigureAwait(false);
        ArrayPool<byte>.Shared.Return(packed);
        return error;
    }

    // A cluster that the guest ends in is packed with zeroes behind the end.
    private int Pack(ReadOnlySpan<byte> data, byte[] packed)
    {
        Span<byte> room = packed.AsSpan(0, _geometry.ClusterBytes - 1);
        if (data.Length == _geometry.ClusterBytes)
        {
            return Qcow2Codec.Pack(IsZstandard, data, room);
        }
        byte[] whole = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        data.CopyTo(whole);
        whole.AsSpan(data.Length).Clear();
        int length = Qcow2Codec.Pack(IsZstandard, whole.AsSpan(0, _geometry.ClusterBytes), room);
        ArrayPool<byte>.Shared.Return(whole);
        return length;
    }

    private async ValueTask<BlockError?> WritePackedAsync(long offset, ReadOnlyMemory<byte> packed)
    {
        GuestRanges.Claim claim = EnterAlone(offset, offset + 1, out ValueTask held);
        await held.ConfigureAwait(false);
        try
        {
            OffsetResult place = default;
            BlockError? error = await HoldAsync(async () =>
                {
                    BlockError? refusal = await PrepareForWritingAsync().ConfigureAwait(false);
                    place = refusal is null
                        ? await _allocator.TakeBytesAsync(packed.Length).ConfigureAwait(false)
                        : new(0, refusal);
                    return place.Error;
                })
                .ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            error = await _tables.WriteAsync(place.Offset, packed).ConfigureAwait(false);
            return await HoldAsync(() =>
                    LinkPackedAsync(offset, place.Offset, packed.Length, error)
                )
                .ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    private async ValueTask<BlockError?> LinkPackedAsync(
        long offset,
        long host,
        int length,
        BlockError? error
    )
    {
        error ??= await _mapping
            .LinkCompressedAsync(offset, _geometry.CompressedEntry(host, length))
            .ConfigureAwait(false);
        if (error is not null)
        {
            long first = host >> _geometry.ClusterBits;
            long last = (host + length - 1) >> _geometry.ClusterBits;
            RunResult place = new(first, (int)(last - first + 1), null);
            _ = await _allocator.GiveBackAsync(place).ConfigureAwait(false);
        }
        return error ?? await LimitWaitingAsync().ConfigureAwait(false);
    }

    private async ValueTask<BlockError?> ReadCompressedAsync(
        MappingResult run,
        long offset,
        Memory<byte> part
    )
    {
        byte[] packed = ArrayPool<byte>.Shared.Rent(run.PackedBytes);
        Memory<byte> source = packed.AsMemory(0, run.PackedBytes);
        BlockError? error = await _tables
            .Storage.ReadAsync(run.HostOffset, source)
            .ConfigureAwait(false);
        if (error is null && !Unpack(source.Span, offset, part.Span))
        {
            error = new BlockError(
                BlockErrorKind.Io,
                $"qcow2: compressed cluster of guest offset {offset:x} cannot be decompressed"
            )
            {
                OffsetBytes = offset,
            };
        }
        ArrayPool<byte>.Shared.Return(packed);
        return error;
    }

    private bool Unpack(ReadOnlySpan<byte> packed, long offset, Span<byte> part)
    {
        if (part.Length == _geometry.ClusterBytes)
        {
            return Qcow2Codec.TryUnpack(IsZstandard, packed, part);
        }
        byte[] cluster = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Span<byte> whole = cluster.AsSpan(0, _geometry.ClusterBytes);
        bool isSound = Qcow2Codec.TryUnpack(IsZstandard, packed, whole);
        if (isSound)
        {
            whole.Slice((int)_geometry.OffsetInCluster(offset), part.Length).CopyTo(part);
        }
        ArrayPool<byte>.Shared.Return(cluster);
        return isSound;
    }
}
