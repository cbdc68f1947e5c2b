// Getting at a volume's key with a passphrase, and hiding it under one.
// Spec: spec/formats/luks.md (FMT-LUKS-007, FMT-LUKS-013 to FMT-LUKS-015).
using System;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>Key material: derived, split, joined. All of it is cleared where it was.</summary>
internal static class LuksKeys
{
    /// <summary>
    /// The cipher of a volume, if the passphrase is that of any slot (FMT-LUKS-007).
    /// </summary>
    public static async ValueTask<(SectorCipher? Cipher, BlockError? Error)> UnlockAsync(
        LuksHeader header,
        ImageStorage storage,
        ReadOnlyMemory<byte> passphrase
    )
    {
        byte[] material = new byte[header.MaterialBytes];
        byte[] key = new byte[header.Cipher.KeyBytes];
        try
        {
            foreach (LuksSlot slot in header.Slots)
            {
                if (!slot.IsActive)
                {
                    continue;
                }
                BlockError? error = await storage
                    .ReadAsync(slot.OffsetBytes, material)
                    .ConfigureAwait(false);
                if (error is not null)
                {
                    return (null, error.WithPrefix("Could not read encryption header: "));
                }
                if (TryOpen(header, slot, passphrase.Span, material, key))
                {
                    return (header.Cipher.Make(key), null);
                }
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
            CryptographicOperations.ZeroMemory(key);
        }
        return (
            null,
            new BlockError(
                BlockErrorKind.InvalidArgument,
                "Invalid password, cannot unlock any keyslot"
            )
        );
    }

    /// <summary>
    /// The material that holds a key under a passphrase; the last stripe is filled in here
    /// (FMT-LUKS-013).
    /// </summary>
    /// <param name="cipher">The volume's.</param>
    /// <param name="slot">With its salt and its iterations.</param>
    /// <param name="passphrase">The user's.</param>
    /// <param name="key">The volume's key.</param>
    /// <param name="material">Random bytes; becomes what is written.</param>
    public static void Hide(
        CipherSpec cipher,
        LuksSlot slot,
        ReadOnlySpan<byte> passphrase,
        ReadOnlySpan<byte> key,
        Span<byte> material
    )
    {
        Span<byte> last = LastStripe(material, key.Length);
        Join(cipher.Hash, material[..((LuksHeader.StripeCount - 1) * key.Length)], last);
        for (int place = 0; place < key.Length; place++)
        {
            last[place] ^= key[place];
        }
        using SectorCipher cover = Cover(cipher, slot, passphrase);
        cover.Encrypt(material, 0);
    }

    /// <summary>What a key is known again by (FMT-LUKS-015).</summary>
    public static void Digest(
        string hash,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> salt,
        uint iterations,
        Span<byte> digest
    ) =>
        Rfc2898DeriveBytes.Pbkdf2(
            key,
            salt,
            digest,
            checked((int)iterations),
            CipherSpec.NameOf(hash)
        );

    private static bool TryOpen(
        LuksHeader header,
        LuksSlot slot,
        ReadOnlySpan<byte> passphrase,
        Span<byte> material,
        Span<byte> key
    )
    {
        using (SectorCipher cover = Cover(header.Cipher, slot, passphrase))
        {
            cover.Decrypt(material, 0);
        }
        Join(header.Cipher.Hash, material[..((LuksHeader.StripeCount - 1) * key.Length)], key);
        ReadOnlySpan<byte> last = LastStripe(material, key.Length);
        for (int place = 0; place < key.Length; place++)
        {
            key[place] ^= last[place];
        }
        Span<byte> digest = stackalloc byte[LuksHeader.DigestLength];
        Digest(header.Cipher.Hash, key, header.DigestSalt, header.DigestIterations, digest);
        return CryptographicOperations.FixedTimeEquals(digest, header.Digest);
    }

    private static Span<byte> LastStripe(Span<byte> material, int keyBytes) =>
        material.Slice((LuksHeader.StripeCount - 1) * keyBytes, keyBytes);

    // The cipher under what a passphrase gives.
    private static SectorCipher Cover(
        CipherSpec cipher,
        LuksSlot slot,
        ReadOnlySpan<byte> passphrase
    )
    {
        Span<byte> derived = stackalloc byte[cipher.KeyBytes];
        Digest(cipher.Hash, passphrase, slot.Salt, slot.Iterations, derived);
        SectorCipher cover = cipher.Make(derived);
        CryptographicOperations.ZeroMemory(derived);
        return cover;
    }

    // FMT-LUKS-014: all stripes but the last one, added up and mixed after each.
    private static void Join(string hash, ReadOnlySpan<byte> stripes, Span<byte> joined)
    {
        joined.Clear();
        while (!stripes.IsEmpty)
        {
            for (int place = 0; place < joined.Length; place++)
            {
                joined[place] ^= stripes[place];
            }
            Mix(hash, joined);
            stripes = stripes[joined.Length..];
        }
    }

    private static void Mix(string hash, Span<byte> block)
    {
        int digestBytes = CipherSpec.DigestBytes(hash);
        Span<byte> input = stackalloc byte[sizeof(int) + digestBytes];
        Span<byte> digest = stackalloc byte[digestBytes];
        for (int index = 0; !block.IsEmpty; index++)
        {
            Span<byte> part = block[..Math.Min(digestBytes, block.Length)];
            BinaryPrimitives.WriteInt32BigEndian(input, index);
            part.CopyTo(input[sizeof(int)..]);
            CryptographicOperations.HashData(
                CipherSpec.NameOf(hash),
                input[..(sizeof(int) + part.Length)],
                digest
            );
            digest[..part.Length].CopyTo(part);
            block = block[part.Length..];
        }
    }
}
