// AES over many independent blocks of 16 bytes: with the processor's instructions, and with the
// library's where there are none. Spec: spec/block/simd.md (BLK-SIMD-007).
using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using AesInstructions = System.Runtime.Intrinsics.X86.Aes;

namespace Ashlar.Block;

/// <summary>An AES key, and blocks encrypted with it one by one, many at a time.</summary>
internal abstract class AesBlocks : IDisposable
{
    /// <summary>The length of a block in bytes.</summary>
    public const int BlockBytes = 16;

    /// <summary>Takes a key of 16, 24 or 32 bytes; it is copied.</summary>
    public static AesBlocks Create(ReadOnlySpan<byte> key) =>
        AesInstructions.IsSupported ? new InstructionAes(key) : new LibraryAes(key);

    /// <summary>Encrypts each of the blocks where it is; their bytes are whole blocks.</summary>
    /// <param name="blocks">The blocks.</param>
    /// <param name="masks">
    /// What is added to them before and after, as XTS has it, as many bytes; or nothing.
    /// </param>
    public abstract void Encrypt(Span<byte> blocks, ReadOnlySpan<byte> masks = default);

    /// <summary>Decrypts each of the blocks where it is; their bytes are whole blocks.</summary>
    /// <param name="blocks">The blocks.</param>
    /// <param name="masks">
    /// What is added to them before and after, as XTS has it, as many bytes; or nothing.
    /// </param>
    public abstract void Decrypt(Span<byte> blocks, ReadOnlySpan<byte> masks = default);

    /// <summary>Forgets the key.</summary>
    public abstract void Dispose();
}

/// <summary>
/// The library's AES. It costs a microsecond a call, and takes no longer for one key than another.
/// </summary>
internal sealed class LibraryAes : AesBlocks
{
    private readonly Aes _aes = Aes.Create();

    public LibraryAes(ReadOnlySpan<byte> key)
    {
        _aes.SetKey(key);
    }

    /// <inheritdoc/>
    public override void Encrypt(Span<byte> blocks, ReadOnlySpan<byte> masks = default)
    {
        XorBytes.Add(blocks, masks);
        // The library promises nothing about two threads.
        lock (_aes)
        {
            _aes.EncryptEcb(blocks, blocks, PaddingMode.None);
        }
        XorBytes.Add(blocks, masks);
    }

    /// <inheritdoc/>
    public override void Decrypt(Span<byte> blocks, ReadOnlySpan<byte> masks = default)
    {
        XorBytes.Add(blocks, masks);
        lock (_aes)
        {
            _aes.DecryptEcb(blocks, blocks, PaddingMode.None);
        }
        XorBytes.Add(blocks, masks);
    }

    /// <inheritdoc/>
    public override void Dispose() => _aes.Dispose();
}

/// <summary>
/// AES by the processor's instructions, eight blocks at a time: one takes several steps, and the
/// next one need not wait for it.
/// </summary>
internal sealed class InstructionAes : AesBlocks
{
    private const int Abreast = 8;
    private const int WordBytes = sizeof(uint);

    private readonly Vector128<byte>[] _encrypting;
    private readonly Vector128<byte>[] _decrypting;

    /// <summary>Only where the instructions are.</summary>
    public InstructionAes(ReadOnlySpan<byte> key)
    {
        _encrypting = Expand(key);
        _decrypting = new Vector128<byte>[_encrypting.Length];
        // The order of rounds is turned round, and all but the outer ones go through the columns.
        for (int round = 0; round < _decrypting.Length; round++)
        {
            Vector128<byte> one = _encrypting[^(round + 1)];
            bool isOuter = round == 0 || round == _decrypting.Length - 1;
            _decrypting[round] = isOuter ? one : AesInstructions.InverseMixColumns(one);
        }
    }

