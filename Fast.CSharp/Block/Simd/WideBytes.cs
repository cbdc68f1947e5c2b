// The unit the loops of this folder run over. Spec: spec/block/simd.md.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ashlar.Block;

/// <summary>
/// Four of the widest vectors, so that a loop tests once for 256 bytes. Where the machine's vectors
/// are narrower the compiler makes two or four of each; the source is the same.
/// </summary>
internal readonly struct WideBytes
{
    /// <summary>The length in bytes.</summary>
    public const int Length = 256;

#pragma warning disable CS0649 // Filled by looking at bytes as this type.
    private readonly Vector512<byte> _a;
    private readonly Vector512<byte> _b;
    private readonly Vector512<byte> _c;
    private readonly Vector512<byte> _d;
#pragma warning restore CS0649

    /// <summary>Not zero where any of the four vectors differs from one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<byte> Differences(Vector512<byte> one) =>
        ((_a ^ one) | (_b ^ one)) | ((_c ^ one) | (_d ^ one));

    /// <summary>Not zero where the two differ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<byte> Differences(in WideBytes other) =>
        ((_a ^ other._a) | (_b ^ other._b)) | ((_c ^ other._c) | (_d ^ other._d));
}
