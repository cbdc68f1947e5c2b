// SS from the operations that ask for it. Spec: spec/e2k/encoding.md, E2K-SS.
using System;
using System.Collections.Generic;

namespace Ashlar.E2k.Symbolic;

/// <summary>Collects what operations ask of the stub.</summary>
internal sealed class StubWriter
{
    /// <summary>The wait for prefetch where none is written (E2K-SS-001).</summary>
    private const uint DefaultWait = 3;

    /// <summary>The bit of the other format, and all that has a meaning with it.</summary>
    private const uint OtherFormat = 1 << 20;
    private const uint OfOtherFormat = 0x3fff0000;

    private uint? _bits;
    private uint? _transfer;
    private uint? _wait;

    /// <summary>Whether a transfer goes where the stub does not say.</summary>
    private bool _hasOtherTarget;

    /// <summary>The stub of a bundle, or null where nothing asks for one.</summary>
    /// <param name="arrayMask">The channels of array moves, in bits 15:12.</param>
    internal static uint? Write(IEnumerable<Operation> operations, uint arrayMask)
    {
        StubWriter writer = new();
        foreach (Operation operation in operations)
        {
            writer.Add(operation);
        }
        return writer.ToWord(arrayMask);
    }

    private static IllegalBundleException TwoTransfers() =>
        new("E2K-SS-005", "one transfer leaves a bundle, not two");

    private void Add(Operation operation)
    {
        switch (Vocabulary.RoleOf(operation.Name))
        {
            case Role.Stub when operation.Name == "ipd":
                _bits ??= 0;
                _wait ??= (uint)(operation.FirstNumber ?? DefaultWait) & 3;
                break;
            case Role.Stub:
                _bits = (_bits ?? 0) | BitsOf(operation);
                break;
            case Role.Departure or Role.Transfer or Role.Call or Role.ChannelTransfer:
                AddTransfer(operation);
                break;
        }
    }

    private uint? ToWord(uint arrayMask)
    {
        if (_bits is null && _transfer is null && arrayMask == 0)
        {
            return null;
        }
        if (_hasOtherTarget && _transfer >> 10 != 0)
        {
            throw TwoTransfers();
        }
        uint word = (_bits ?? 0) | (_transfer ?? 0) | arrayMask;
        if ((word & OtherFormat) != 0 && (word & OfOtherFormat) != Vocabulary.FlushTags)
        {
            throw new IllegalBundleException(
                "E2K-SS-003",
                "flushts stands beside no other bits of the stub"
            );
        }
        return word | ((_wait ?? DefaultWait) << 30);
    }

    /// <summary>The condition, and of ct and call the target, of a transfer.</summary>
    private void AddTransfer(Operation operation)
    {
        ReadOnlySpan<Condition> guard = operation.Guard.AsSpan();
        int condition =
            operation.Name == "rbranch"
                ? TransferConditions.CodeOf([new("MLOCK"), .. guard])
                : TransferConditions.CodeOf(guard);
        uint target = operation.Name is "ct" or "call"
            ? ControlWriter.TransferRegister(operation)
            : 0;
        uint code = (uint)condition | (target << 10);
        if (_transfer is { } other && !Agree(code, other))
        {
            throw TwoTransfers();
        }
        _transfer = (_transfer ?? 0) | code;
        _hasOtherTarget |= operation.Name is "icall" or "hcall" or "ibranchd" or "icalld";
    }

    /// <summary>Whether two transfers have one condition, and not two targets.</summary>
    private static bool Agree(uint code, uint other)
    {
        uint target = code >> 10;
        uint otherTarget = other >> 10;
        return ((code ^ other) & 0x1ff) == 0
            && (target == otherTarget || target == 0 || otherTarget == 0);
    }

    /// <summary>Bits that say something by themselves (E2K-SS-002, E2K-SS-003).</summary>
    private static uint BitsOf(Operation operation)
    {
        if (operation.Name == "flushts")
        {
            return Vocabulary.FlushTags;
        }
        if (Vocabulary.StubFlags.BitsOf(operation.Name) is { } flag)
        {
            return flag;
        }
        foreach (StubPair pair in Vocabulary.StubPairs)
        {
            if (pair.Name == operation.Name)
            {
                uint both = operation.FirstNumber is { } number
                    ? (uint)number & 3
                    : (operation.Field(pair.High, 1) << 1) | operation.Field(pair.Low, 1);
                return both << pair.Position;
            }
        }
        throw new InvalidOperationException($"{operation.Name} is no bit of the stub");
    }
}
