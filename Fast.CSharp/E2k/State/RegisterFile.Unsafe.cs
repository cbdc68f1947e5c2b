// The register stack with the globals: contents, extensions and tags in three flat arrays, which
// translated code reaches by address. Spec: spec/e2k/state.md, E2K-ST-002 and E2K-ST-003.
using System;
using System.Runtime.InteropServices;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

/// <summary>
/// Registers by place: the globals first, behind them the registers of all windows. Memory of its
/// own holds them, most of which is never touched.
/// </summary>
public sealed unsafe class RegisterFile : IDisposable
{
    /// <summary>Registers that all procedures share.</summary>
    public const int Globals = 32;

    /// <summary>Registers of all windows together; more is a stack overflow.</summary>
    public const int DepthMax = 1 << 20;

    private const nuint Places = Globals + DepthMax;

    private ulong* _low = (ulong*)NativeMemory.AllocZeroed(Places, sizeof(ulong));
    private ulong* _high = (ulong*)NativeMemory.AllocZeroed(Places, sizeof(ulong));
    private byte* _tags = (byte*)NativeMemory.AllocZeroed(Places, 1);

    ~RegisterFile() => Free();

    /// <summary>The address of the low halves; for translated code.</summary>
    internal nint LowAddress => (nint)_low;

    internal nint HighAddress => (nint)_high;

    internal nint TagAddress => (nint)_tags;

    public Bits Read(int place)
    {
        Check(place);
        return new(_low[place], _high[place]);
    }

    /// <summary>Four bits for each 64 of a register, two for each 32; 0 is a number.</summary>
    public int TagOf(int place)
    {
        Check(place);
        return _tags[place];
    }

    public void Write(int place, Bits bits, int tag)
    {
        Check(place);
        _low[place] = bits.Low;
        _high[place] = bits.High;
        _tags[place] = (byte)tag;
    }

    /// <summary>Makes registers invalid (E2K-ST-002).</summary>
    internal void Invalidate(int place, int count)
    {
        Check(place);
        Check(place + count - 1);
        new Span<ulong>(_low + place, count).Clear();
        new Span<ulong>(_high + place, count).Clear();
        new Span<byte>(_tags + place, count).Fill((byte)Tags.Invalid(Width.Double));
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void Check(int place) =>
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((nuint)place, Places);

    private void Free()
    {
        NativeMemory.Free(_low);
        NativeMemory.Free(_high);
        NativeMemory.Free(_tags);
        _low = null;
        _high = null;
        _tags = null;
    }
}
