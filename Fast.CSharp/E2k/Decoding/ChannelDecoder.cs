// The arithmetic-logic channels: a syllable with its half-syllable as a job. Spec:
// spec/e2k/operations.md, E2K-OPS.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

/// <summary>Decodes the channels of one bundle.</summary>
internal sealed class ChannelDecoder(Syllables syllables, Guards guards, ChannelEntries entries)
{
    /// <summary>The jobs of the channels in order.</summary>
    internal ImmutableArray<Job> Decode()
    {
        List<Job> jobs = [];
        for (int channel = 0; channel < Syllables.Channels; channel++)
        {
            if (syllables.Als[channel] is { } als && !entries.IsContinued(channel))
            {
                jobs.Add(JobOf(entries.Require(channel), channel, als));
            }
        }
        return [.. jobs];
    }

    private static IllegalBundleException Meaningless(Entry entry) =>
        new("E2K-STEP-002", $"{entry.Mnemonic} has no meaning here");

    private Job JobOf(Entry entry, int channel, uint als)
    {
        int src1 = Syllables.Field(als, 16, 8);
        int src2 = Syllables.Field(als, 8, 8);
        int dst = Syllables.Field(als, 0, 8);
        int low = (syllables.Ales[channel] ?? 0) & 255;
        Operand First() => Operand.Source1(entry.WidthAt(0), src1);
        Operand Second(int index) => Operand.Source2(entry.WidthAt(index), src2, syllables);
        Operand Target(int index) => Operand.Target(entry.WidthAt(index), dst);
        Operand Predicate() => new(Place.Predicate, Width.Double, dst & 31, 0);

        Operand nowhere = new(Place.Nowhere, Width.Double, 0, 0);
        Operand zero = Operand.Zero;
        Operands operands = entry.Form switch
        {
            Form.TwoSources or Form.Load => new(First(), Second(1), Operand.Zero, Target(2)),
            Form.Store => new(First(), Second(1), Operand.Source3(entry.WidthAt(2), dst), nowhere),
            Form.OneSource => new(Operand.Zero, Second(0), Operand.Zero, Target(1)),
            Form.ThreeSources or Form.MergeAndThen => new(
                First(),
                Second(1),
                Operand.Source3(entry.WidthAt(2), low),
                Target(3)
            ),
            Form.TwoAndByte or Form.Merge => new(First(), Second(1), Operand.Zero, Target(2)),
            Form.OneAndByte => new(Operand.Zero, Second(0), Operand.Zero, Target(1)),
            Form.Comparison => new(First(), Second(1), Operand.Zero, Predicate()),
            Form.Test => new(Operand.Zero, Second(0), Operand.Zero, Predicate()),
            Form.ArrayStore => new(
                Operand.Zero,
                Operand.Zero,
                Operand.Source3(entry.WidthAt(0), dst),
                nowhere
            ),
            Form.ArrayWrite => new(
                Operand.Zero,
                Operand.Zero,
                Operand.Source3(Width.Single, dst),
                nowhere
            ),
            Form.ArrayRead => new(
                Operand.Zero,
                Operand.Zero,
                Operand.Zero,
                Operand.Target(Width.Single, dst)
            ),
            Form.StateRead => new(Operand.Zero, Operand.Zero, Operand.Zero, Target(1)),
            Form.StateWrite => new(Operand.Zero, Second(0), Operand.Zero, nowhere),
            _ => throw Meaningless(entry),
        };
        return Shape(entry, channel, als, operands);
    }

    /// <summary>What the operation does with its operands.</summary>
    private Job Shape(Entry entry, int channel, uint als, Operands operands)
    {
        string[] parts = entry.Semantics.Split('.');
        int code = (int)(als >> 8) & 0xffff;
        Job job = new()
        {
            Entry = entry,
            Channel = channel,
            Kind = JobKind.Compute,
            IsSpeculative = als >> 31 != 0,
            Deciders = guards.Of(GuardTarget.Channel, channel),
            First = operands.First,
            Second = operands.Second,
            Third = operands.Third,
            Target = operands.Target,
        };
        return (parts[0], entry.Form) switch
        {
            ("load" or "loadpair", Form.Load) => Access(job with { Kind = JobKind.Load }, parts),
            ("store" or "storepair", Form.Store) => Access(
                job with
                {
                    Kind = JobKind.Store,
                },
                parts
            ),
            ("arraystore", Form.ArrayStore) => ArrayStore(job, parts, code),
            ("arraywrite", Form.ArrayWrite) => OfArrayUnit(job, JobKind.ArrayWrite, code),
            ("arrayread", Form.ArrayRead) => OfArrayUnit(job, JobKind.ArrayRead, code),
            ("stateread", Form.StateRead) => job with
            {
                Kind = JobKind.StateRead,
                StateCode = code >> 8,
            },
            ("statewrite", Form.StateWrite) => job with
            {
                Kind = JobKind.StateWrite,
                StateCode = (int)als & 255,
            },
            ("move", Form.OneSource) => job with { Kind = JobKind.Move },
            ("gettag", Form.OneSource) => job with { Kind = JobKind.GetTag },
            ("getstack", Form.OneSource) => job with { Kind = JobKind.GetStack },
            ("puttag", Form.TwoSources or Form.Load) => job with { Kind = JobKind.PutTag },
            _ => Computation(job, channel),
        };
    }

