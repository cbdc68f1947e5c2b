// Encryption of a disk, sector by sector: each by itself, under its number.
// Spec: spec/formats/luks.md (FMT-LUKS-010, FMT-LUKS-011, FMT-LUKS-012).
using System;

namespace Ashlar.Block;

/// <summary>Encrypts and decrypts whole sectors of 512 bytes. Any thread may call it.</summary>
internal abstract class SectorCipher(SectorNumbers numbers) : IDisposable
{
    /// <summary>The unit of encryption, whatever the sectors of a disk are.</summary>
    public const int SectorBytes = 512;

    private const int StartBytes = AesBlocks.BlockBytes;

    /// <summary>Sectors done at a time: few enough for a stack.</summary>
    protected const int Abreast = 8;

    /// <summary>Encrypts sectors where they are.</summary>
    public void Encrypt(Span<byte> sectors, long firstSector) => Run(sectors, firstSector, true);

    /// <summary>Decrypts sectors where they are.</summary>
    public void Decrypt(Span<byte> sectors, long firstSector) => Run(sectors, firstSector, false);

    /// <summary>Forgets the key.</summary>
    public virtual void Dispose() => numbers.Dispose();

    /// <summary>At most <see cref="Abreast"/> sectors, and the starts of each.</summary>
    protected abstract void Run(Span<byte> sectors, Span<byte> starts, bool isEncrypting);

    private void Run(Span<byte> sectors, long firstSector, bool isEncrypting)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sectors.Length % SectorBytes, 0);
        Span<byte> starts = stackalloc byte[Abreast * StartBytes];
        while (!sectors.IsEmpty)
        {
            int count = Math.Min(Abreast, sectors.Length / SectorBytes);
            Span<byte> some = starts[..(count * StartBytes)];
            numbers.Fill(some, firstSector);
            Run(sectors[..(count * SectorBytes)], some, isEncrypting);
            sectors = sectors[(count * SectorBytes)..];
            firstSector += count;
        }
    }
}

/// <summary>XTS (BLK-SIMD-008).</summary>
internal sealed class XtsSectors(SectorNumbers numbers, AesXts aes) : SectorCipher(numbers)
{
    /// <inheritdoc/>
    public override void Dispose()
    {
        aes.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override void Run(Span<byte> sectors, Span<byte> starts, bool isEncrypting)
    {
        if (isEncrypting)
        {
            aes.Encrypt(sectors, starts);
        }
        else
        {
            aes.Decrypt(sectors, starts);
        }
    }
}

/// <summary>Cipher block chaining, begun anew in each sector.</summary>
internal sealed class CbcSectors(SectorNumbers numbers, AesBlocks aes) : SectorCipher(numbers)
{
    private const int BlockBytes = AesBlocks.BlockBytes;

    /// <inheritdoc/>
    public override void Dispose()
    {
        aes.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override void Run(Span<byte> sectors, Span<byte> starts, bool isEncrypting)
    {
        if (isEncrypting)
        {
            Encrypt(sectors, starts);
        }
        else
        {
            Decrypt(sectors, starts);
        }
    }

    // Within a sector a block waits for the one before; the sectors go side by side.
    private void Encrypt(Span<byte> sectors, Span<byte> chained)
    {
        for (int place = 0; place < SectorBytes; place += BlockBytes)
        {
            for (int sector = 0; sector < chained.Length / BlockBytes; sector++)
            {
                XorBytes.Add(
                    chained.Slice(sector * BlockBytes, BlockBytes),
                    sectors.Slice((sector * SectorBytes) + place, BlockBytes)
                );
            }
            aes.Encrypt(chained);
            for (int sector = 0; sector < chained.Length / BlockBytes; sector++)
            {
                chained
                    .Slice(sector * BlockBytes, BlockBytes)
                    .CopyTo(sectors[((sector * SectorBytes) + place)..]);
            }
        }
    }

    private void Decrypt(Span<byte> sectors, ReadOnlySpan<byte> starts)
    {
        Span<byte> chained = stackalloc byte[Abreast * SectorBytes];
        for (int sector = 0; sector < starts.Length / BlockBytes; sector++)
        {
            Span<byte> before = chained.Slice(sector * SectorBytes, SectorBytes);
            starts.Slice(sector * BlockBytes, BlockBytes).CopyTo(before);
            sectors
                .Slice(sector * SectorBytes, SectorBytes - BlockBytes)
                .CopyTo(before[BlockBytes..]);
        }
        aes.Decrypt(sectors);
        XorBytes.Add(sectors, chained);
    }
}
