// The conditional syllables: which predicate guards which channel, increment or merge, as 16-bit
// entries, six at most. Spec: spec/e2k/predicates.md, E2K-CDS.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k;

/// <summary>What an entry decides.</summary>
internal enum GuardTarget : byte
{
    /// <summary>Whether the operation of a channel is carried out.</summary>
    Channel,

    /// <summary>Whether the increment of a store's index is.</summary>
    Increment,

    /// <summary>Which source a merge takes.</summary>
    Merge,

    /// <summary>Whether a rotation or renewal that the stub asks for is carried out.</summary>
    Stub,
}

/// <summary>All that the conditional syllables of a bundle say.</summary>
internal sealed class Guards
{
    private sealed record Said(int Entry, GuardTarget Target, int Channel, Decider Decider);

    private readonly List<Said> _said = [];

    internal Guards(Syllables syllables)
    {
        int entry = 0;
        foreach (uint word in syllables.Conditions)
        {
            Read(entry++, (int)(word >> 16));
            Read(entry++, (int)(word & 0xffff));
        }
    }

    /// <summary>
    /// The guards of a target in the order in which they are written (E2K-CDS-004).
    /// </summary>
    internal ImmutableArray<Decider> Of(GuardTarget target, int channel)
    {
        List<Said> found = _said.FindAll(one => one.Target == target && one.Channel == channel);
        if (
            found is [Said one, Said other]
            && one.Decider.Kind != other.Decider.Kind
            && one.Entry / 2 == other.Entry / 2
        )
        {
            found.Reverse();
        }
        return [.. found.Select(guard => guard.Decider)];
    }

    /// <summary>
    /// The first entry that guards one of some neighbouring channels, or null (E2K-CDS-006).
    /// </summary>
    internal int? FirstEntry(int firstChannel, int lastChannel)
    {
        foreach ((int entry, GuardTarget target, int channel, _) in _said)
        {
            if (target == GuardTarget.Channel && channel >= firstChannel && channel <= lastChannel)
            {
                return entry;
            }
        }
        return null;
    }

    /// <summary>What one entry says of whom; an entry of zero says nothing (E2K-CDS-002).</summary>
    private void Read(int entry, int bits)
    {
        bool Has(int position) => (bits >> position & 1) != 0;

        if (Has(15) && Has(13))
        {
            Say(entry, bits, 9, GuardTarget.Stub, 0);
            return;
        }
        int first = Has(14) ? 3 : 0;
        for (int index = 0; index < 3; index++)
        {
            if (Has(10 + index))
            {
                GuardTarget target = Has(15) ? GuardTarget.Merge : GuardTarget.Channel;
                Say(entry, bits, 7 + index, target, first + index);
            }
        }
        if (Has(13))
        {
            Say(entry, bits, 9, GuardTarget.Increment, first + 2);
        }
    }

    private void Say(int entry, int bits, int negation, GuardTarget target, int channel)
    {
        bool isNegated = (bits >> negation & 1) != 0;
        Decider? decider = ((bits & 127) >> 5) switch
        {
            3 => new Decider(DeciderKind.Predicate, isNegated, bits & 31),
            2 => new Decider(DeciderKind.Counter, isNegated, bits & 31),
            _ => null,
        };
        if (decider is { } found)
        {
            _said.Add(new(entry, target, channel, found));
        }
    }
}
