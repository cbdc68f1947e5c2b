// The one form of refusal for damaged tables.
using System;
using System.Globalization;

namespace Ashlar.Block;

internal static class Qcow2Corruption
{
    /// <summary>A refusal that says what is wrong in an image (BLK-DATA-010).</summary>
    internal static BlockError At(FormattableString what) =>
        new(BlockErrorKind.Corrupt, "qcow2: " + what.ToString(CultureInfo.InvariantCulture));
}
