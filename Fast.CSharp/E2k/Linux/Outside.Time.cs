// Clocks, waiting and randomness. Spec: spec/e2k/linux.md, E2K-SYS-020 and E2K-SYS-021.
using System;
using System.Buffers.Binary;

namespace Ashlar.E2k;

public sealed partial class Outside
{
    private const long NanosecondsInSecond = 1_000_000_000;
    private const long NanosecondsInTick = 10_000_000;
    private const int NanosecondsInMicrosecond = 1000;
    private const ulong UntilTime = 1;
    private const ulong DrawFlags = 7;

    /// <summary>A clock by its number; null where there is none.</summary>
    private static GuestClock? ClockOf(ulong number) =>
        number switch
        {
            0 or 5 or 11 => GuestClock.Real,
            1 or 4 or 6 or 7 => GuestClock.Steady,
            2 or 3 => GuestClock.Processor,
            _ => null,
        };

    /// <summary>Seconds and a part of one.</summary>
    private static byte[] Pair(long seconds, long part)
    {
        byte[] pair = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(pair, seconds);
        BinaryPrimitives.WriteInt64LittleEndian(pair.AsSpan(8), part);
        return pair;
    }

    private long TimeOf(ulong clock, ulong address)
    {
        if (ClockOf(clock) is not { } found)
        {
            return ErrorNumber.BadArgument;
        }
        (long seconds, long part) = Math.DivRem(_host.Time(found), NanosecondsInSecond);
        return Give(address, Pair(seconds, part));
    }

    /// <summary>Clocks count nanoseconds.</summary>
    private long ResolutionOf(ulong clock, ulong address) =>
        ClockOf(clock) is null ? ErrorNumber.BadArgument
        : address == 0 ? 0
        : Give(address, Pair(0, 1));

    private long TimeOfDay(ulong time, ulong zone)
    {
        (long seconds, long part) = Math.DivRem(_host.Time(GuestClock.Real), NanosecondsInSecond);
        long wrong = time == 0 ? 0 : Give(time, Pair(seconds, part / NanosecondsInMicrosecond));
        return wrong != 0 || zone == 0 ? wrong : Give(zone, new byte[8]);
    }

    private long Seconds(ulong address)
    {
        long seconds = _host.Time(GuestClock.Real) / NanosecondsInSecond;
        long wrong = address == 0 ? 0 : Give(address, BitConverter.GetBytes(seconds));
        return wrong != 0 ? wrong : seconds;
    }

    /// <summary>Ticks of a hundredth second: user time, and three that are 0.</summary>
    private long Ticks(ulong address)
    {
        byte[] times = new byte[32];
        BinaryPrimitives.WriteInt64LittleEndian(
            times,
            _host.Time(GuestClock.Processor) / NanosecondsInTick
        );
        long wrong = address == 0 ? 0 : Give(address, times);
        return wrong != 0 ? wrong : _host.Time(GuestClock.Steady) / NanosecondsInTick;
    }

    /// <summary>Waits for a span, or until a time; nothing interrupts it.</summary>
    private long Sleep(GuestClock clock, ulong flags, ulong address)
    {
        byte[] pair = new byte[16];
        if (!_memory.TryCopyOut(address, pair))
        {
            return ErrorNumber.BadAddress;
        }
        long seconds = BinaryPrimitives.ReadInt64LittleEndian(pair);
        long part = BinaryPrimitives.ReadInt64LittleEndian(pair.AsSpan(8));
        if (seconds < 0 || part is < 0 or >= NanosecondsInSecond)
        {
            return ErrorNumber.BadArgument;
        }
        long wait =
            seconds >= long.MaxValue / NanosecondsInSecond
                ? long.MaxValue
                : (seconds * NanosecondsInSecond) + part;
        if ((flags & UntilTime) != 0)
        {
            wait -= _host.Time(clock);
        }
        if (wait > 0)
        {
            _host.Wait(wait);
        }
        return 0;
    }

    private long SleepBy(ulong clock, ulong flags, ulong address) =>
        ClockOf(clock) is { } found and not GuestClock.Processor
            ? Sleep(found, flags, address)
            : ErrorNumber.BadArgument;

    private long Draw(ulong address, ulong count, ulong flags)
    {
        if ((flags & ~DrawFlags) != 0)
        {
            return ErrorNumber.BadArgument;
        }
        byte[] bytes = new byte[Math.Min(count, TransferMax)];
        if (!_memory.AllowsWriteRange(address, (ulong)bytes.Length))
        {
            return ErrorNumber.BadAddress;
        }
        _host.Draw(bytes);
        _memory.CopyIn(address, bytes);
        return bytes.Length;
    }
}
