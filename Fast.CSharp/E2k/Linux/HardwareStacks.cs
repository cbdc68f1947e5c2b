// The procedure stack and the chain stack as a program may read and write them, though they are in
// no memory of its own. Spec: spec/e2k/linux.md, E2K-SYS-026.
using System;
using System.Buffers.Binary;

namespace Ashlar.E2k;

/// <summary>Answers the call about hardware stacks.</summary>
internal sealed class HardwareStacks(Machine machine)
{
    private const int WordBytes = 8;
    private const int RegisterBytes = 16;
    private const int ChainBytes = 32;
    private const int ChainWords = ChainBytes / WordBytes;

    /// <summary>From this version on a register's halves stand side by side.</summary>
    private const int SideBySide = 5;

    private enum Mode : ulong
    {
        ReadChain,
        ReadProcedure,
        WriteProcedure,
        ChainOffset,
        ChainSize,
        ProcedureSize,
        ReadChainPart,
        ReadProcedurePart,
        WriteProcedurePart,
    }

    /// <summary>The call; below the place are the registers of open calls.</summary>
    internal long Call(ReadOnlySpan<ulong> arguments, int place)
    {
        Mode mode = (Mode)arguments[0];
        ulong size = arguments[4];
        ulong procedureBytes = (ulong)place * RegisterBytes;
        ulong chainBytes = (ulong)machine.Now.Depth * ChainBytes;
        switch (mode)
        {
            case Mode.ProcedureSize:
                return Give(size, procedureBytes);
            case Mode.ChainSize:
                return Give(size, chainBytes + ChainBytes);
            case > Mode.WriteProcedurePart:
                return ErrorNumber.NoSuchCall;
        }
        if (!machine.Memory.TryRead(arguments[1], WordBytes, out ulong at))
        {
            return ErrorNumber.BadAddress;
        }
        ulong buffer = arguments[2];
        ulong bytes = arguments[3];
        switch (mode)
        {
            case Mode.ChainOffset:
                return at < (ulong)Machine.DepthMax * ChainBytes
                    ? Give(size, at)
                    : ErrorNumber.NoProcess;
            case Mode.ReadChainPart:
                return Move(mode, at, bytes, chainBytes + ChainBytes, buffer, place);
            case Mode.ReadProcedurePart:
            case Mode.WriteProcedurePart:
                return Move(mode, at, bytes, procedureBytes, buffer, place);
        }
        // From the stack's beginning up to a place in it.
        if (at > (mode == Mode.ReadChain ? chainBytes : procedureBytes))
        {
            return ErrorNumber.BadArgument;
        }
        long wrong = size == 0 ? 0 : Give(size, at);
        return wrong != 0 ? wrong
            : at > bytes ? ErrorNumber.NoMemory
            : Move(mode, 0, at, at, buffer, place);
    }

    private long Give(ulong address, ulong value)
    {
        if (!machine.Memory.AllowsWrite(address, WordBytes))
        {
            return ErrorNumber.BadAddress;
        }
        machine.Memory.Write(address, WordBytes, value);
        return 0;
    }

    private long Move(Mode mode, ulong at, ulong bytes, ulong end, ulong buffer, int place)
    {
        if (at > end || bytes > end - at)
        {
            return ErrorNumber.BadAddress;
        }
        if (at % WordBytes != 0 || bytes % WordBytes != 0)
        {
            return ErrorNumber.BadArgument;
        }
        byte[] copy = new byte[bytes];
        bool isWrite = mode is Mode.WriteProcedure or Mode.WriteProcedurePart;
        if (
            isWrite
                ? !machine.Memory.TryCopyOut(buffer, copy)
                : !machine.Memory.AllowsWriteRange(buffer, bytes)
        )
        {
            return ErrorNumber.BadAddress;
        }
        bool isChain = mode is Mode.ReadChain or Mode.ReadChainPart;
        for (int index = 0; index < copy.Length / WordBytes; index++)
        {
            Span<byte> word = copy.AsSpan(index * WordBytes);
            int number = (int)(at / WordBytes) + index;
            if (isWrite)
            {
                Write(number, BinaryPrimitives.ReadUInt64LittleEndian(word));
            }
            else
            {
                BinaryPrimitives.WriteUInt64LittleEndian(
                    word,
                    isChain ? Chain(number, place) : Read(number)
                );
            }
        }
        if (!isWrite)
        {
            machine.Memory.CopyIn(buffer, copy);
        }
        return 0;
    }

    /// <summary>A register, and whether a word is its upper half.</summary>
    private (int Place, bool IsHigh) PlaceOf(int word) =>
        machine.Version >= SideBySide
            ? (RegisterFile.Globals + (word / 2), word % 2 == 1)
            : (RegisterFile.Globals + (word / 4 * 2) + (word % 2), word % 4 >= 2);

    private ulong Read(int word)
    {
        (int place, bool isHigh) = PlaceOf(word);
        return isHigh ? machine.Registers.Read(place).High : machine.Registers.Read(place).Low;
    }

    /// <summary>What is written is a number.</summary>
    private void Write(int word, ulong value)
    {
        (int place, bool isHigh) = PlaceOf(word);
        Operations.Bits old = machine.Registers.Read(place);
        machine.Registers.Write(place, isHigh ? new(old.Low, value) : new(value, old.High), tag: 0);
    }

    /// <summary>Frames of open calls, the outermost first, and that of this call.</summary>
    private ulong Chain(int word, int place)
    {
        ref readonly Control now = ref machine.State;
        int number = word / ChainWords;
        Frame frame =
            number < now.Depth
                ? machine.FrameAt(number)
                : new(now.Ip, now.Window, now.Based, now.Turning, now.Predicates);
        int above =
            number >= now.Depth ? place
            : number == now.Depth - 1 ? now.Window.Base
            : machine.FrameAt(number + 1).Window.Base;
        return (word % ChainWords) switch
        {
            0 => SignalFrame.Packed(frame.Predicates),
            1 => frame.ReturnTo,
            2 => ((ulong)(uint)(frame.Window.Parameters / 2) << 26)
                | ((ulong)(uint)((above - frame.Window.Base) / 2) << 33),
            _ => SignalFrame.Turned(frame.Based, frame.Turning),
        };
    }
}
