// Making a LUKS volume: a header, one slot, and room for the others.
// Spec: spec/formats/luks.md (FMT-LUKS-016).
using System;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>Fills a buffer with bytes nobody can guess.</summary>
public delegate void RandomFiller(Span<byte> bytes);

/// <summary>What a volume is made with.</summary>
internal sealed record LuksCreationOptions
{
    /// <summary>QEMU's default.</summary>
    public static readonly CipherSpec UsualCipher = new(
        64,
        SectorChaining.Xts,
        SectorNumbering.Plain64,
        null,
        "sha256"
    );

    /// <summary>The fewest times that a passphrase or a key is hashed.</summary>
    public const int IterationsMin = 1000;

    public CipherSpec Cipher { get; init; } = UsualCipher;

    /// <summary>What opens the volume.</summary>
    public required ReadOnlyMemory<byte> Passphrase { get; init; }

    /// <summary>How often the passphrase is hashed.</summary>
    public int SlotIterations { get; init; } = IterationsMin;

    /// <summary>How often the key is hashed to be known again.</summary>
    public int DigestIterations { get; init; } = IterationsMin;

    /// <summary>Where keys, salts and the volume's name come from.</summary>
    public required RandomFiller FillRandom { get; init; }
}

/// <summary>Makes volumes.</summary>
internal static class LuksCreation
{
    /// <summary>Where the encrypted disk will begin.</summary>
    public static long PayloadBytes(CipherSpec cipher) =>
        LuksHeader.AreaBytes + (LuksHeader.SlotCount * LuksHeader.AreaOf(cipher.KeyBytes));

    /// <summary>
    /// Writes header and key material at the start of a storage that is empty so far; the disk
    /// behind them is the caller's. Gives the cipher of the new disk.
    /// </summary>
    public static async ValueTask<(SectorCipher? Cipher, BlockError? Error)> WriteAsync(
        ImageStorage storage,
        LuksCreationOptions options
    )
    {
        byte[] key = new byte[options.Cipher.KeyBytes];
        byte[] material = new byte[LuksHeader.MaterialOf(key.Length)];
        try
        {
            options.FillRandom(key);
            options.FillRandom(material);
            byte[] header = MakeHeader(options, key, out LuksSlot slot);
            LuksKeys.Hide(options.Cipher, slot, options.Passphrase.Span, key, material);
            // The header comes last: without it nothing takes the storage for a volume.
            BlockError? error =
                await storage.WriteAsync(slot.OffsetBytes, material).ConfigureAwait(false)
                ?? await storage.WriteAsync(0, header).ConfigureAwait(false);
            return error is null ? (options.Cipher.Make(key), null) : (null, error);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
            CryptographicOperations.ZeroMemory(material);
        }
    }

    private static byte[] MakeHeader(
        LuksCreationOptions options,
        ReadOnlySpan<byte> key,
        out LuksSlot used
    )
    {
        CipherSpec cipher = options.Cipher;
        byte[] bytes = new byte[LuksHeader.Bytes];
        LuksHeader.Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16BigEndian(
            bytes.AsSpan(LuksHeader.VersionAt),
            LuksHeader.Version
        );
        string mode =
            $"{CipherNames.NameOf(cipher.Chaining)}-{CipherNames.NameOf(cipher.Numbering)}";
        Put(bytes, LuksHeader.CipherNameAt, "aes");
        Put(
            bytes,
            LuksHeader.CipherModeAt,
            cipher.NumberingHash is null ? mode : $"{mode}:{cipher.NumberingHash}"
        );
        Put(bytes, LuksHeader.HashAt, cipher.Hash);
        PutNumber(bytes, LuksHeader.PayloadAt, InSectors(PayloadBytes(cipher)));
        PutNumber(bytes, LuksHeader.KeyBytesAt, (uint)key.Length);
        PutNumber(bytes, LuksHeader.DigestIterationsAt, (uint)options.DigestIterations);
        Span<byte> salt = bytes.AsSpan(LuksHeader.DigestSaltAt, LuksHeader.SaltBytes);
        options.FillRandom(salt);
        LuksKeys.Digest(
            cipher.Hash,
            key,
            salt,
            (uint)options.DigestIterations,
            bytes.AsSpan(LuksHeader.DigestAt, LuksHeader.DigestLength)
        );
        Put(bytes, LuksHeader.UuidAt, NewUuid(options.FillRandom));
        byte[] slotSalt = new byte[LuksHeader.SaltBytes];
        options.FillRandom(slotSalt);
        used = new LuksSlot(
            true,
            (uint)options.SlotIterations,
            slotSalt,
            LuksHeader.AreaBytes,
            LuksHeader.StripeCount
        );
        for (int index = 0; index < LuksHeader.SlotCount; index++)
        {
            PutSlot(bytes, index, cipher, index == 0 ? used : null);
        }
        return bytes;
    }

    private static void PutSlot(byte[] bytes, int index, CipherSpec cipher, LuksSlot? used)
    {
        int at = LuksHeader.SlotsAt + (index * LuksHeader.SlotLength);
        long offset = LuksHeader.AreaBytes + (index * LuksHeader.AreaOf(cipher.KeyBytes));
        PutNumber(bytes, at, used is null ? LuksHeader.Inactive : LuksHeader.Active);
        PutNumber(bytes, at + 4, used?.Iterations ?? 0);
        used?.Salt.CopyTo(bytes, at + 8);
        PutNumber(bytes, at + 40, InSectors(offset));
        PutNumber(bytes, at + 44, LuksHeader.StripeCount);
    }

    // Version 4, as RFC 4122 has random ones.
    private static string NewUuid(RandomFiller fill)
    {
        Span<byte> bytes = stackalloc byte[16];
        fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString("D");
    }

    private static uint InSectors(long bytes) => (uint)(bytes / SectorCipher.SectorBytes);

    private static void Put(byte[] bytes, int at, string text) =>
        Encoding.ASCII.GetBytes(text, bytes.AsSpan(at));

    private static void PutNumber(byte[] bytes, int at, uint value) =>
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), value);
}
