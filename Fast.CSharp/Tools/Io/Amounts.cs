// Numbers as commands take and show them. Spec: spec/block/iotool.md (BLK-IOT-005, BLK-IOT-006).
using System;
using System.Globalization;
using System.Linq;
using Ashlar.Block;
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

internal static class Amounts
{
    /// <summary>The longest request of bytes: whole sectors in a C int.</summary>
    public const long LargestRequestBytes = 2_147_483_136;

    private const int UnitBits = 10;
    private const string Units = "KMGTPE";

    /// <summary>A number of bytes, none negative; false after telling what is wrong.</summary>
    public static bool TryReadBytes(string text, out long bytes)
    {
        if (Sizes.TryRead(text, out bytes))
        {
            return true;
        }
        bool isNumber = text.Length > 0 && text[..^1].All(char.IsAsciiDigit);
        bool hasUnit = isNumber && "bkmgtpe".Contains(char.ToLowerInvariant(text[^1]));
        isNumber = isNumber && (char.IsAsciiDigit(text[^1]) || (hasUnit && text.Length > 1));
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        isNumber |= isHex && text.Length > 2 && text[2..].All(char.IsAsciiHexDigit);
        Console.Out.Write(
            isNumber
                ? $"Parsing error: argument too large -- {text}\n"
                : "Parsing error: non-numeric argument, or extraneous/unrecognized suffix"
                    + $" -- {text}\n"
        );
        return false;
    }

    /// <summary>The byte of -P; false after telling that it is none.</summary>
    public static bool TryReadPattern(string text, out byte pattern)
    {
        bool isByte =
            KeyvalReader.TryReadNumber(text, out long number) && number is >= 0 and <= 0xff;
        pattern = isByte ? (byte)number : (byte)0;
        if (!isByte)
        {
            Console.Out.Write($"{text} is not a valid pattern byte\n");
        }
        return isByte;
    }

    /// <summary>An amount with the largest unit that fits: <c>1.500 KiB</c>.</summary>
    public static string Show(double bytes)
    {
        int power = Units.Length;
        while (power > 0 && bytes < (double)(1L << (UnitBits * power)))
        {
            power--;
        }
        string unit = power == 0 ? " bytes" : $" {Units[power - 1]}iB";
        string digits = Fixed(bytes / (1L << (UnitBits * power)), power == 0 ? 6 : 3);
        int zeroes = digits.IndexOf(".000", StringComparison.Ordinal);
        return (zeroes < 0 ? digits : digits[..zeroes]) + unit;
    }

    /// <summary>A time; the long form always has hours and minutes.</summary>
    public static string Show(TimeSpan time, bool isLong)
    {
        string seconds = Fixed(time.TotalSeconds % 60, 2).PadLeft(5, '0');
        return isLong || time.TotalSeconds >= 1
            ? $"{(long)time.TotalHours}:{time.Minutes:00}:{seconds}"
            : $"{seconds} sec";
    }

    /// <summary>As C's %.Nf.</summary>
    public static string Fixed(double value, int decimals) =>
        double.IsPositiveInfinity(value)
            ? "inf"
            : value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
}
