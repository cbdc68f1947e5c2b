// Reads a header with everything that hangs on it: feature names, extensions, backing name. The
// file is never written here. Spec: spec/block/open.md (BLK-OPEN-011, BLK-OPEN-021).
using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>What the header area tells beside its numbers.</summary>
internal sealed record Qcow2HeaderStrings(string? BackingName, string? BackingFormat);

/// <summary>A header, or the refusal of it.</summary>
internal readonly record struct Qcow2HeaderResult(
    Qcow2Header? Header,
    Qcow2HeaderStrings? Strings,
    BlockError? Error
);

internal static class Qcow2HeaderReader
{
    private const uint EndOfExtensions = 0;
    private const uint BackingFormatExtension = 0xe2792aca;
    private const uint FeatureNamesExtension = 0x6803f857;
    private const uint EncryptionExtension = 0x0537be77;
    private const int ExtensionHeadBytes = 8;

    private const int FeatureRowBytes = 48;
    private const int FeatureNameBytes = 46;

    private const ulong KnownFeatures =
        Qcow2Header.DirtyBit | Qcow2Header.CorruptBit | Qcow2Header.CompressionTypeBit;

    internal static async ValueTask<Qcow2HeaderResult> ReadAsync(
        ImageStorage storage,
        bool isForCheck
    )
    {
        byte[] bytes = new byte[Qcow2Header.LargestKnownBytes];
        BlockError? error = await storage.ReadAsync(0, bytes).ConfigureAwait(false);
        if (error is not null)
        {
            return Failed(error.WithPrefix("Could not read qcow2 header: "));
        }
        error = Qcow2Header.TryParse(bytes, out Qcow2Header header);
        if (error is not null)
        {
            return Failed(error);
        }
        Extensions found = new();
        ulong unsupported = header.IncompatibleFeatures & ~KnownFeatures;
        if (unsupported != 0)
        {
            // Only the names matter here; whatever is wrong with the extensions is not the point.
            _ = await ReadExtensionsAsync(storage, header, found).ConfigureAwait(false);
            return Failed(UnsupportedFeatures(unsupported, found.FeatureNames));
        }
        error =
            header.CheckTables(isForCheck)
            ?? await ReadExtensionsAsync(storage, header, found).ConfigureAwait(false);
        if (error is not null)
        {
            return Failed(error);
        }
        return await ReadBackingNameAsync(storage, header, found).ConfigureAwait(false);
    }

    private static Qcow2HeaderResult Failed(BlockError error) => new(null, null, error);

