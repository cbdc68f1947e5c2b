// The two codecs of compressed clusters. Spec: spec/formats/qcow2/compressed.md (FMT-QCOW2-203,
// FMT-QCOW2-204, FMT-QCOW2-205).
using System;
using System.Buffers;
using ZstdSharp;

namespace Ashlar.Block;

/// <summary>Packs clusters and unpacks them, in whichever thread asks.</summary>
internal static class Qcow2Codec
{
    /// <summary>The library's usual balance of time and size.</summary>
    private const int ZstandardLevel = 3;

    [ThreadStatic]
    private static Compressor? _compressor;

    [ThreadStatic]
    private static Decompressor? _decompressor;

    /// <summary>
    /// The length of the packed cluster; 0 when that is not less than the room for it.
    /// </summary>
    internal static int Pack(bool isZstandard, ReadOnlySpan<byte> cluster, Span<byte> packed)
    {
        if (!isZstandard)
        {
            return Deflate.Pack(cluster, packed);
        }
        _compressor ??= new Compressor(ZstandardLevel);
        return _compressor.TryWrap(cluster, packed, out int length) ? length : 0;
    }

    /// <summary>
    /// True when the packed bytes give a whole cluster; what follows them is not looked at.
    /// </summary>
    internal static bool TryUnpack(bool isZstandard, ReadOnlySpan<byte> packed, Span<byte> cluster)
    {
        if (!isZstandard)
        {
            return Deflate.TryUnpack(packed, cluster);
        }
        _decompressor ??= new Decompressor();
        try
        {
            _decompressor.ResetStream();
            return TryUnpackFrames(_decompressor, packed, cluster);
        }
        catch (ZstdException)
        {
            // The library tells of damage by exceptions only.
            return false;
        }
    }

    private static bool TryUnpackFrames(
        Decompressor decompressor,
        ReadOnlySpan<byte> packed,
        Span<byte> cluster
    )
    {
        while (cluster.Length > 0)
        {
            OperationStatus status = decompressor.UnwrapStream(
                packed,
                cluster,
                out int taken,
                out int given
            );
            packed = packed[taken..];
            cluster = cluster[given..];
            bool isStuck = taken == 0 && given == 0;
            if (status == OperationStatus.InvalidData || isStuck)
            {
                return false;
            }
        }
        return true;
    }
}
