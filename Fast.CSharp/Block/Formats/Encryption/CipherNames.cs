// The names of ciphers and modes in headers and options, read into a specification.
// Spec: spec/formats/luks.md (FMT-LUKS-009, FMT-LUKS-011).
using System;
using System.Globalization;

namespace Ashlar.Block;

/// <summary>Names such as <c>aes</c> and <c>xts-plain64</c>, as headers have them.</summary>
internal static class CipherNames
{
    /// <summary>Reads the names of a header; what is not known here is refused by name.</summary>
    public static BlockError? TryRead(
        string cipher,
        string mode,
        string hash,
        uint keyBytes,
        out CipherSpec? spec
    )
    {
        spec = null;
        int dash = mode.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
        {
            return Refused($"Unexpected cipher mode string format '{mode}'");
        }
        string chaining = mode[..dash];
        string numbering = mode[(dash + 1)..];
        string? numberingHash = null;
        int colon = numbering.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            numberingHash = numbering[(colon + 1)..];
            numbering = numbering[..colon];
            if (!CipherSpec.IsHash(numberingHash))
            {
                return Refused($"Hash algorithm '{numberingHash}' not supported");
            }
        }
        if (ModeOf(chaining) is not { } known)
        {
            return Refused($"Cipher mode '{chaining}' not supported");
        }
        long aesBytes = known == SectorChaining.Xts ? keyBytes / 2 : keyBytes;
        bool isWhole = known != SectorChaining.Xts || keyBytes % 2 == 0;
        if (cipher != "aes" || aesBytes is not (16 or 24 or 32) || !isWhole)
        {
            return Refused(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Algorithm '{cipher}' with key size {aesBytes} bytes not supported"
                )
            );
        }
        if (!CipherSpec.IsHash(hash))
        {
            return Refused($"Hash algorithm '{hash}' not supported");
        }
        if (NumberingOf(numbering) is not { } numbered)
        {
            return Refused($"IV generator '{numbering}' not supported");
        }
        CipherSpec read = new((int)keyBytes, known, numbered, numberingHash, hash);
        if (!read.HasSoundNumbering)
        {
            return Refused(
                numberingHash is null
                    ? "Missing IV generator hash specification"
                    : NoKey(CipherSpec.DigestBytes(numberingHash))
            );
        }
        spec = read;
        return null;
    }

    /// <summary>The chaining of that name, or null.</summary>
    public static SectorChaining? ModeOf(string name) =>
        name switch
        {
            "xts" => SectorChaining.Xts,
            "cbc" => SectorChaining.Cbc,
            _ => null,
        };

    /// <summary>The numbering of that name, or null.</summary>
    public static SectorNumbering? NumberingOf(string name) =>
        name switch
        {
            "plain" => SectorNumbering.Plain,
            "plain64" => SectorNumbering.Plain64,
            "essiv" => SectorNumbering.Essiv,
            _ => null,
        };

    /// <summary>The name of a chaining.</summary>
    public static string NameOf(SectorChaining chaining) =>
        chaining == SectorChaining.Xts ? "xts" : "cbc";

    /// <summary>The name of a numbering.</summary>
    public static string NameOf(SectorNumbering numbering) =>
        numbering switch
        {
            SectorNumbering.Plain => "plain",
            SectorNumbering.Plain64 => "plain64",
            _ => "essiv",
        };

    /// <summary>The cipher as options and descriptions have it.</summary>
    public static string CipherOf(CipherSpec spec) =>
        string.Create(CultureInfo.InvariantCulture, $"aes-{spec.AesKeyBytes * 8}");

    private static string NoKey(int bytes) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"No AES cipher with key size {bytes} available"
        );

    private static BlockError Refused(string text) => new(BlockErrorKind.NotSupported, text);
}