    /// <inheritdoc/>
    public override void Encrypt(Span<byte> blocks, ReadOnlySpan<byte> masks = default)
    {
        Span<Vector128<byte>> all = MemoryMarshal.Cast<byte, Vector128<byte>>(blocks);
        var added = MemoryMarshal.Cast<byte, Vector128<byte>>(masks);
        Span<Vector128<byte>> nothing = stackalloc Vector128<byte>[Abreast];
        ReadOnlySpan<Vector128<byte>> keys = _encrypting;
        int done = 0;
        for (; done + Abreast <= all.Length; done += Abreast)
        {
            ReadOnlySpan<Vector128<byte>> eight = added.IsEmpty
                ? nothing
                : added.Slice(done, Abreast);
            EncryptEight(keys, all.Slice(done, Abreast), eight);
        }
        for (; done < all.Length; done++)
        {
            Vector128<byte> mask = added.IsEmpty ? Vector128<byte>.Zero : added[done];
            Vector128<byte> state = all[done] ^ mask ^ keys[0];
            for (int round = 1; round < keys.Length - 1; round++)
            {
                state = AesInstructions.Encrypt(state, keys[round]);
            }
            all[done] = AesInstructions.EncryptLast(state, keys[^1]) ^ mask;
        }
    }

    /// <inheritdoc/>
    public override void Decrypt(Span<byte> blocks, ReadOnlySpan<byte> masks = default)
    {
        Span<Vector128<byte>> all = MemoryMarshal.Cast<byte, Vector128<byte>>(blocks);
        var added = MemoryMarshal.Cast<byte, Vector128<byte>>(masks);
        Span<Vector128<byte>> nothing = stackalloc Vector128<byte>[Abreast];
        ReadOnlySpan<Vector128<byte>> keys = _decrypting;
        int done = 0;
        for (; done + Abreast <= all.Length; done += Abreast)
        {
            ReadOnlySpan<Vector128<byte>> eight = added.IsEmpty
                ? nothing
                : added.Slice(done, Abreast);
            DecryptEight(keys, all.Slice(done, Abreast), eight);
        }
        for (; done < all.Length; done++)
        {
            Vector128<byte> mask = added.IsEmpty ? Vector128<byte>.Zero : added[done];
            Vector128<byte> state = all[done] ^ mask ^ keys[0];
            for (int round = 1; round < keys.Length - 1; round++)
            {
                state = AesInstructions.Decrypt(state, keys[round]);
            }
            all[done] = AesInstructions.DecryptLast(state, keys[^1]) ^ mask;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        Array.Clear(_encrypting);
        Array.Clear(_decrypting);
    }

    private static void EncryptEight(
        ReadOnlySpan<Vector128<byte>> keys,
        Span<Vector128<byte>> blocks,
        ReadOnlySpan<Vector128<byte>> masks
    )
    {
        Vector128<byte> key = keys[0];
        Vector128<byte> h = blocks[7] ^ masks[7] ^ key;
        Vector128<byte> a = blocks[0] ^ masks[0] ^ key;
        Vector128<byte> b = blocks[1] ^ masks[1] ^ key;
        Vector128<byte> c = blocks[2] ^ masks[2] ^ key;
        Vector128<byte> d = blocks[3] ^ masks[3] ^ key;
        Vector128<byte> e = blocks[4] ^ masks[4] ^ key;
        Vector128<byte> f = blocks[5] ^ masks[5] ^ key;
        Vector128<byte> g = blocks[6] ^ masks[6] ^ key;
        for (int round = 1; round < keys.Length - 1; round++)
        {
            key = keys[round];
            a = AesInstructions.Encrypt(a, key);
            b = AesInstructions.Encrypt(b, key);
            c = AesInstructions.Encrypt(c, key);
            d = AesInstructions.Encrypt(d, key);
            e = AesInstructions.Encrypt(e, key);
            f = AesInstructions.Encrypt(f, key);
            g = AesInstructions.Encrypt(g, key);
            h = AesInstructions.Encrypt(h, key);
        }
        key = keys[^1];
        blocks[7] = AesInstructions.EncryptLast(h, key) ^ masks[7];
        blocks[0] = AesInstructions.EncryptLast(a, key) ^ masks[0];
        blocks[1] = AesInstructions.EncryptLast(b, key) ^ masks[1];
        blocks[2] = AesInstructions.EncryptLast(c, key) ^ masks[2];
        blocks[3] = AesInstructions.EncryptLast(d, key) ^ masks[3];
        blocks[4] = AesInstructions.EncryptLast(e, key) ^ masks[4];
        blocks[5] = AesInstructions.EncryptLast(f, key) ^ masks[5];
        blocks[6] = AesInstructions.EncryptLast(g, key) ^ masks[6];
    }

    private static void DecryptEight(
        ReadOnlySpan<Vector128<byte>> keys,
        Span<Vector128<byte>> blocks,
        ReadOnlySpan<Vector128<byte>> masks
    )
    {
        Vector128<byte> key = keys[0];
        Vector128<byte> h = blocks[7] ^ masks[7] ^ key;
        Vector128<byte> a = blocks[0] ^ masks[0] ^ key;
        Vector128<byte> b = blocks[1] ^ masks[1] ^ key;
        Vector128<byte> c = blocks[2] ^ masks[2] ^ key;
        Vector128<byte> d = blocks[3] ^ masks[3] ^ key;
        Vector128<byte> e = blocks[4] ^ masks[4] ^ key;
        Vector128<byte> f = blocks[5] ^ masks[5] ^ key;
        Vector128<byte> g = blocks[6] ^ masks[6] ^ key;
        for (int round = 1; round < keys.Length - 1; round++)
        {
            key = keys[round];
            a = AesInstructions.Decrypt(a, key);
            b = AesInstructions.Decrypt(b, key);
            c = AesInstructions.Decrypt(c, key);
            d = AesInstructions.Decrypt(d, key);
            e = AesInstructions.Decrypt(e, key);
            f = AesInstructions.Decrypt(f, key);
            g = AesInstructions.Decrypt(g, key);
            h = AesInstructions.Decrypt(h, key);
        }
        key = keys[^1];
        blocks[7] = AesInstructions.DecryptLast(h, key) ^ masks[7];
        blocks[0] = AesInstructions.DecryptLast(a, key) ^ masks[0];
        blocks[1] = AesInstructions.DecryptLast(b, key) ^ masks[1];
        blocks[2] = AesInstructions.DecryptLast(c, key) ^ masks[2];
        blocks[3] = AesInstructions.DecryptLast(d, key) ^ masks[3];
        blocks[4] = AesInstructions.DecryptLast(e, key) ^ masks[4];
        blocks[5] = AesInstructions.DecryptLast(f, key) ^ masks[5];
        blocks[6] = AesInstructions.DecryptLast(g, key) ^ masks[6];
    }

    // The key schedule of FIPS 197, section 5.2.
    private static Vector128<byte>[] Expand(ReadOnlySpan<byte> key)
    {
        int keyWords = key.Length / WordBytes;
        Vector128<byte>[] rounds = new Vector128<byte>[keyWords + 7];
        Span<uint> words = MemoryMarshal.Cast<Vector128<byte>, uint>(rounds.AsSpan());
        MemoryMarshal.Cast<byte, uint>(key).CopyTo(words);
        uint constant = 1;
        for (int index = keyWords; index < words.Length; index++)
        {
            uint word = words[index - 1];
            if (index % keyWords == 0)
            {
                // The lowest byte is the first: a turn to the left is one to the right here.
                word = Substitute(uint.RotateRight(word, 8)) ^ constant;
                constant = (constant << 1) ^ (constant >= 0x80 ? 0x11Bu : 0);
            }
            else if (keyWords > 6 && index % keyWords == 4)
            {
                word = Substitute(word);
            }
            words[index] = words[index - keyWords] ^ word;
        }
        return rounds;
    }

    // The last round moves rows of equal bytes, and adds nothing: what is left is the substitution.
    private static uint Substitute(uint word) =>
        AesInstructions
            .EncryptLast(Vector128.Create(word).AsByte(), Vector128<byte>.Zero)
            .AsUInt32()
            .ToScalar();
}
