// Which row of the table each channel's syllables mean, and which channels only continue another.
// Spec: spec/e2k/operations.md, E2K-OPS-002, E2K-OPS-005 and E2K-OPS-010.
using System.Linq;

namespace Ashlar.E2k;

/// <summary>The operations of the channels of one bundle as rows of the table.</summary>
internal sealed class ChannelEntries
{
    /// <summary>The specifier that means the array unit's own registers.</summary>
    internal const int ArrayUnit = 0x3f;

    private readonly int _version;
    private readonly Syllables _syllables;
    private readonly Entry?[] _entries = new Entry?[Syllables.Channels];
    private readonly bool[] _isContinued = new bool[Syllables.Channels];

    internal ChannelEntries(int version, Syllables syllables, Guards guards)
    {
        _version = version;
        _syllables = syllables;
        for (int channel = 0; channel < Syllables.Channels; channel++)
        {
            _entries[channel] = syllables.Als[channel] is { } als ? EntryOf(channel, als) : null;
        }
        FindContinued(guards);
    }

    /// <summary>Whether a jump or call of a computed address stands in a channel.</summary>
    internal bool HasJump => _entries.Any(one => one?.Form is Form.Jump or Form.JumpCall);

    /// <summary>The row of a channel's operation, or null where there is none.</summary>
    internal Entry? this[int channel] => _entries[channel];

    /// <summary>
    /// Whether a channel only continues the first of its pair (E2K-OPS-005).
    /// </summary>
    internal bool IsContinued(int channel) => _isContinued[channel];

    /// <summary>The row of a channel that has a syllable.</summary>
    internal Entry Require(int channel) =>
        _entries[channel]
        ?? throw new IllegalBundleException(
            "E2K-OPS-002",
            $"no operation of channel {channel} in version {_version} is"
                + $" {_syllables.Als[channel]:x8}"
        );

    /// <summary>The address specifier of a channel (E2K-OPS-010, E2K-MEM-006).</summary>
    internal int SpecifierOf(int channel) =>
        _syllables.Control1 is { } word && word >> 28 == 6 && SpecifierShift(channel) is { } shift
            ? (int)(word >> shift) & 127
            : 0;

    /// <summary>Where CS1 keeps a channel's specifier, if it does (E2K-OPS-010).</summary>
    internal static int? SpecifierShift(int channel) =>
        channel switch
        {
            0 => 21,
            2 => 14,
            3 => 7,
            5 => 0,
            _ => null,
        };

    /// <summary>The operation that a channel's syllables mean (E2K-OPS-002).</summary>
    private Entry? EntryOf(int channel, uint als)
    {
        ushort? half = _syllables.Ales[channel];
        int specifier = SpecifierOf(channel);
        Entry? first = null;
        int high = half is { } bits ? bits >> 8 : -1;
        foreach (
            Entry entry in OperationTable.Specification.ByCode(Syllables.Field(als, 24, 7), high)
        )
        {
            if (!Matches(entry, channel, als, half))
            {
                continue;
            }
            if (Chooses(entry, als, specifier))
            {
                return entry;
            }
            first ??= entry;
        }
        return first;
    }

    private bool Matches(Entry entry, int channel, uint als, ushort? half)
    {
        Extension extension = entry.Extensions[channel % 3];
        bool isHalf = (extension.Kind, half) switch
        {
            (ExtensionKind.None, null) => true,
            (ExtensionKind.Whole, { } bits) => extension.Value == bits,
            (ExtensionKind.High, { } bits) => extension.Value == bits >> 8,
            _ => false,
        };
        return isHalf
            && entry.IsLegal(_version, channel)
            && (entry.Source1 is not { } source || source == Syllables.Field(als, 16, 8))
            && (entry.Destination is not { } target || target == Syllables.Field(als, 5, 3));
    }

    /// <summary>
    /// One opcode is a store through a descriptor and a write of the array unit's own register;
    /// specifier and bits decide (E2K-REG-009).
    /// </summary>
    private static bool Chooses(Entry entry, uint als, int specifier)
    {
        bool isAddress = ArrayAddress((int)(als >> 8) & 0xffff) is not null;
        return entry.Form switch
        {
            Form.ArrayStore => specifier != ArrayUnit || isAddress,
            Form.ArrayWrite => specifier == ArrayUnit && !isAddress,
            Form.ArrayLoad => specifier != ArrayUnit,
            Form.ArrayRead => specifier == ArrayUnit,
            _ => true,
        };
    }

    /// <summary>
    /// Descriptor, index and increment, -1 for none, of sixteen bits (E2K-REG-009).
    /// </summary>
    internal static (int Descriptor, int Index, int Increment)? ArrayAddress(int code)
    {
        bool increments = (code & 4) != 0;
        if ((code & 0x0b) != 0 || (!increments && (code & 0x70) != 0))
        {
            return null;
        }
        return (code >> 11, (code >> 7) & 15, increments ? (code >> 4) & 7 : -1);
    }

    private void FindContinued(Guards guards)
    {
        for (int channel = 0; channel < Syllables.Channels; channel++)
        {
            if (_entries[channel] is not { } entry)
            {
                continue;
            }
            foreach ((int first, int second) in entry.Pairs)
            {
                if (
                    first == channel
                    && _syllables.Als[second] is { } other
                    && ReferenceEquals(_entries[second], entry)
                    && IsSecondOf(entry, _syllables.Als[channel]!.Value, other)
                    && guards
                        .Of(GuardTarget.Channel, first)
                        .SequenceEqual(guards.Of(GuardTarget.Channel, second))
                )
                {
                    _isContinued[second] = true;
                }
            }
        }
    }

    private static bool IsSecondOf(Entry entry, uint first, uint second)
    {
        int Step(int index, int code) => entry.IsQuad(index) && (code is < 0xc0 or >= 0xe0) ? 1 : 0;

        int source1 = Syllables.Field(first, 16, 8);
        int source2 = Syllables.Field(first, 8, 8);
        (int step1, int step2) = entry.Form switch
        {
            Form.TwoSources => (Step(0, source1), Step(1, source2)),
            Form.OneSource => (0, Step(0, source2)),
            _ => (0, 0),
        };
        return first >> 24 == second >> 24
            && Syllables.Field(second, 16, 8) == source1 + step1
            && Syllables.Field(second, 8, 8) == source2 + step2
            && Syllables.Field(second, 0, 8) == Syllables.Field(first, 0, 8) + 1;
    }
}
