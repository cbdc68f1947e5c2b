// What a bundle is going to write, none of which has happened yet. Spec: spec/e2k/step.md,
// E2K-STEP-005.
using System;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

/// <summary>A register that is going to be written.</summary>
public readonly record struct RegisterWrite(int Place, Bits Bits, int Tag);

/// <summary>Bytes that are going to be written.</summary>
public readonly record struct MemoryWrite(ulong Address, int Bytes, ulong Value);

/// <summary>
/// A register of the array unit, or a state register, that is going to be changed.
/// </summary>
internal readonly record struct NumberWrite(
    ulong[] Registers,
    int Index,
    ulong Value,
    bool IsAdded
);

/// <summary>Writes in order, kept in lists that are used again for each bundle.</summary>
internal sealed class Pending
{
    private const int RegistersAtStart = 512;
    private const int FewAtStart = 16;

    private RegisterWrite[] _registers = new RegisterWrite[RegistersAtStart];
    private MemoryWrite[] _bytes = new MemoryWrite[FewAtStart];
    private NumberWrite[] _numbers = new NumberWrite[FewAtStart];
    private int _registerCount;
    private int _byteCount;
    private int _numberCount;

    internal ReadOnlySpan<RegisterWrite> Registers => _registers.AsSpan(0, _registerCount);

    internal ReadOnlySpan<MemoryWrite> Bytes => _bytes.AsSpan(0, _byteCount);

    internal void Clear()
    {
        _registerCount = 0;
        _byteCount = 0;
        _numberCount = 0;
    }

    internal void Register(int place, Bits bits, int tag) =>
        Add(ref _registers, ref _registerCount, new(place, bits, tag));

    internal void Store(ulong address, int bytes, ulong value) =>
        Add(ref _bytes, ref _byteCount, new(address, bytes, value));

    internal void Number(ulong[] registers, int index, ulong value) =>
        Add(ref _numbers, ref _numberCount, new(registers, index, value, IsAdded: false));

    internal void Advance(ulong[] registers, int index, ulong amount) =>
        Add(ref _numbers, ref _numberCount, new(registers, index, amount, IsAdded: true));

    /// <summary>All of it at once.</summary>
    internal void Commit(Machine machine)
    {
        foreach (ref readonly RegisterWrite write in Registers)
        {
            machine.Registers.Write(write.Place, write.Bits, write.Tag);
        }
        foreach (ref readonly MemoryWrite write in Bytes)
        {
            machine.Memory.Write(write.Address, write.Bytes, write.Value);
        }
        foreach (ref readonly NumberWrite write in _numbers.AsSpan(0, _numberCount))
        {
            ref ulong register = ref write.Registers[write.Index];
            register = write.IsAdded ? register + write.Value : write.Value;
        }
    }

    private static void Add<T>(ref T[] list, ref int count, in T one)
    {
        if (count == list.Length)
        {
            Array.Resize(ref list, 2 * count);
        }
        list[count++] = one;
    }
}
