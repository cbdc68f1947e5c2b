// Names that end in a number, such as pred5 and aaincr2.
using System;
using System.Globalization;

namespace Ashlar.E2k.Symbolic;

internal static class NumberedName
{
    /// <summary>Where the digits at the end of a name begin.</summary>
    internal static int StemLength(ReadOnlySpan<char> name) => name.TrimEnd("0123456789").Length;

    /// <summary>
    /// The number of a name that is a stem and a number below a bound, or null.
    /// </summary>
    internal static int? NumberOf(string stem, ReadOnlySpan<char> name, int bound)
    {
        int length = StemLength(name);
        return
            name[..length].SequenceEqual(stem)
            && int.TryParse(
                name[length..],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int number
            )
            && number < bound
            ? number
            : null;
    }

    /// <summary>The byte that a name such as 0x3a says, or null.</summary>
    internal static int? ByteOf(ReadOnlySpan<char> name) =>
        name.StartsWith("0x", StringComparison.Ordinal)
        && uint.TryParse(
            name[2..],
            NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture,
            out uint code
        )
        && code < 256
            ? (int)code
            : null;
}
