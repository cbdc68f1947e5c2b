// What a system call sees of a program's memory. Spec: spec/e2k/state.md, E2K-MEM-001.
using System;

namespace Ashlar.E2k;

/// <summary>Memory of a program, by address, with the rights that the program has.</summary>
public interface IGuestBytes
{
    /// <summary>Bytes that the program may read; false where it may not read all.</summary>
    bool TryCopyOut(ulong address, Span<byte> target);

    /// <summary>Whether the program may write all bytes of a range.</summary>
    bool AllowsWriteRange(ulong address, ulong count);

    /// <summary>Puts bytes where the program may write; a caller has asked.</summary>
    void CopyIn(ulong address, ReadOnlySpan<byte> source);
}
