// What an operation computes, as a value: a delegate for the interpreter and the method behind it
// for the translator. Spec: spec/e2k/semantics.md, E2K-SEM-001.
using System.Reflection;

namespace Ashlar.E2k.Operations;

/// <summary>The function of an operation (E2K-SEM-001).</summary>
public sealed class Meaning
{
    /// <summary>The function on whole operands; false where a division traps.</summary>
    internal delegate bool Applying(in Sources sources, ref FloatControl control, out Bits result);

    private readonly Applying _apply;

    internal Meaning(
        string name,
        MeaningKind kind,
        Applying apply,
        MethodInfo? direct,
        int? constant = null
    )
    {
        Name = name;
        Kind = kind;
        _apply = apply;
        Direct = direct;
        Constant = constant;
    }

    /// <summary>The cell of the table that names it.</summary>
    public string Name { get; }

    /// <summary>What it may touch besides its result.</summary>
    public MeaningKind Kind { get; }

    /// <summary>
    /// The static method that computes it, or null. Its parameters are, in this order, as many of
    /// the first, second and third source as it needs to reach the last it reads, each `ulong`
    /// (the low 64 bits; 32-bit sources extended by zeros) or `Vector128&lt;ulong&gt;` (all of a
    /// register); an `int`, which is the byte, or <see cref="Constant"/> where there is one; a
    /// `bool`, the predicate of a merge; `ref FloatControl`. It returns the result, as `ulong`
    /// where there is nothing above 64 bits; a division returns whether it did not trap and has
    /// the result as `out ulong` last.
    /// </summary>
    public MethodInfo? Direct { get; }

    /// <summary>What <see cref="Direct"/> takes for its `int` instead of the byte.</summary>
    public int? Constant { get; }

    /// <summary>
    /// The result and, in the control, flags added to those there were; false where a division
    /// traps (E2K-INT-012), with nothing changed.
    /// </summary>
    public bool Apply(in Sources sources, ref FloatControl control, out Bits result) =>
        _apply(in sources, ref control, out result);
}
