// Moves out of the prefetch buffer, both ways. Spec: spec/e2k/predicates.md, E2K-AAS.
using System;
using System.Collections.Generic;

namespace Ashlar.E2k.Symbolic;

/// <summary>The half-syllables of array moves.</summary>
internal static class ArrayMoves
{
    private const int Channels = 4;
    private const string Wide = "movaq";

    /// <summary>Bytes between the halves of what a wide move takes.</summary>
    private const long HalfBytes = 8;

    /// <summary>The moves of a bundle, by channel (E2K-AAS-001, E2K-AAS-002).</summary>
    internal static void Read(ReadOnlySpan<ushort?> slots, ICollection<Operation> operations)
    {
        for (int channel = 0; channel < Channels; channel++)
        {
            if (slots[channel + 2] is not { } half)
            {
                continue;
            }
            string name =
                Vocabulary.Moves[(half >> 12) & 7]
                ?? throw new IllegalBundleException(
                    "E2K-AAS-002",
                    $"the array move {half:x4} has no size"
                );
            int targets = slots[channel / 2] ?? 0;
            int target = ((channel & 1) == 0 ? targets >> 8 : targets) & 255;
            Width width = name.StartsWith(Wide, StringComparison.Ordinal)
                ? Width.Quad
                : Width.Double;
            operations.Add(
                new(name)
                {
                    Channel = channel,
                    Arguments = [OperandBytes.Destination(width, target)],
                    Settings =
                    [
                        new("area", (half >> 6) & 63),
                        new("ind", (half >> 1) & 31),
                        new("am", half & 1),
                        new("be", half >> 15),
                    ],
                }
            );
        }
    }

    /// <summary>Fills the slots of AAS and returns the mask of channels for SS.</summary>
    internal static uint Write(IReadOnlyList<Operation> operations, Span<ushort?> slots)
    {
        uint mask = 0;
        Span<int> wide = stackalloc int[Channels];
        wide.Clear();
        foreach (Operation one in operations)
        {
            if (one.Name == Wide && one.Channel is >= 0 and < Channels and var channel)
            {
                wide[channel / 2]++;
            }
        }
        foreach (Operation one in operations)
        {
            if (
                one is not { Channel: >= 0 and < Channels and var channel, Arguments: [var target] }
            )
            {
                throw new IllegalBundleException(
                    "E2K-AAS-001",
                    $"{one.Name} takes an array channel from 0 to 3 and a destination"
                );
            }
            long index = one.Setting("ind")?.Offset ?? 0;
            if (one.Name != Wide || wide[channel / 2] != 1 || (channel & 1) != 0)
            {
                mask |= Put(one, channel, index, target, slots);
                continue;
            }

            // Alone it is both halves; the further one comes first where be is set (E2K-AAS-003).
            bool isBig = one.Field("be", 1) != 0;
            Argument next = target is Argument.Register register
                ? register with
                {
                    Index = register.Index + 1,
                }
                : target;
            long first = isBig ? index + HalfBytes : index;
            long second = isBig ? index : index + HalfBytes;
            mask |= Put(one, channel, first, target, slots);
            mask |= Put(one, channel + 1, second, next, slots);
        }
        return mask;
    }

    private static uint Put(
        Operation operation,
        int channel,
        long index,
        Argument target,
        Span<ushort?> slots
    )
    {
        if (slots[channel + 2] is not null)
        {
            throw new IllegalBundleException(
                "E2K-AAS-001",
                $"two moves want the array channel {channel}"
            );
        }
        uint half =
            (operation.Field("be", 1) << 15)
            | ((uint)Vocabulary.Moves.IndexOf(operation.Name) << 12)
            | (operation.Field("area", 6) << 6)
            | (((uint)index & 31) << 1)
            | operation.Field("am", 1);
        int code = OperandBytes.DestinationCode(target) << ((channel & 1) == 0 ? 8 : 0);
        slots[channel / 2] = (ushort)((slots[channel / 2] ?? 0) | code);
        slots[channel + 2] = (ushort)half;
        return 1u << (12 + channel);
    }
}
