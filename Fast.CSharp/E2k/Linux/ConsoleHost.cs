// The standard streams and clocks of this process as those of a guest. Spec: spec/e2k/linux.md,
// E2K-SYS-006 and E2K-SYS-020.
using System;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Threading;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.E2k;

/// <summary>Streams without buffers, so that what a guest writes is there when it dies.</summary>
public sealed class ConsoleHost : IHost
{
    private const long NanosecondsInTick = 1_000_000_000 / TimeSpan.TicksPerSecond;

    private readonly Stopwatch _watch = Stopwatch.StartNew();

    // The numbers, not what the runtime makes of them: it hides why a stream refuses.
    private readonly SafeFileHandle[] _streams =
    [
        new(0, ownsHandle: false),
        new(1, ownsHandle: false),
        new(2, ownsHandle: false),
    ];

    /// <inheritdoc/>
    public int Read(Span<byte> bytes)
    {
        byte[] taken = new byte[bytes.Length];
        long count;
        do
        {
            count = HostLibrary.Read(_streams[0], taken);
        } while (IsToBeTriedAgain(count, _streams[0], HostLibrary.PollInput));
        taken.AsSpan(0, (int)Math.Max(0, count)).CopyTo(bytes);
        return (int)count;
    }

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> bytes, int stream)
    {
        byte[] given = bytes.ToArray();
        long count;
        do
        {
            count = HostLibrary.Write(_streams[stream], given);
        } while (IsToBeTriedAgain(count, _streams[stream], HostLibrary.PollOutput));
        return (int)count;
    }

    /// <summary>
    /// Whether a call was only interrupted, or another program made the stream one that does not
    /// wait, which the guest did not ask for.
    /// </summary>
    private static bool IsToBeTriedAgain(long result, SafeFileHandle stream, short events)
    {
        if (result == ErrorNumber.TryAgain)
        {
            HostLibrary.WaitFor(stream, events);
            return true;
        }
        return result == ErrorNumber.Interrupted;
    }

    /// <inheritdoc/>
    public long Time(GuestClock clock) =>
        NanosecondsInTick
        * clock switch
        {
            GuestClock.Real => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks,
            GuestClock.Processor => Environment.CpuUsage.TotalTime.Ticks,
            _ => _watch.Elapsed.Ticks,
        };

    /// <inheritdoc/>
    public void Wait(long nanoseconds)
    {
        // The longest wait of the runtime is 24 days.
        TimeSpan left = TimeSpan.FromTicks(nanoseconds / NanosecondsInTick);
        TimeSpan most = TimeSpan.FromMilliseconds(int.MaxValue);
        for (; left > most; left -= most)
        {
            Thread.Sleep(most);
        }
        Thread.Sleep(left);
    }

    /// <inheritdoc/>
    public void Draw(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);
}
