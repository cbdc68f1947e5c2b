// Sizes as people write and read them. Spec: spec/block/img.md (BLK-IMG-004).
using System;
using System.Globalization;

namespace Ashlar.Tools.Img;

internal static class Sizes
{
    private const string Suffixes = "bkmgtpe";
    private const string Powers = "KMGTPE";

    /// <summary>
    /// A number of bytes with an optional suffix of powers of 1,024; fractions are rounded down.
    /// </summary>
    public static bool TryRead(string text, out long bytes)
    {
        bytes = 0;
        if (text.Length == 0)
        {
            return false;
        }
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return long.TryParse(
                    text.AsSpan(2),
                    NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture,
                    out bytes
                )
                && bytes >= 0;
        }
        int power = Suffixes.IndexOf(char.ToLowerInvariant(text[^1]), StringComparison.Ordinal);
        ReadOnlySpan<char> digits = power < 0 ? text : text.AsSpan(0, text.Length - 1);
        bool isNumber = decimal.TryParse(
            digits,
            NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture,
            out decimal number
        );
        if (!isNumber || digits[0] == '.')
        {
            return false;
        }
        decimal scale = 1L << (10 * Math.Max(power, 0));
        if (number > long.MaxValue / scale)
        {
            return false;
        }
        bytes = (long)(number * scale);
        return true;
    }

    /// <summary>The size of an image, or the refusal with QEMU's two lines.</summary>
    public static long Read(string text) =>
        TryRead(text, out long bytes)
            ? bytes
            : throw new ImgException(
                "Invalid image size specified. You may use k, M, G, T, P or E suffixes for",
                "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes."
            );

    /// <summary>Three digits and a unit: <c>1.5 GiB</c>.</summary>
    public static string ToText(long bytes)
    {
        // A thousand of one unit are the next one's already: three digits have to do.
        int power = 0;
        double value = bytes;
        while (value >= 1000 && power < Powers.Length)
        {
            value /= 1024;
            power++;
        }
        string digits = ThreeDigits(value);
        return power == 0 ? $"{digits} B" : $"{digits} {Powers[power - 1]}iB";
    }

    // As C's %0.3g, for what is below 1,000.
    private static string ThreeDigits(double value)
    {
        int decimals =
            value >= 100 ? 0
            : value >= 10 ? 1
            : value >= 1 || value == 0 ? 2
            : 3;
        string text = Math.Round(value, decimals, MidpointRounding.ToEven)
            .ToString(
                "F" + decimals.ToString(CultureInfo.InvariantCulture),
                CultureInfo.InvariantCulture
            );
        return decimals == 0 ? text : text.TrimEnd('0').TrimEnd('.');
    }
}
