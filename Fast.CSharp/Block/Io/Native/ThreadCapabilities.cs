// Test support: makes file modes count for a thread of a process that runs as root. Not used by the
// engine. Spec: spec/block/read-only.md (BLK-RO-011 needs an environment that can refuse).
using System;
using System.Runtime.InteropServices;

namespace Ashlar.Block;

/// <summary>
/// Drops, for the calling thread only and until disposed, the capabilities by which root passes
/// over file modes (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH). Dispose it on the same thread.
/// </summary>
public sealed partial class ThreadCapabilities : IDisposable
{
    private const uint Version3 = 0x20080522;
    private const uint OverrideAndReadSearch = (1u << 1) | (1u << 2);

    private readonly uint _effectiveBefore;
    private readonly bool _isDropped;

    private ThreadCapabilities(uint effectiveBefore, bool isDropped)
    {
        _effectiveBefore = effectiveBefore;
        _isDropped = isDropped;
    }

    /// <summary>False when the kernel refused, so that file modes may still not count.</summary>
    public bool FileModesCount => _isDropped;

    /// <summary>Drops them. A thread that never had them is fine too.</summary>
    public static ThreadCapabilities DropFileModeOverride()
    {
        Header header = new() { Version = Version3 };
        Sets sets = default;
        if (CapGet(ref header, ref sets) != 0)
        {
            return new ThreadCapabilities(0, isDropped: false);
        }
        uint before = sets.EffectiveLow;
        sets.EffectiveLow &= ~OverrideAndReadSearch;
        bool isDropped = CapSet(ref header, ref sets) == 0;
        return new ThreadCapabilities(before, isDropped);
    }

    /// <summary>Gives the thread back what it had.</summary>
    public void Dispose()
    {
        Header header = new() { Version = Version3 };
        Sets sets = default;
        if (_isDropped && CapGet(ref header, ref sets) == 0)
        {
            sets.EffectiveLow = _effectiveBefore;
            _ = CapSet(ref header, ref sets);
        }
    }

    [LibraryImport("libc", EntryPoint = "capget")]
    private static partial int CapGet(ref Header header, ref Sets sets);

    [LibraryImport("libc", EntryPoint = "capset")]
    private static partial int CapSet(ref Header header, ref Sets sets);

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        internal uint Version;
        internal int ThreadId;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Sets
    {
        internal uint EffectiveLow;
        internal uint PermittedLow;
        internal uint InheritableLow;
        internal uint EffectiveHigh;
        internal uint PermittedHigh;
        internal uint InheritableHigh;
    }
}
