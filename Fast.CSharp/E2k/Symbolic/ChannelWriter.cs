// The channels of a bundle from operations as written: who is where, whose literals and guards come
// first. Spec: spec/e2k/operations.md, E2K-OPS; guards spec/e2k/predicates.md, E2K-CDS.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Writes the channels of one bundle.</summary>
internal sealed class ChannelWriter
{
    /// <summary>The version in which ALES2 and ALES5 got their word (E2K-ENC-012).</summary>
    private const int WideVersion = 4;

    /// <summary>Registers that an access can add to its index.</summary>
    private const int IncrementsMax = 8;

    /// <summary>An increment of the index that an access of the array unit has.</summary>
    private sealed record Increment(int Register, ImmutableArray<Condition> Guard);

    private readonly int _version;

    /// <summary>In the order in which they are written.</summary>
    private readonly List<ChannelDraft> _drafts = [];

    private readonly Increment?[] _increments = new Increment?[Syllables.Channels];

    internal ChannelWriter(int version, Resolver resolve, IReadOnlyList<Operation> operations)
    {
        _version = version;
        Operation[] written = [.. operations.Where(Written.IsOfChannel)];
        ChannelDrafter drafter = new(version, resolve);
        foreach (Operation operation in written)
        {
            ChannelDraft draft = Narrowed(drafter.Draft(operation), operation, written);
            if (draft.IsSplit)
            {
                throw new IllegalBundleException(
                    "E2K-OPS-005",
                    $"{operation.Name} takes the last register of a file and no next"
                );
            }
            _drafts.Add(draft);
        }
        int[] channels = [.. _drafts.SelectMany(draft => draft.Channels)];
        if (channels.Distinct().Count() != channels.Length)
        {
            throw new IllegalBundleException("E2K-ENC-004", "two operations want one channel");
        }
        foreach (Operation operation in operations)
        {
            if (operation.Name == "incr")
            {
                AddIncrement(operation);
            }
        }
    }

    /// <summary>Whether ALES2 and ALES5 get their word whatever they are (E2K-ENC-012).</summary>
    internal bool NeedsWide =>
        _version == WideVersion
        && _drafts.Exists(draft =>
            draft.Channels.Any(channel =>
                channel % 3 == 2
                && draft.Entry.IsLegal(WideVersion, channel)
                && !draft.Entry.IsLegal(WideVersion - 1, channel)
            )
        );

    /// <summary>The address specifiers as bits of CS1, 0 for none (E2K-OPS-010).</summary>
    internal uint Specifiers
    {
        get
        {
            uint bits = 0;
            foreach (ChannelDraft draft in _drafts)
            {
                foreach (int channel in draft.Channels)
                {
                    if (ChannelEntries.SpecifierShift(channel) is { } shift)
                    {
                        bits |= (uint)draft.Specifier << shift;
                    }
                }
            }
            return bits;
        }
    }

    /// <summary>
    /// Guards in the order of the written channels (E2K-CDS-006), of each operation predicates
    /// before counters (E2K-CDS-004).
    /// </summary>
    internal void WriteGuards(GuardWriter guards)
    {
        foreach (ChannelDraft draft in _drafts.OrderBy(draft => draft.Written))
        {
            if (draft.Fields.MergeOn is { } merge)
            {
                guards.Add(GuardTarget.Merge, draft.Channels[0], merge);
            }
            if (!draft.IsJump)
            {
                foreach (Condition condition in Ordered(draft.Operation.Guard))
                {
                    foreach (int channel in draft.Channels)
                    {
                        guards.Add(GuardTarget.Channel, channel, condition);
                    }
                }
            }
            foreach (int channel in draft.Channels)
            {
                foreach (Condition condition in Ordered(_increments[channel]?.Guard ?? []))
                {
                    guards.Add(GuardTarget.Increment, channel, condition);
                }
            }
        }
    }

    /// <summary>Gives literals their places, and a bundle its syllables.</summary>
    /// <param name="sizes">What stands in LTS0 by itself, if something does.</param>
    internal void Fill(BundleWriter bundle, uint? sizes)
    {
        LiteralRequest[] wanted =
        [
            .. _drafts.Select(draft => draft.Fields.Second.Literal).OfType<LiteralRequest>(),
        ];
        int taken = sizes is null ? 0 : Literals.FirstTaken;
        (LiteralRequest[] requests, Slot[] slots) = Literals.Fit(taken, wanted);
        bundle.Literals = Literals.Fill(sizes, requests, slots);
        int next = 0;
        foreach (ChannelDraft draft in _drafts)
        {
            int source2 = draft.Fields.Second.Code;
            if (draft.Fields.Second.Literal is not null)
            {
                source2 = OperandBytes.LiteralCode(requests[next].Size, slots[next]);
                next++;
            }
            for (int index = 0; index < draft.Channels.Length; index++)
            {
                int channel = draft.Channels[index];
                int bits = _increments[channel] is { } increment
                    ? 4 | (increment.Register << 4)
                    : 0;
                (bundle.Als[channel], bundle.Ales[channel]) = draft.SyllablesOf(
                    source2 | bits,
                    index
                );
            }
        }
    }

    /// <summary>
    /// An operation of a pair takes its own channel only, where the other is written too
    /// (E2K-OPS-005).
    /// </summary>
    private static ChannelDraft Narrowed(
        ChannelDraft draft,
        Operation operation,
        IEnumerable<Operation> written
    )
    {
        bool isOtherWritten = written.Any(other =>
            other.Name == operation.Name
            && other.Channel is { } channel
            && channel != operation.Channel
            && draft.Channels.Contains(channel)
        );
        return isOtherWritten ? draft with { Channels = [draft.Written], Steps = (0, 0) } : draft;
    }

    /// <summary>Notes an increment; of a pair both channels have it (E2K-REG-009).</summary>
    private void AddIncrement(Operation operation)
    {
        ChannelDraft? access = _drafts.Find(draft =>
            draft.IsArrayAccess
            && operation.Channel is { } channel
            && draft.Channels.Contains(channel)
        );
        if (
            access is null
            || operation.Arguments is not [Argument.Name { IsNegated: false } name]
            || NumberedName.NumberOf("aaincr", name.Text, IncrementsMax) is not { } register
        )
        {
            throw new IllegalBundleException(
                "E2K-REG-009",
                "an increment is one of %aaincr0 to %aaincr7, of an access through a descriptor"
            );
        }
        foreach (int channel in access.Channels)
        {
            _increments[channel] = new(register, operation.Guard);
        }
    }

    private static IEnumerable<Condition> Ordered(ImmutableArray<Condition> guard) =>
        guard.OrderBy(one => one.Name.StartsWith("pred", StringComparison.Ordinal) ? 0 : 1);
}
