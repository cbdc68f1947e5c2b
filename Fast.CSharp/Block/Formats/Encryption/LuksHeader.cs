// The header of a LUKS volume, version 1: what it says, and whether that can be. It is hostile
// input. Spec: spec/formats/luks.md.
using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Ashlar.Block;

/// <summary>One of the places a volume's key is kept in, under a passphrase.</summary>
/// <param name="IsActive">Whether there is a key in it.</param>
/// <param name="Iterations">How often the passphrase is hashed.</param>
/// <param name="Salt">What is hashed with it; 32 bytes.</param>
/// <param name="OffsetBytes">Where the key material begins.</param>
/// <param name="Stripes">How many times longer than the key it is.</param>
internal sealed record LuksSlot(
    bool IsActive,
    uint Iterations,
    byte[] Salt,
    long OffsetBytes,
    int Stripes
);

/// <summary>A header that was found sound.</summary>
internal sealed class LuksHeader
{
    /// <summary>The length of the header in bytes, without key material.</summary>
    public const int Bytes = 592;

    /// <summary>Where the first key material may begin.</summary>
    public const int AreaBytes = 4096;

    public const int SlotCount = 8;
    public const int DigestLength = 20;
    public const int SaltBytes = 32;

    /// <summary>The one number of stripes there is.</summary>
    public const int StripeCount = 4000;

    /// <summary>
    /// The most hashes an open computes: two minutes of a processor, and a hundred times what
    /// QEMU's and cryptsetup's defaults of two seconds ask for. Without it a header would keep a
    /// machine busy for hours.
    /// </summary>
    public const long HashesMax = 1L << 28;

    internal const int VersionAt = 6;
    internal const int CipherNameAt = 8;
    internal const int CipherModeAt = 40;
    internal const int HashAt = 72;
    internal const int PayloadAt = 104;
    internal const int KeyBytesAt = 108;
    internal const int DigestAt = 112;
    internal const int DigestSaltAt = 132;
    internal const int DigestIterationsAt = 164;
    internal const int UuidAt = 168;
    internal const int SlotsAt = 208;
    internal const int SlotLength = 48;
    internal const int NameBytes = 32;
    internal const int UuidBytes = 40;
    internal const uint Active = 0x00AC71F3;
    internal const uint Inactive = 0x0000DEAD;
    private const int SectorBytes = SectorCipher.SectorBytes;

    private LuksHeader(CipherSpec cipher, ReadOnlySpan<byte> bytes)
    {
        Cipher = cipher;
        PayloadBytes = (long)U32(bytes, PayloadAt) * SectorBytes;
        Digest = bytes.Slice(DigestAt, DigestLength).ToArray();
        DigestSalt = bytes.Slice(DigestSaltAt, SaltBytes).ToArray();
        DigestIterations = U32(bytes, DigestIterationsAt);
        Uuid = Encoding.Latin1.GetString(UpToZero(bytes.Slice(UuidAt, UuidBytes)));
        for (int index = 0; index < SlotCount; index++)
        {
            ReadOnlySpan<byte> slot = SlotAt(bytes, index);
            Slots[index] = new LuksSlot(
                U32(slot, 0) == Active,
                U32(slot, 4),
                slot.Slice(8, SaltBytes).ToArray(),
                (long)U32(slot, 40) * SectorBytes,
                (int)U32(slot, 44)
            );
        }
    }

    public CipherSpec Cipher { get; }

    /// <summary>Where the encrypted disk begins.</summary>
    public long PayloadBytes { get; }

    /// <summary>What the right key hashes to.</summary>
    public byte[] Digest { get; }

    public byte[] DigestSalt { get; }

    public uint DigestIterations { get; }

    public string Uuid { get; }

    public LuksSlot[] Slots { get; } = new LuksSlot[SlotCount];

    /// <summary>What the key material of one slot takes, in bytes (FMT-LUKS-005).</summary>
    public int MaterialBytes => MaterialOf(Cipher.KeyBytes);

    /// <summary>
    /// The same for keys of a length: whole sectors, since it is encrypted as such.
    /// </summary>
    public static int MaterialOf(int keyBytes) =>
        ((keyBytes * StripeCount) + SectorBytes - 1) / SectorBytes * SectorBytes;

