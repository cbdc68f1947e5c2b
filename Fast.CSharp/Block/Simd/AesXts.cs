// AES in XTS mode, as disks are encrypted (IEEE 1619), over whole sectors. Spec: spec/block/simd.md
// (BLK-SIMD-008).
using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;

namespace Ashlar.Block;

/// <summary>Encrypts and decrypts sectors, each under the tweak its number gives.</summary>
internal sealed class AesXts : IDisposable
{
    private const int BlockBytes = AesBlocks.BlockBytes;

    // Sectors done together: their numbers are encrypted side by side, and all of it stays near.
    private const int Abreast = 8;
    private const int SectorBytesMax = 512;

    private readonly AesBlocks _data;
    private readonly AesBlocks _tweak;

    /// <summary>Takes a key of 32, 48 or 64 bytes; its second half is the tweaks'.</summary>
    public AesXts(ReadOnlySpan<byte> key)
    {
        int half = key.Length / 2;
        _data = AesBlocks.Create(key[..half]);
        _tweak = AesBlocks.Create(key[half..]);
    }

    /// <summary>Takes the two keys; they are forgotten with this.</summary>
    internal AesXts(AesBlocks data, AesBlocks tweak)
    {
        _data = data;
        _tweak = tweak;
    }

    /// <summary>Encrypts sectors where they are.</summary>
    /// <param name="sectors">Whole sectors.</param>
    /// <param name="starts">
    /// For each sector the 16 bytes its tweak is made of; overwritten.
    /// </param>
    public void Encrypt(Span<byte> sectors, Span<byte> starts) => Run(sectors, starts, true);

    /// <summary>Decrypts sectors where they are.</summary>
    /// <param name="sectors">Whole sectors.</param>
    /// <param name="starts">
    /// For each sector the 16 bytes its tweak is made of; overwritten.
    /// </param>
    public void Decrypt(Span<byte> sectors, Span<byte> starts) => Run(sectors, starts, false);

    /// <inheritdoc/>
    public void Dispose()
    {
        _data.Dispose();
        _tweak.Dispose();
    }

    private void Run(Span<byte> sectors, Span<byte> starts, bool isEncrypting)
    {
        int count = starts.Length / BlockBytes;
        int sectorBytes = count == 0 ? 0 : sectors.Length / count;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sectorBytes, SectorBytesMax);
        _tweak.Encrypt(starts);
        // No more than is used: what a stack gives is cleared first.
        Span<byte> tweaks = stackalloc byte[Math.Min(Abreast, count) * sectorBytes];
        for (int first = 0; first < count; first += Abreast)
        {
            int some = Math.Min(Abreast, count - first);
            Span<byte> bytes = sectors.Slice(first * sectorBytes, some * sectorBytes);
            Span<byte> masks = tweaks[..bytes.Length];
            Multiply(starts.Slice(first * BlockBytes, some * BlockBytes), masks);
            if (isEncrypting)
            {
                _data.Encrypt(bytes, masks);
            }
            else
            {
                _data.Decrypt(bytes, masks);
            }
        }
        CryptographicOperations.ZeroMemory(tweaks);
    }

    // Each block of a sector has the tweak before it, times x in the field of 2^128 elements. Four
    // sectors take turns, so that none waits for its own last step.
    private static void Multiply(ReadOnlySpan<byte> starts, Span<byte> tweaks)
    {
        ReadOnlySpan<Vector128<ulong>> from = MemoryMarshal.Cast<byte, Vector128<ulong>>(starts);
        Span<Vector128<ulong>> to = MemoryMarshal.Cast<byte, Vector128<ulong>>(tweaks);
        int blocks = to.Length / from.Length;
        while (from.Length >= 4)
        {
            Vector128<ulong> a = from[0];
            Vector128<ulong> b = from[1];
            Vector128<ulong> c = from[2];
            Vector128<ulong> d = from[3];
            Span<Vector128<ulong>> second = to.Slice(blocks, blocks);
            Span<Vector128<ulong>> third = to.Slice(2 * blocks, blocks);
            Span<Vector128<ulong>> fourth = to.Slice(3 * blocks, blocks);
            for (
                int block = 0;
                block < second.Length && block < third.Length && block < fourth.Length;
                block++
            )
            {
                to[block] = a;
                second[block] = b;
                third[block] = c;
                fourth[block] = d;
                a = Double(a);
                b = Double(b);
                c = Double(c);
                d = Double(d);
            }
            from = from[4..];
            to = to[(4 * blocks)..];
        }
        foreach (Vector128<ulong> start in from)
        {
            Vector128<ulong> state = start;
            foreach (ref Vector128<ulong> tweak in to[..blocks])
            {
                tweak = state;
                state = Double(state);
            }
            to = to[blocks..];
        }
    }

    // A bit that leaves the lower half enters the upper one; one that leaves the upper half is the
    // polynomial's rest.
    private static Vector128<ulong> Double(Vector128<ulong> state)
    {
        Vector128<int> signs = Vector128.ShiftRightArithmetic(state.AsInt32(), 31);
        Vector128<int> leaving = Vector128.Shuffle(signs, Vector128.Create(3, 0, 1, 0));
        return (state << 1) ^ (leaving & Vector128.Create(0x87, 0, 1, 0)).AsUInt64();
    }
}
