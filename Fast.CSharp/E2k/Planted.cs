// Defects that a test switches on one at a time, to see whether the bench notices. In a build
// without ASHLAR_PLANTED_BUGS every question is the constant false and the defect is not compiled
// in.
using System;
using System.Runtime.CompilerServices;

namespace Ashlar.E2k;

/// <summary>What a planted bug does wrong, in one line.</summary>
[AttributeUsage(AttributeTargets.Field)]
public sealed class PlantedBugAttribute(string meaning) : Attribute
{
    /// <summary>The line.</summary>
    public string Meaning { get; } = meaning;
}

/// <summary>The switch for planted bugs.</summary>
public static class Planted
{
#if ASHLAR_PLANTED_BUGS
    /// <summary>
    /// The one bug that is on. Only the test build has this; tests run one at a time.
    /// </summary>
    public static Bug Active { get; set; }
#endif

    /// <summary>Whether the bug is on; constant false in every build that is not Planted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Is(Bug bug)
    {
#if ASHLAR_PLANTED_BUGS
        return Active == bug;
#else
        _ = bug;
        return false;
#endif
    }
}
