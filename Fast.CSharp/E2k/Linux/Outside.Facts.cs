// What a program is told of itself and of the system. Spec: spec/e2k/linux.md, E2K-SYS-022 and
// E2K-SYS-023.
using System;
using System.Buffers.Binary;
using System.Text;

namespace Ashlar.E2k;

public sealed partial class Outside
{
    /// <summary>The number of the only process and of its only thread.</summary>
    private const long OnlyProcess = 1;

    /// <summary>Of user and group.</summary>
    internal const long OnlyUser = 1000;

    private const int NameBytes = 65;
    private const int ListHeadBytes = 24;
    private const int Limits = 16;
    private const ulong StackBytes = 0x100000;
    private const ulong NoLimit = ulong.MaxValue;

    private readonly ulong _memoryMax = (ulong)pagesMax * GuestMemory.PageBytes;

    /// <summary>Name of the system, the machine, release, version, processor, domain.</summary>
    private long SystemName(ulong address)
    {
        byte[] names = new byte[6 * NameBytes];
        string[] texts = ["Linux", "ashlar", "6.1.0", "#1", "e2k", "(none)"];
        for (int index = 0; index < texts.Length; index++)
        {
            Encoding.ASCII.GetBytes(texts[index], names.AsSpan(index * NameBytes));
        }
        return Give(address, names);
    }

    /// <summary>Time since the start, and memory: all that the program may have.</summary>
    private long SystemFacts(ulong address)
    {
        byte[] facts = new byte[112];
        Span<byte> into = facts;
        BinaryPrimitives.WriteInt64LittleEndian(
            into,
            _host.Time(GuestClock.Steady) / NanosecondsInSecond
        );
        BinaryPrimitives.WriteUInt64LittleEndian(into[32..], _memoryMax);
        BinaryPrimitives.WriteUInt64LittleEndian(into[40..], _memoryMax);
        BinaryPrimitives.WriteUInt16LittleEndian(into[80..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(into[104..], 1);
        return Give(address, facts);
    }

    /// <summary>Limits stand as they are; those that are asked for are told twice.</summary>
    private long LimitsOf(ulong resource, ulong changed, ulong address)
    {
        if (resource >= Limits)
        {
            return ErrorNumber.BadArgument;
        }
        if (changed != 0)
        {
            return ErrorNumber.NotAllowed;
        }
        ulong limit = resource switch
        {
            3 => StackBytes,
            7 => Descriptors.Max,
            9 => _memoryMax,
            _ => NoLimit,
        };
        byte[] pair = Pair((long)limit, (long)limit);
        return address == 0 ? 0 : Give(address, pair);
    }

    private long LimitsOfProcess(ulong process, ulong resource, ulong changed, ulong address) =>
        process is 0 or OnlyProcess ? LimitsOf(resource, changed, address) : ErrorNumber.NoProcess;

    private long Use(ulong who, ulong address)
    {
        if ((int)who is < -1 or > 1)
        {
            return ErrorNumber.BadArgument;
        }
        byte[] use = new byte[144];
        (long seconds, long part) = Math.DivRem(
            _host.Time(GuestClock.Processor),
            NanosecondsInSecond
        );
        Pair(seconds, part / NanosecondsInMicrosecond).CopyTo(use, 0);
        return Give(address, use);
    }

    /// <summary>The one processor, and the one part of memory.</summary>
    private long Processor(ulong processor, ulong part)
    {
        long wrong = processor == 0 ? 0 : Give(processor, new byte[4]);
        return wrong != 0 || part == 0 ? wrong : Give(part, new byte[4]);
    }

    private long Processors(ulong count, ulong address)
    {
        if (count is < 8 or > 4096 || count % 8 != 0)
        {
            return ErrorNumber.BadArgument;
        }
        byte[] mask = [1, 0, 0, 0, 0, 0, 0, 0];
        long wrong = Give(address, mask);
        return wrong != 0 ? wrong : mask.Length;
    }
}
