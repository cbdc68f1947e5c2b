// The world outside a program. Spec: spec/e2k/linux.md, E2K-SYS-006 and E2K-SYS-020.
using System;

namespace Ashlar.E2k;

/// <summary>What a clock counts from.</summary>
public enum GuestClock
{
    /// <summary>1970.</summary>
    Real,

    /// <summary>Some time before the program began; never goes back.</summary>
    Steady,

    /// <summary>The processor time of the program.</summary>
    Processor,
}

/// <summary>Standard streams, clocks and randomness.</summary>
public interface IHost
{
    /// <summary>Bytes of standard input; none at its end.</summary>
    int Read(Span<byte> bytes);

    /// <summary>Bytes taken by a stream, 1 or 2; negative an error number of Linux.</summary>
    int Write(ReadOnlySpan<byte> bytes, int stream);

    /// <summary>Nanoseconds of a clock.</summary>
    long Time(GuestClock clock);

    /// <summary>Waits so many nanoseconds.</summary>
    void Wait(long nanoseconds);

    /// <summary>Bytes that nobody can foresee.</summary>
    void Draw(Span<byte> bytes);
}
