// Operations of the channels as written to drafts of their syllables. Spec:
// spec/e2k/operations.md, E2K-OPS.
using System;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Makes drafts of one version.</summary>
internal sealed class ChannelDrafter(int version, Resolver resolve)
{
    /// <summary>The draft of an operation, if the version has it in its channel.</summary>
    internal ChannelDraft Draft(Operation written)
    {
        Operation operation = NamedRegisters.AsAccess(written);
        int channel =
            operation.Channel
            ?? throw new IllegalBundleException("E2K-OPS-001", $"{operation.Name} needs a channel");
        Entry entry =
            OperationTable.Specification.Find(operation.Name)
            ?? throw new IllegalBundleException(
                "E2K-OPS-001",
                $"there is no operation {operation.Name}"
            );
        ImmutableArray<int> channels = ChannelsOf(entry, channel);
        if (!channels.Any(one => entry.IsLegal(version, one)))
        {
            throw new IllegalBundleException(
                "E2K-OPS-004",
                $"{operation.Name} cannot stand in channel {channel} in version {version}"
            );
        }
        DraftFields fields = FieldsOf(entry, operation);
        (int First, int Second) steps = StepsOf(entry, operation);
        return new(entry, operation, Aligned(entry, steps, fields))
        {
            Written = channel,
            Channels = channels,
            Steps = steps,
            Specifier = operation.Setting("mas") is { } specifier
                ? (int)specifier.Offset & 127
                : entry.Form switch
                {
                    Form.ArrayRead or Form.ArrayWrite => ChannelEntries.ArrayUnit,
                    _ => 0,
                },
        };
    }

    /// <summary>The channel, or the pair that it is in (E2K-OPS-005).</summary>
    private static ImmutableArray<int> ChannelsOf(Entry entry, int channel)
    {
        foreach ((int first, int second) in entry.Pairs)
        {
            if (first == channel || second == channel)
            {
                return [first, second];
            }
        }
        return [channel];
    }

    /// <summary>Sources that are pairs go on in the second channel (E2K-OPS-005).</summary>
    private static (int First, int Second) StepsOf(Entry entry, Operation operation)
    {
        int Step(int index) =>
            !entry.Pairs.IsEmpty
            && entry.IsQuad(index)
            && index < operation.Arguments.Length
            && operation.Arguments[index] is Argument.Register
                ? 1
                : 0;

        return entry.Form switch
        {
            Form.TwoSources => (Step(0), Step(1)),
            Form.OneSource => (0, Step(0)),
            _ => (0, 0),
        };
    }

    /// <summary>
    /// What is twice 64 bits begins at an even register: a source that goes on, and the destination
    /// or stored value of an access, of a conversion or of a move to no register (E2K-OPS-005).
    /// </summary>
    private static DraftFields Aligned(
        Entry entry,
        (int First, int Second) steps,
        DraftFields fields
    )
    {
        int Even(bool isEven, int code) => isEven ? code & ~1 : code;

        bool isAligned = entry.Form switch
        {
            Form.Load or Form.Store => entry.IsQuad(2),
            Form.OneSource => !OperandBytes.IsRegister(fields.Destination),
            Form.TwoSources => true,
            _ => false,
        };
        return fields with
        {
            First = Even(steps.First == 1, fields.First),
            Second = fields.Second with { Code = Even(steps.Second == 1, fields.Second.Code) },
            Destination = Even(!entry.Pairs.IsEmpty && isAligned, fields.Destination),
        };
    }

    /// <summary>Whether a number as second source has 32 bits at most (E2K-LIT-006).</summary>
    private static bool IsNarrow(Entry entry)
    {
        int index = entry.Form is Form.OneSource or Form.OneAndByte ? 0 : 1;
        Width width = index < entry.Widths.Length ? entry.Widths[index] : Width.None;
        return width switch
        {
            Width.Single or Width.Quad => true,
            Width.Packed => !entry.Mnemonic.StartsWith("qplog", StringComparison.Ordinal),
            _ => false,
        };
    }

    private static int Byte(Argument argument) =>
        argument is Argument.Number { Value: { Label: null, Offset: >= 0 and < 256 } value }
            ? (int)value.Offset
            : throw new IllegalBundleException("E2K-REG-007", "a number from 0 to 255 is wanted");

    /// <summary>Kind and predicate of a comparison (E2K-REG-010).</summary>
    private static int Compared(Entry entry, Argument argument)
    {
        if (argument is not Argument.Name { IsNegated: false } name)
        {
            throw new IllegalBundleException("E2K-REG-010", "a predicate is wanted");
        }
        int predicate =
            NumberedName.NumberOf("pred", name.Text, 32)
            ?? throw new IllegalBundleException("E2K-REG-010", $"%{name.Text} is no predicate");
        return ((entry.Destination ?? 0) << 5) | predicate;
    }