    private Job Computation(Job job, int channel)
    {
        Meaning meaning = Catalogue.Find(job.Entry.Semantics) ?? throw Meaningless(job.Entry);
        bool hasByte = job.Entry.Form is Form.TwoAndByte or Form.OneAndByte;
        job = job with
        {
            Meaning = meaning,
            Byte = hasByte ? (syllables.Ales[channel] ?? 0) & 255 : 0,
        };
        if (job.Entry.Form is not (Form.Merge or Form.MergeAndThen))
        {
            return job;
        }
        return guards.Of(GuardTarget.Merge, channel) is [Decider merge]
            ? job with
            {
                Merge = merge,
            }
            : throw new IllegalBundleException(
                "E2K-CDS-005",
                $"the merge in channel {channel} needs exactly one predicate"
            );
    }

    /// <summary>An access; behind its bits may stand a segment (E2K-MEM-003).</summary>
    private Job Access(Job job, string[] parts) =>
        job with
        {
            Bytes = int.Parse(parts[1], CultureInfo.InvariantCulture) / 8,
            IsPair = parts[0] is "loadpair" or "storepair",
            StateCode =
                parts.Length > 2
                && OperationTable.Specification.StateCodes.TryGetValue(
                    $"{parts[2]}.lo",
                    out int segment
                )
                    ? segment
                    : -1,
            Locking = entries.SpecifierOf(job.Channel) switch
            {
                4 => Locking.Lock,
                3 => Locking.Check,
                _ => Locking.None,
            },
        };

    private Job ArrayStore(Job job, string[] parts, int code)
    {
        (int descriptor, int index, int increment) =
            ChannelEntries.ArrayAddress(code)
            ?? throw new IllegalBundleException(
                "E2K-REG-009",
                "neither descriptor and index nor a register of the array unit"
            );
        if (
            entries.SpecifierOf(job.Channel) == ChannelEntries.ArrayUnit
            && Register(code) is { } register
        )
        {
            // Written like a store, it means a register (E2K-STEP-007).
            return job with
            {
                Kind = JobKind.ArrayWrite,
                ArrayRegister = register.Kind,
                ArrayNumber = register.Number,
            };
        }
        return job with
        {
            Kind = JobKind.ArrayStore,
            Bytes = int.Parse(parts[1], CultureInfo.InvariantCulture) / 8,
            Descriptor = descriptor,
            StoreIndex = index,
            Increment = increment,
            IncrementDeciders = guards.Of(GuardTarget.Increment, job.Channel),
        };
    }

    private static Job OfArrayUnit(Job job, JobKind kind, int code)
    {
        (ArrayRegister register, int number) =
            Register(code)
            ?? throw new IllegalBundleException(
                "E2K-REG-008",
                $"no register of the array unit is {code:x4}"
            );
        return job with { Kind = kind, ArrayRegister = register, ArrayNumber = number };
    }

    /// <summary>The register of the array unit that sixteen bits name (E2K-REG-008).</summary>
    private static (ArrayRegister Kind, int Number)? Register(int code)
    {
        // The low seven bits are the kind; all above them but the number's bits are zero.
        (ArrayRegister kind, int position, int width) = (code & 0x7f) switch
        {
            0x00 => (ArrayRegister.Descriptor, 11, 5),
            0x04 => (ArrayRegister.StoreIndex, 7, 4),
            0x08 => (ArrayRegister.Index, 7, 4),
            0x0c => (ArrayRegister.Increment, 7, 4),
            0x10 or 0x14 or 0x40 => (ArrayRegister.Other, 11, 5),
            0x30 => (ArrayRegister.Other, 7, 4),
            0x20 or 0x24 or 0x28 or 0x44 or 0x48 or 0x4c or 0x6c => (ArrayRegister.Other, 0, 0),
            _ => (ArrayRegister.Other, 0, -1),
        };
        if (width < 0)
        {
            return null;
        }
        int number = width == 0 ? 0 : (code >> position) & ((1 << width) - 1);
        return code == ((code & 0x7f) | (number << position)) ? (kind, number) : null;
    }

    /// <summary>The operands of a form.</summary>
    private readonly record struct Operands(
        Operand First,
        Operand Second,
        Operand Third,
        Operand Target
    );
}
