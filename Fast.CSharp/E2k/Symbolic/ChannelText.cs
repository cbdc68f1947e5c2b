// The channels as operations: a syllable with its half-syllable, and the increment behind it. Spec:
// spec/e2k/operations.md, E2K-OPS.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Reads the channels of one bundle.</summary>
internal sealed class ChannelText
{
    private readonly Syllables _syllables;
    private readonly Guards _guards;
    private readonly ChannelEntries _entries;
    private readonly ControlText _control;

    /// <summary>Whether literals stand where an assembler would place them (E2K-LIT-005).</summary>
    private readonly bool _isPlacedByDefault;

    internal ChannelText(
        Syllables syllables,
        Guards guards,
        ChannelEntries entries,
        ControlText control
    )
    {
        _syllables = syllables;
        _guards = guards;
        _entries = entries;
        _control = control;
        _isPlacedByDefault = IsPlacedByDefault();
    }

    /// <summary>The operations of the channels, in order.</summary>
    /// <param name="operations">Where they are added.</param>
    internal void Read(List<Operation> operations)
    {
        for (int channel = 0; channel < Syllables.Channels; channel++)
        {
            if (_syllables.Als[channel] is { } als && !_entries.IsContinued(channel))
            {
                Read(_entries.Require(channel), channel, als, operations);
            }
        }
    }

    private static Argument Number(long number) => new Argument.Number(number);

    private static ImmutableArray<Condition> GuardOf(ImmutableArray<Decider> deciders) =>
        ControlText.GuardOf(deciders);

    /// <summary>Whether src2 is an operand that may be a literal.</summary>
    private static bool HasSecond(Entry entry) =>
        entry.Form
            is not (
                Form.ArrayLoad
                or Form.ArrayStore
                or Form.ArrayRead
                or Form.ArrayWrite
                or Form.StateRead
            );

    private bool IsPlacedByDefault()
    {
        List<Slot> slots = [];
        List<LiteralRequest> requests = [];
        for (int channel = 0; channel < Syllables.Channels; channel++)
        {
            if (
                _syllables.Als[channel] is { } als
                && !_entries.IsContinued(channel)
                && _entries[channel] is { } entry
                && HasSecond(entry)
                && OperandBytes.LiteralOf(Syllables.Field(als, 8, 8)) is { } literal
            )
            {
                ulong bits = Literals.Read(_syllables, literal.Size, literal.Slot) ?? 0;
                slots.Add(literal.Slot);
                requests.Add(new(literal.Size, null, IsBare: false, bits, (long)bits));
            }
        }
        bool setsWindow = _syllables.Control1 is { } word && word >> 28 <= 1;
        Slot[]? places = Literals.Place(setsWindow ? Literals.FirstTaken : 0, requests);
        return places is not null && slots.SequenceEqual(places);
    }

    private void Read(Entry entry, int channel, uint als, List<Operation> operations)
    {
        int specifier = _entries.SpecifierOf(channel);
        bool isOwn = entry.Form is Form.ArrayRead or Form.ArrayWrite;
        List<Assignment> settings = [];
        ImmutableArray<Argument> arguments = ArgumentsOf(entry, channel, als);
        if (entry.Form == Form.JumpCall)
        {
            settings.Add(new("wbs", Syllables.Field(als, 16, 8)));
        }
        if (specifier != 0 && !isOwn)
        {
            settings.Add(new("mas", specifier));
        }
        bool isJump = entry.Form is Form.Jump or Form.JumpCall && _syllables.Stub is not null;
        int written = WrittenChannel(entry, channel);
        operations.Add(
            new(entry.Mnemonic)
            {
                Channel = written,
                IsSpeculative = als >> 31 != 0,
                Arguments = arguments,
                Settings = [.. settings],
                Guard = isJump
                    ? _control.TransferGuard()
                    : GuardOf(_guards.Of(GuardTarget.Channel, channel)),
            }
        );
        bool isArrayAccess = entry.Form is Form.ArrayLoad or Form.ArrayStore;
        if (
            isArrayAccess
            && ChannelEntries.ArrayAddress((int)(als >> 8) & 0xffff)
                is { Increment: >= 0 and var increment }
        )
        {
            operations.Add(
                new("incr")
                {
                    Channel = written,
                    Arguments = [new Argument.Name($"aaincr{increment}")],
                    Guard = GuardOf(_guards.Of(GuardTarget.Increment, channel)),
                }
            );
        }
    }

    /// <summary>
    /// The channel that an operation of two is written in: the second where the guard of one
    /// between them comes first (E2K-CDS-006).
    /// </summary>
    private int WrittenChannel(Entry entry, int channel)
    {
        foreach ((int first, int second) in entry.Pairs)
        {
            if (first == channel && _entries.IsContinued(second))
            {
                return
                    _guards.FirstEntry(first + 1, second - 1) is { } between
                    && _guards.FirstEntry(first, first) is { } own
                    && between < own
                    ? second
                    : channel;
            }
        }
        return channel;
    }

