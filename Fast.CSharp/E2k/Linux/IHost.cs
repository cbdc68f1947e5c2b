// The world outside a program. Spec: spec/e2k/linux.md, E2K-SYS-006.
using System;

namespace Ashlar.E2k;

/// <summary>The standard streams that a program reads and writes.</summary>
public interface IHost
{
    /// <summary>Bytes of standard input; none at its end.</summary>
    int Read(Span<byte> bytes);

    /// <summary>Bytes taken by a stream, 1 or 2; negative an error number of Linux.</summary>
    int Write(ReadOnlySpan<byte> bytes, int stream);
}
