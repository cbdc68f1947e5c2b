// Conditions of which some are known beforehand. Spec: spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k;

/// <summary>Takes what is known out of conditions.</summary>
internal static class Deciding
{
    /// <summary>
    /// What any or all of these give, if that is known, and else the ones that it depends on.
    /// </summary>
    internal static (bool? Known, ImmutableArray<Decider> Open) Fold(
        ImmutableArray<Decider> deciders,
        bool isAny,
        Func<Decider, bool?> known
    )
    {
        if (deciders.IsEmpty)
        {
            return (true, []);
        }
        ImmutableArray<Decider> rest = [.. deciders.Where(one => known(one) is null)];
        if (deciders.Any(one => known(one) == isAny))
        {
            return (isAny, []);
        }
        return rest.IsEmpty ? (!isAny, []) : (null, rest);
    }
}