    /// <summary>The operands of a form, in order (E2K-OPS-003).</summary>
    private ImmutableArray<Argument> ArgumentsOf(Entry entry, int channel, uint als)
    {
        int source1 = Syllables.Field(als, 16, 8);
        int source2 = Syllables.Field(als, 8, 8);
        int target = Syllables.Field(als, 0, 8);
        int low = (_syllables.Ales[channel] ?? 0) & 255;
        int both = (source1 << 8) | source2;
        Argument First() => OperandBytes.Source1(entry.WidthAt(0), source1);
        Argument Second(int index) => SecondOf(entry.WidthAt(index), source2);
        Argument Third() => OperandBytes.Source3(entry.WidthAt(2), low);
        Argument Stored(int index) => OperandBytes.Source3(entry.WidthAt(index), target);
        Argument Target(int index) => OperandBytes.Destination(entry.WidthAt(index), target);
        Argument Single() => OperandBytes.Destination(Width.Single, target);
        Argument Predicate() => new Argument.Name($"pred{target & 31}");

        return entry.Form switch
        {
            Form.TwoSources or Form.Load => [First(), Second(1), Target(2)],
            Form.Store => [First(), Second(1), Stored(2)],
            Form.OneSource => [Second(0), Target(1)],
            Form.ThreeSources => [First(), Second(1), Third(), Target(3)],
            Form.TwoAndByte => [First(), Second(1), Number(low), Target(2)],
            Form.OneAndByte => [Second(0), Number(low), Target(1)],
            Form.Comparison => [First(), Second(1), Predicate()],
            Form.Test => [Second(0), Predicate()],
            Form.Merge => [First(), Second(1), Target(2), MergeOf(channel)],
            Form.MergeAndThen => [First(), Second(1), Third(), Target(3), MergeOf(channel)],
            Form.ArrayStore => [Stored(0), .. AddressOf(both)],
            Form.ArrayLoad => [.. AddressOf(both), Single()],
            Form.ArrayRead => [ArrayRegisterOf(both), Single()],
            Form.ArrayWrite => [OperandBytes.Source3(Width.Single, target), ArrayRegisterOf(both)],
            Form.StateRead => [NamedRegisters.StateOf(source1), Target(1)],
            Form.StateWrite => [Second(0), NamedRegisters.StateOf(target)],
            Form.Jump => [Second(0), Stored(1)],
            Form.JumpCall => [Second(1), Stored(2)],
            _ => throw new InvalidOperationException($"the table has the form {entry.Form}"),
        };
    }

    /// <summary>A second source (E2K-REG-004).</summary>
    private Argument SecondOf(Width width, int code)
    {
        if (OperandBytes.Register(width, code) is { } register)
        {
            return register;
        }
        int number = code - OperandBytes.FirstConstant;
        if (number < OperandBytes.Constants2)
        {
            return Number(number);
        }
        (LiteralSize size, Slot slot) =
            OperandBytes.LiteralOf(code)
            ?? throw new IllegalBundleException(
                "E2K-REG-004",
                $"the second operand byte {code:x2} selects nothing"
            );
        ulong bits =
            Literals.Read(_syllables, size, slot)
            ?? throw new IllegalBundleException(
                "E2K-LIT-002",
                $"literal syllable {slot.Index} is not there"
            );
        return new Argument.Literal(size, _isPlacedByDefault ? null : slot, (long)bits);
    }

    private Argument.Name MergeOf(int channel) =>
        GuardOf(_guards.Of(GuardTarget.Merge, channel)) is [var condition]
            ? new(condition.Name, condition.IsNegated)
            : throw new IllegalBundleException(
                "E2K-CDS-005",
                $"the merge in channel {channel} needs exactly one predicate"
            );

    private static ImmutableArray<Argument> AddressOf(int code)
    {
        (int descriptor, int index, _) =
            ChannelEntries.ArrayAddress(code)
            ?? throw new IllegalBundleException(
                "E2K-REG-009",
                "neither descriptor and index nor a register of the array unit"
            );
        return
        [
            new Argument.Name($"aad{descriptor}"),
            new Argument.Address(new Argument.Name($"aasti{index}"), null),
        ];
    }

    private static Argument.Name ArrayRegisterOf(int code) =>
        ArrayRegisters.NameOf(code) is { } name
            ? new(name)
            : throw new IllegalBundleException(
                "E2K-REG-008",
                $"no register of the array unit is {code:x4}"
            );
}
