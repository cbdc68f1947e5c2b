// The names of ciphers, modes and hashes, and what they stand for.
// Spec: spec/formats/luks.md (FMT-LUKS-009, FMT-LUKS-010, FMT-LUKS-011).
using System;
using System.Security.Cryptography;

namespace Ashlar.Block;

/// <summary>How the blocks of a sector depend on each other.</summary>
internal enum SectorChaining
{
    Xts,
    Cbc,
}

/// <summary>How a volume is encrypted: AES, and everything that is not fixed by that.</summary>
/// <param name="KeyBytes">The length of the volume's key; XTS has two of them in one.</param>
/// <param name="Chaining">How the blocks of a sector depend on each other.</param>
/// <param name="Numbering">What a sector starts from.</param>
/// <param name="NumberingHash">The hash that ESSIV takes of the key; null for none named.</param>
/// <param name="Hash">The hash of key derivation and of the splitter.</param>
internal sealed record CipherSpec(
    int KeyBytes,
    SectorChaining Chaining,
    SectorNumbering Numbering,
    string? NumberingHash,
    string Hash
)
{
    private static readonly string[] Hashes = ["sha1", "sha256", "sha384", "sha512"];

    /// <summary>Whether there is such a hash here.</summary>
    public static bool IsHash(string name) => Array.IndexOf(Hashes, name) >= 0;

    /// <summary>The length of a digest in bytes.</summary>
    public static int DigestBytes(string hash) =>
        hash switch
        {
            "sha1" => SHA1.HashSizeInBytes,
            "sha256" => SHA256.HashSizeInBytes,
            "sha384" => SHA384.HashSizeInBytes,
            _ => SHA512.HashSizeInBytes,
        };

    /// <summary>The library's name of a hash.</summary>
    public static HashAlgorithmName NameOf(string hash) => new(hash.ToUpperInvariant());

    /// <summary>The length of the AES key in bytes.</summary>
    public int AesKeyBytes => Chaining == SectorChaining.Xts ? KeyBytes / 2 : KeyBytes;

    /// <summary>Whether that hash makes a key for ESSIV.</summary>
    public bool HasSoundNumbering =>
        Numbering != SectorNumbering.Essiv
        || (NumberingHash is not null && DigestBytes(NumberingHash) is 16 or 24 or 32);

    /// <summary>The cipher under a key of <see cref="KeyBytes"/>.</summary>
    public SectorCipher Make(ReadOnlySpan<byte> key)
    {
        AesBlocks? starts = null;
        if (Numbering == SectorNumbering.Essiv)
        {
            Span<byte> salt = stackalloc byte[DigestBytes(NumberingHash!)];
            CryptographicOperations.HashData(NameOf(NumberingHash!), key, salt);
            starts = AesBlocks.Create(salt);
            CryptographicOperations.ZeroMemory(salt);
        }
        SectorNumbers numbers = new(Numbering, starts);
        return Chaining == SectorChaining.Xts
            ? new XtsSectors(numbers, new AesXts(key))
            : new CbcSectors(numbers, AesBlocks.Create(key));
    }
}