    private static Condition Decider(Argument argument) =>
        argument is Argument.Name name
            ? new(name.Text, name.IsNegated)
            : throw new IllegalBundleException("E2K-REG-010", "a predicate is wanted");

    /// <summary>Descriptor and index as the sixteen bits of src1 and src2 (E2K-REG-009).</summary>
    private static int Described(Argument descriptor, Argument index) =>
        descriptor is Argument.Name { IsNegated: false } one
        && index is Argument.Address { Base: Argument.Name { IsNegated: false } other, Index: null }
        && NumberedName.NumberOf("aad", one.Text, 32) is { } first
        && NumberedName.NumberOf("aasti", other.Text, 16) is { } second
            ? (first << 11) | (second << 7)
            : throw new IllegalBundleException(
                "E2K-REG-009",
                "a descriptor and an index are wanted: %aad0 [ %aasti0 ]"
            );

    private DraftFields FieldsOf(Entry entry, Operation operation)
    {
        int fixedSource = entry.Source1 ?? OperandBytes.FirstConstant;
        bool isNarrow = IsNarrow(entry);

        int First(Argument argument) => OperandBytes.Source1Code(argument);
        SecondSource Second(Argument argument) => SecondSource.Of(argument, isNarrow, resolve);
        int Third(Argument argument) => OperandBytes.Source3Code(argument);
        int Target(Argument argument) => OperandBytes.DestinationCode(argument);

        return (entry.Form, operation.Arguments) switch
        {
            (Form.TwoSources or Form.Load, [var a, var b, var d]) => new(
                First(a),
                Second(b),
                Target(d)
            ),
            (Form.Load, [var address, var d]) => OfAddress(entry, address) with
            {
                Destination = Target(d),
            },
            (Form.Store, [var a, var b, var d]) => new(First(a), Second(b), Third(d)),
            (Form.Store, [var d, var address]) => OfAddress(entry, address) with
            {
                Destination = Third(d),
            },
            (Form.OneSource, [var b, var d]) => new(fixedSource, Second(b), Target(d)),
            (Form.ThreeSources, [var a, var b, var c, var d]) => new(First(a), Second(b), Target(d))
            {
                Low = Third(c),
            },
            (Form.TwoAndByte, [var a, var b, var c, var d]) => new(First(a), Second(b), Target(d))
            {
                Low = Byte(c),
            },
            (Form.OneAndByte, [var b, var c, var d]) => new(fixedSource, Second(b), Target(d))
            {
                Low = Byte(c),
            },
            (Form.Comparison, [var a, var b, var p]) => new(
                First(a),
                Second(b),
                Compared(entry, p)
            ),
            (Form.Test, [var b, var p]) => new(fixedSource, Second(b), Compared(entry, p)),
            (Form.Merge, [var a, var b, var d, var p]) => new(First(a), Second(b), Target(d))
            {
                MergeOn = Decider(p),
            },
            (Form.MergeAndThen, [var a, var b, var c, var d, var p]) => new(
                First(a),
                Second(b),
                Target(d)
            )
            {
                Low = Third(c),
                MergeOn = Decider(p),
            },
            (Form.ArrayStore, [var d, var descriptor, var index]) => OfArray(
                Described(descriptor, index)
            ) with
            {
                Destination = Third(d),
            },
            (Form.ArrayLoad, [var descriptor, var index, var d]) => OfArray(
                Described(descriptor, index)
            ) with
            {
                Destination = Target(d),
            },
            (Form.ArrayRead, [Argument.Name { IsNegated: false } name, var d]) => OfArray(
                ArrayRegisters.CodeOf(name.Text)
            ) with
            {
                Destination = Target(d),
            },
            (Form.ArrayWrite, [var d, Argument.Name { IsNegated: false } name]) => OfArray(
                ArrayRegisters.CodeOf(name.Text)
            ) with
            {
                Destination = Third(d),
            },
            (Form.StateRead, [var state, var d]) => new(
                NamedRegisters.StateCode(state),
                SecondSource.Zero,
                Target(d)
            ),
            (Form.StateWrite, [var b, var state]) => new(
                fixedSource,
                Second(b),
                NamedRegisters.StateCode(state)
            ),
            (Form.Jump, [var b, var d]) => new(fixedSource, Second(b), Third(d)),
            (Form.JumpCall, [var b, var d]) => new(
                (int)(operation.Setting("wbs")?.Offset ?? 0) & 127,
                Second(b),
                Third(d)
            ),
            _ => throw new IllegalBundleException(
                "E2K-OPS-003",
                $"{operation.Name} does not take these operands"
            ),
        };
    }

    private DraftFields OfAddress(Entry entry, Argument address)
    {
        (int first, SecondSource second) = SecondSource.OfAddress(address, entry, resolve);
        return new(first, second, 0);
    }

    /// <summary>Sixteen bits that name something of the array unit.</summary>
    private static DraftFields OfArray(int code) =>
        new(code >> 8, SecondSource.Known(code & 255), 0);
}
