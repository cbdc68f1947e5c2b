// The standard streams and clocks of this process as those of a guest. Spec: spec/e2k/linux.md,
// E2K-SYS-006 and E2K-SYS-020.
using System;
using System.Diagnostics;
using System.IO;
using System.Security.Cryptography;
using System.Threading;
using Ashlar.E2k;

namespace Ashlar.Tools.E2k;

/// <summary>Streams without buffers, so that what a guest writes is there when it dies.</summary>
internal sealed class GuestHost : IHost, IDisposable
{
    private const int BrokenPipe = -32;
    private const int InputOutputError = -5;

    private const long NanosecondsInTick = 1_000_000_000 / TimeSpan.TicksPerSecond;

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Stream _input = Console.OpenStandardInput();
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Stream _error = Console.OpenStandardError();

    public int Read(Span<byte> bytes)
    {
        try
        {
            return _input.Read(bytes);
        }
        catch (IOException)
        {
            return InputOutputError;
        }
    }

    public int Write(ReadOnlySpan<byte> bytes, int stream)
    {
        try
        {
            Stream target = stream == 1 ? _output : _error;
            target.Write(bytes);
            target.Flush();
            return bytes.Length;
        }
        catch (IOException)
        {
            return BrokenPipe;
        }
    }

    public long Time(GuestClock clock) =>
        NanosecondsInTick
        * clock switch
        {
            GuestClock.Real => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks,
            GuestClock.Processor => Environment.CpuUsage.TotalTime.Ticks,
            _ => _watch.Elapsed.Ticks,
        };

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

    public void Draw(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);

    public void Dispose()
    {
        _input.Dispose();
        _output.Dispose();
        _error.Dispose();
    }
}
