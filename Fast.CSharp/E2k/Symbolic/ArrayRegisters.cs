// Registers of the array unit as the sixteen bits of src1 and src2. Spec: spec/e2k/operands.md,
// E2K-REG-008.
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>Names and bits of the array unit's registers.</summary>
internal static class ArrayRegisters
{
    /// <summary>A kind: its low seven bits, and where its numbers stand, if it has any.</summary>
    private readonly record struct Kind(string Name, int Low, int Shift, int Count)
    {
        internal bool IsNumbered => Count > 1;
    }

    private static readonly ImmutableArray<Kind> Kinds =
    [
        new("aad", 0x00, 11, 32),
        new("aasti", 0x04, 7, 16),
        new("aaind", 0x08, 7, 16),
        new("aaincr", 0x0c, 7, 16),
        new("aaldi", 0x10, 11, 32),
        new("aalda", 0x14, 11, 32),
        new("aafstr", 0x20, 0, 1),
        new("aaldv", 0x24, 0, 1),
        new("aaldm", 0x28, 0, 1),
        new("aabf", 0x30, 7, 16),
        new("aadr", 0x40, 11, 32),
        new("aasti_tag", 0x44, 0, 1),
        new("aaind_tag", 0x48, 0, 1),
        new("aaincr_tag", 0x4c, 0, 1),
        new("aasr", 0x6c, 0, 1),
    ];

    /// <summary>The register that sixteen bits name, or null.</summary>
    internal static string? NameOf(int code)
    {
        foreach (Kind kind in Kinds)
        {
            int number = kind.IsNumbered ? (code >> kind.Shift) & (kind.Count - 1) : 0;
            if (code == (kind.Low | (number << kind.Shift)))
            {
                return kind.IsNumbered ? $"{kind.Name}{number}" : kind.Name;
            }
        }
        return null;
    }

    /// <summary>The sixteen bits of a register.</summary>
    internal static int CodeOf(string name)
    {
        foreach (Kind kind in Kinds)
        {
            if (!kind.IsNumbered && kind.Name == name)
            {
                return kind.Low;
            }
            if (kind.IsNumbered && NumberedName.NumberOf(kind.Name, name, kind.Count) is { } number)
            {
                return kind.Low | (number << kind.Shift);
            }
        }
        throw new IllegalBundleException("E2K-REG-008", $"the array unit has no register %{name}");
    }
}
