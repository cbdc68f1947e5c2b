// What a sector's encryption starts from, so that equal sectors do not look equal.
// Spec: spec/formats/luks.md (FMT-LUKS-011).
using System;
using System.Buffers.Binary;

namespace Ashlar.Block;

/// <summary>How the start of a sector follows from its number.</summary>
internal enum SectorNumbering
{
    /// <summary>The lower 32 bits of the number, then zeroes.</summary>
    Plain,

    /// <summary>The number in 64 bits, then zeroes.</summary>
    Plain64,

    /// <summary>The same, encrypted under a hash of the key.</summary>
    Essiv,
}

/// <summary>Makes the 16 bytes that each sector starts from.</summary>
internal sealed class SectorNumbers(SectorNumbering kind, AesBlocks? encryption) : IDisposable
{
    private const int StartBytes = AesBlocks.BlockBytes;

    /// <summary>Fills in the starts of as many sectors as there is room for.</summary>
    public void Fill(Span<byte> starts, long firstSector)
    {
        starts.Clear();
        for (int index = 0; index < starts.Length / StartBytes; index++)
        {
            long sector = firstSector + index;
            BinaryPrimitives.WriteInt64LittleEndian(
                starts[(index * StartBytes)..],
                kind == SectorNumbering.Plain ? sector & uint.MaxValue : sector
            );
        }
        encryption?.Encrypt(starts);
    }

    /// <inheritdoc/>
    public void Dispose() => encryption?.Dispose();
}