    private static async ValueTask<BlockError?> ReadExtensionsAsync(
        ImageStorage storage,
        Qcow2Header header,
        Extensions found
    )
    {
        long offset = header.HeaderBytes;
        long end = header.ExtensionsEnd;
        byte[] head = new byte[ExtensionHeadBytes];
        for (int count = 0; offset < end; count++)
        {
            if (count == Qcow2Limits.MaxHeaderExtensions)
            {
                return Qcow2Header.Refused("Too many header extensions");
            }
            BlockError? error = await storage.ReadAsync(offset, head).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            uint kind = BinaryPrimitives.ReadUInt32BigEndian(head);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4));
            offset += ExtensionHeadBytes;
            if (offset > end || length > end - offset)
            {
                return Qcow2Header.Refused("Header extension too large");
            }
            if (kind == EndOfExtensions)
            {
                return null;
            }
            error = await found.TakeAsync(storage, kind, offset, (int)length).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            offset += (length + 7) & ~7u;
        }
        return null;
    }

    private static async ValueTask<Qcow2HeaderResult> ReadBackingNameAsync(
        ImageStorage storage,
        Qcow2Header header,
        Extensions found
    )
    {
        if (header.BackingNameOffset == 0)
        {
            return new(header, new Qcow2HeaderStrings(null, found.BackingFormat), null);
        }
        long room = header.Geometry.ClusterBytes - (long)header.BackingNameOffset;
        if (header.BackingNameBytes > Math.Min(Qcow2Limits.MaxBackingNameBytes, room))
        {
            return Failed(Qcow2Header.Refused("Backing file name too long"));
        }
        byte[] name = new byte[header.BackingNameBytes];
        BlockError? error = await storage
            .ReadAsync((long)header.BackingNameOffset, name)
            .ConfigureAwait(false);
        if (error is not null)
        {
            return Failed(error.WithPrefix("Could not read backing file name: "));
        }
        // An empty name is no backing file, as everywhere in QEMU.
        string? text = name.Length == 0 ? null : TextUntilZero(name);
        return new(header, new Qcow2HeaderStrings(text, found.BackingFormat), null);
    }

    private static string TextUntilZero(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    // The image's own names first, then ours for the features known but not there, then the bits.
    private static BlockError UnsupportedFeatures(ulong bits, ReadOnlySpan<byte> table)
    {
        StringBuilder names = new();
        while (table.Length >= FeatureRowBytes && table[2] != 0)
        {
            ReadOnlySpan<byte> row = table[..FeatureRowBytes];
            ulong bit = row[1] < 64 ? 1ul << row[1] : 0;
            if (row[0] == 0 && (bits & bit) != 0)
            {
                Append(names, TextUntilZero(row.Slice(2, FeatureNameBytes)));
                bits &= ~bit;
            }
            table = table[FeatureRowBytes..];
        }
        AppendKnown(names, ref bits, Qcow2Header.ExternalDataBit, "external data file");
        AppendKnown(names, ref bits, Qcow2Header.ExtendedL2Bit, "extended L2 entries");
        if (bits != 0)
        {
            string hex = bits.ToString("x", CultureInfo.InvariantCulture);
            Append(names, "Unknown incompatible feature: " + hex);
        }
        return Qcow2Header.Refused("Unsupported qcow2 feature(s): " + names);
    }

    private static void AppendKnown(StringBuilder names, ref ulong bits, ulong bit, string name)
    {
        if ((bits & bit) != 0)
        {
            Append(names, name);
            bits &= ~bit;
        }
    }

    private static void Append(StringBuilder names, string name) =>
        names.Append(names.Length == 0 ? "" : ", ").Append(name);

    /// <summary>
    /// What the walk over the extensions picked up; unknown ones are passed over.
    /// </summary>
    private sealed class Extensions
    {
        internal string? BackingFormat { get; private set; }

        internal byte[] FeatureNames { get; private set; } = [];

        internal async ValueTask<BlockError?> TakeAsync(
            ImageStorage storage,
            uint kind,
            long offset,
            int length
        )
        {
            switch (kind)
            {
                case BackingFormatExtension:
                    return await TakeFormatAsync(storage, offset, length).ConfigureAwait(false);
                case FeatureNamesExtension:
                    FeatureNames = new byte[Math.Min(length, Qcow2Limits.MaxFeatureTableBytes)];
                    return await storage.ReadAsync(offset, FeatureNames).ConfigureAwait(false);
                case EncryptionExtension:
                    return Qcow2Header.Refused(
                        "CRYPTO header extension only expected with LUKS encryption method"
                    );
                default:
                    return null;
            }
        }

        private async ValueTask<BlockError?> TakeFormatAsync(
            ImageStorage storage,
            long offset,
            int length
        )
        {
            if (length >= Qcow2Limits.FormatNameBufferBytes)
            {
                string size = Qcow2Header.Text((uint)length);
                return Qcow2Header.Refused(
                    $"ERROR: ext_backing_format: len={size} too large (>=16)"
                );
            }
            byte[] name = new byte[length];
            BlockError? error = await storage.ReadAsync(offset, name).ConfigureAwait(false);
            if (error is null)
            {
                BackingFormat = TextUntilZero(name);
            }
            return error;
        }
    }
}