    /// <summary>Whether bytes begin as a header of version 1 does (FMT-LUKS-001).</summary>
    public static bool IsBegunBy(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= CipherNameAt
        && bytes.StartsWith(Magic)
        && BinaryPrimitives.ReadUInt16BigEndian(bytes[VersionAt..]) == Version;

    /// <summary>Reads <see cref="Bytes"/> bytes, or says what cannot be.</summary>
    public static BlockError? TryRead(ReadOnlySpan<byte> bytes, out LuksHeader? header)
    {
        header = null;
        CipherSpec? cipher = null;
        BlockError? error = CheckStart(bytes) ?? CheckSlots(bytes) ?? ReadCipher(bytes, out cipher);
        if (error is not null)
        {
            return error;
        }
        LuksHeader read = new(cipher!, bytes);
        error = read.CheckWork();
        header = error is null ? read : null;
        return error;
    }

    /// <summary>Bytes between slots, for keys of a length (FMT-LUKS-005).</summary>
    public static long AreaOf(long keyBytes)
    {
        long sectors = ((keyBytes * StripeCount) + SectorBytes - 1) / SectorBytes * SectorBytes;
        return (sectors + AreaBytes - 1) / AreaBytes * AreaBytes;
    }

    internal static ReadOnlySpan<byte> Magic => [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE];

    internal const int Version = 1;

    private static uint U32(ReadOnlySpan<byte> bytes, int at) =>
        BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static ReadOnlySpan<byte> SlotAt(ReadOnlySpan<byte> bytes, int index) =>
        bytes.Slice(SlotsAt + (index * SlotLength), SlotLength);

    private static ReadOnlySpan<byte> UpToZero(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return end < 0 ? bytes : bytes[..end];
    }

    // FMT-LUKS-001, FMT-LUKS-002, FMT-LUKS-003.
    private static BlockError? CheckStart(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith(Magic))
        {
            return Refused("Volume is not in LUKS format");
        }
        int version = BinaryPrimitives.ReadUInt16BigEndian(bytes[VersionAt..]);
        if (version != Version)
        {
            return Refused($"LUKS version {version} is not supported");
        }
        foreach (
            (int at, string name) in new[]
            {
                (CipherNameAt, "cipher name"),
                (CipherModeAt, "cipher mode"),
                (HashAt, "hash spec"),
            }
        )
        {
            if (!bytes.Slice(at, NameBytes).Contains((byte)0))
            {
                return Refused($"LUKS header {name} is not NUL terminated");
            }
        }
        return U32(bytes, PayloadAt) < AreaBytes / SectorBytes
                ? Refused("LUKS payload is overlapping with the header")
            : U32(bytes, DigestIterationsAt) == 0 ? Refused("LUKS key iteration count is zero")
            : null;
    }

    // FMT-LUKS-004, FMT-LUKS-005, FMT-LUKS-006.
    private static BlockError? CheckSlots(ReadOnlySpan<byte> bytes)
    {
        long payload = (long)U32(bytes, PayloadAt) * SectorBytes;
        long area = AreaOf(U32(bytes, KeyBytesAt));
        for (int index = 0; index < SlotCount; index++)
        {
            ReadOnlySpan<byte> slot = SlotAt(bytes, index);
            uint state = U32(slot, 0);
            long start = (long)U32(slot, 40) * SectorBytes;
            string? wrong =
                U32(slot, 44) != StripeCount
                    ? $"is corrupted (stripes {(int)U32(slot, 44)} != {StripeCount})"
                : state is not (Active or Inactive) ? "state (active/disable) is corrupted"
                : state == Active && U32(slot, 4) == 0 ? "iteration count is zero"
                : start < AreaBytes ? "is overlapping with the LUKS header"
                : start + area > payload ? "is overlapping with the encrypted payload"
                : null;
            if (wrong is not null)
            {
                return Refused($"Keyslot {index} {wrong}");
            }
            for (int other = index + 1; other < SlotCount; other++)
            {
                long second = (long)U32(SlotAt(bytes, other), 40) * SectorBytes;
                if (start + area > second && second + area > start)
                {
                    return Refused($"Keyslots {index} and {other} are overlapping in the header");
                }
            }
        }
        return null;
    }

    private static BlockError? ReadCipher(ReadOnlySpan<byte> bytes, out CipherSpec? cipher) =>
        CipherNames.TryRead(
            Text(bytes, CipherNameAt),
            Text(bytes, CipherModeAt),
            Text(bytes, HashAt),
            U32(bytes, KeyBytesAt),
            out cipher
        );

    // FMT-LUKS-008: each slot may have to be tried, and its key tested.
    private BlockError? CheckWork()
    {
        long digest = CipherSpec.DigestBytes(Cipher.Hash);
        long keyHashes = (Cipher.KeyBytes + digest - 1) / digest;
        long testHashes = (DigestLength + digest - 1) / digest;
        long all = 0;
        for (int index = 0; index < SlotCount; index++)
        {
            if (!Slots[index].IsActive)
            {
                continue;
            }
            all += (Slots[index].Iterations * keyHashes) + (DigestIterations * testHashes);
            if (all > HashesMax)
            {
                int at = SlotsAt + (index * SlotLength) + 4;
                return Refused(
                    $"Keyslot {index} iteration count {Slots[index].Iterations} (offset {at}) and "
                        + $"master key iteration count {DigestIterations} (offset "
                        + $"{DigestIterationsAt}) ask for {all} hashes; at most {HashesMax} are "
                        + "computed"
                );
            }
        }
        return null;
    }

    private static string Text(ReadOnlySpan<byte> bytes, int at) =>
        Encoding.Latin1.GetString(UpToZero(bytes.Slice(at, NameBytes)));

    private static BlockError Refused(FormattableString text) =>
        Refused(text.ToString(CultureInfo.InvariantCulture));

    private static BlockError Refused(string text) => new(BlockErrorKind.Corrupt, text);
}
