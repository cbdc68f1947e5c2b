// The limits of a throttle group, in the two spellings QEMU has. Spec: spec/block/objects.md.
using System.Collections.Generic;
using static Ashlar.Qmp.CommonTypes;

namespace Ashlar.Qmp;

/// <summary>ThrottleLimits, and the same as properties with an x- before them.</summary>
internal static class ThrottleTypes
{
    private static readonly string[] Units = ["iops", "bps"];
    private static readonly string[] Sides = ["total", "read", "write"];

    /// <summary>The members of a throttle group's properties.</summary>
    public static IEnumerable<QmpMember> GroupMembers()
    {
        yield return Optional("limits", new QmpObject("ThrottleLimits", [.. Limits("")]));
        foreach (QmpMember member in Limits("x-"))
        {
            yield return member;
        }
    }

    private static IEnumerable<QmpMember> Limits(string prefix)
    {
        foreach (string unit in Units)
        {
            foreach (string side in Sides)
            {
                yield return Optional($"{prefix}{unit}-{side}", Int);
                yield return Optional($"{prefix}{unit}-{side}-max", Int);
                yield return Optional($"{prefix}{unit}-{side}-max-length", Int);
            }
        }
        yield return Optional($"{prefix}iops-size", Int);
    }
}
