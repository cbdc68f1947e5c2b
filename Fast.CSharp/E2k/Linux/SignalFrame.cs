// What a handler finds in memory about its signal and what it interrupted, in the layout of the
// system's headers. Spec: spec/e2k/traps.md, E2K-SIG-002.
using System;
using System.Runtime.InteropServices;

namespace Ashlar.E2k;

/// <summary>A frame as words of 64 bits.</summary>
internal static class SignalFrame
{
    /// <summary>Of a frame, a multiple of what the stack is aligned to.</summary>
    internal const int Bytes = 8 * Words;

    /// <summary>Where the context is, behind the information.</summary>
    internal const int ContextAt = 8 * ContextWord;

    /// <summary>Where a program may change what it returns to, and its mask.</summary>
    internal const int IpAt = 8 * (ContextWord + 6);
    internal const int MaskAt = 8 * (ContextWord + 202);

    private const int Words = 242;
    private const int ContextWord = 16;

    // Words of the context.
    private const int Stack = 2;
    private const int Registers = 5;
    private const int Locks = 89;
    private const int Mask = 202;
    private const int Extra = 218;

    /// <summary>Behind the context once more, for old programs.</summary>
    private const int SavedMask = 240;

    private const ulong StackEnd = 0x3ff00000000;
    private const ulong UserNumber = 1000;

    /// <summary>Bytes of the last part that are in use, and that no entry is the current.</summary>
    private const ulong ExtraHead = 44 | (0xffffffffUL << 32);

    internal static ReadOnlySpan<byte> Of(
        Machine machine,
        int signal,
        SignalInfo info,
        ulong mask,
        ReadOnlySpan<ulong> stack
    )
    {
        ref readonly Control now = ref machine.State;
        ulong[] words = new ulong[Words];
        words[0] = (uint)signal;
        words[1] = (uint)info.Code;
        words[2] = info.Code > 0 ? info.Value : info.Value | (UserNumber << 32);
        words[SavedMask] = mask;
        Span<ulong> context = words.AsSpan(ContextWord);
        stack.CopyTo(context[Stack..]);
        context[Mask] = mask;
        Fill(context[Registers..], machine, now);
        for (int index = 0; index < now.Locks.Length; index++)
        {
            context[Locks + index] = now.Locks[index].Address;
        }
        context[Extra] = ExtraHead;
        context[Extra + 1] = (ulong)now.Float.Fpcr << 32;
        context[Extra + 2] = now.Float.Fpsr | ((ulong)now.Float.Pfpfr << 32);
        context[Extra + 3] = Prepared(now.Ctpr1);
        context[Extra + 4] = Prepared(now.Ctpr2);
        context[Extra + 5] = Prepared(now.Ctpr3);
        return MemoryMarshal.AsBytes<ulong>(words);
    }

    /// <summary>The chain's four words, then the stacks.</summary>
    private static void Fill(Span<ulong> registers, Machine machine, in Control now)
    {
        ulong stackBytes = now.StackTop - machine.StackLimit;
        registers[0] = Packed(now.Predicates);
        registers[1] = now.Ip;
        registers[2] =
            ((ulong)(uint)(now.Window.Parameters / 2) << 26)
            | ((ulong)(uint)(now.Window.Size / 2) << 33);
        registers[3] = Turned(now.Based, now.Turning) | ((stackBytes >> 4) << 36);
        registers[4] = StackEnd;
        registers[5] = now.StackTop;
        registers[6] = stackBytes << 32;
        registers[8] = (ulong)now.Window.Base * 16;
        registers[10] = (ulong)now.Depth * 32;
    }

    /// <summary>Two bits for each predicate: its value, and whether it is invalid.</summary>
    internal static ulong Packed(PredicateFile predicates)
    {
        ulong packed = 0;
        for (int number = 0; number < 32; number++)
        {
            ulong invalid = (predicates.Invalid >> number) & 1;
            ulong value = (predicates.Values >> number) & 1 & ~invalid;
            packed |= (value | (invalid << 1)) << (2 * number);
        }
        return packed;
    }

    /// <summary>Areas that turn: of registers in pairs, and of predicates.</summary>
    internal static ulong Turned(Rotation based, Rotation turning)
    {
        ulong registers =
            based.Pairs == 0
                ? 0
                : (ulong)(uint)(based.First / 2)
                    | ((ulong)(uint)(based.Pairs - 1) << 6)
                    | ((ulong)(uint)based.Turn << 12);
        ulong predicates =
            turning.Pairs == 0
                ? 0
                : ((ulong)(uint)(turning.Pairs - 1) << 18) | ((ulong)(uint)turning.Turn << 23);
        return registers | predicates;
    }

    private static ulong Prepared(Transfer transfer) =>
        (transfer.Value & 0xffffffffffff) | ((ulong)transfer.Kind << 48);
}
