// Words to bundles. What the specification gives no meaning is refused here, so that a step knows
// no names. Spec: spec/e2k/step.md, E2K-STEP-001 and E2K-STEP-002.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k;

/// <summary>Decodes wide instructions of one version of the instruction set.</summary>
/// <param name="version">From 2 to 7.</param>
public sealed class BundleDecoder(int version)
{
    /// <summary>The bundle that begins with these words, or why there is none.</summary>
    public Illegal? TryDecode(ReadOnlySpan<uint> words, out Bundle? bundle)
    {
        try
        {
            bundle = Decode(Syllables.Unpack(words));
            return null;
        }
        catch (IllegalBundleException wrong)
        {
            bundle = null;
            return wrong.Illegal;
        }
    }

    private Bundle Decode(Syllables syllables)
    {
        Guards guards = new(syllables);
        ChannelEntries entries = new(version, syllables, guards);
        ImmutableArray<Job> jobs = new ChannelDecoder(syllables, guards, entries).Decode();
        ControlDecoder control = new(syllables);
        control.Decode(entries.HasJump);
        return new()
        {
            Bytes = 4 * syllables.Words,
            LoopMode = syllables.LoopMode,
            Jobs = jobs,
            Logic = PredicateDecoder.Decode(syllables.Predicates),
            Moves = [.. MovesOf(syllables)],
            Settings = control.Settings,
            Leave = control.Leave,
            Transfer = control.Transfer,
            Shift = control.Shift,
            Distance = control.Distance,
            IsAny = control.IsAny,
            Decision =
                control.Leave == LeaveKind.Onward
                    ? [new(DeciderKind.Never, false, 0)]
                    : control.Decision,
            TurnBased = control.TurnBased,
            TurnPredicates = control.TurnPredicates,
            Advance = control.Advance,
            StartsArrays = control.StartsArrays,
            StopsArrays = control.StopsArrays,
        };
    }

    /// <summary>Moves out of the prefetch buffer (E2K-AAS-001, E2K-AAS-002).</summary>
    private static IEnumerable<ArrayMove> MovesOf(Syllables syllables)
    {
        for (int channel = 0; channel < 4; channel++)
        {
            if (syllables.Arrays[channel + 2] is not { } half)
            {
                continue;
            }
            int format = Syllables.Field(half, 12, 3);
            if (format is < 1 or > 4)
            {
                throw new IllegalBundleException(
                    "E2K-AAS-002",
                    $"the array move {half:x4} has no size with a meaning here"
                );
            }
            int targets = syllables.Arrays[channel / 2] ?? 0;
            int code = ((channel & 1) == 0 ? targets >> 8 : targets) & 255;
            yield return new(
                channel < 2,
                Syllables.Field(half, 6, 6),
                format,
                Syllables.Field(half, 1, 5),
                (half & 1) != 0,
                Operand.Target(Width.Double, code)
            );
        }
    }
}
