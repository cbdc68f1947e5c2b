// Option dictionaries in two shapes: nested, as QMP has them, and flat, where one key such as
// `file.cache.direct` says the whole way. Everything here takes values and gives new ones.
// Crumpling, arrays and edits stand in the sibling files; what an option means stands in
// OptionSchema.cs. Spec: spec/block/storaged.md (BLK-SD-020 to BLK-SD-024).
using System.Globalization;

namespace Ashlar.Block;

/// <summary>Operations on option dictionaries, as QEMU's block layer has them.</summary>
public static partial class FlatOptions
{
    /// <summary>
    /// How many levels a flat key may say (BLK-SD-021): the depth at which QEMU's own reader of
    /// nested JSON stops. It bounds the stack.
    /// </summary>
    public const int MaximumNesting = 1024;

    /// <summary>
    /// The dictionary with everything nested moved to its own level (BLK-SD-020). Empty lists and
    /// dictionaries have no members to move, so they stay as values.
    /// </summary>
    public static OptionValue Flatten(OptionValue dictionary)
    {
        OptionBuilder flat = new();
        FlattenInto(flat, dictionary, "");
        return flat.ToValue();
    }

    private static void FlattenInto(OptionBuilder flat, OptionValue container, string prefix)
    {
        for (int index = 0; index < container.Count; index++)
        {
            string step =
                container.Kind == OptionKind.List
                    ? index.ToString(CultureInfo.InvariantCulture)
                    : container.KeyAt(index);
            OptionValue value = container[index];
            if (value.Count != 0)
            {
                FlattenInto(flat, value, $"{prefix}{step}.");
            }
            else
            {
                flat.Put(prefix + step, value);
            }
        }
    }
}
