// The limits of a throttle group and which of them go together, with QEMU's texts. Nothing limits
// anything yet: throttle nodes pass requests through. Spec: spec/block/objects.md (BLK-OBJ-004).
using System;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>The limits as one object-add says them.</summary>
internal sealed class ThrottleLimits
{
    /// <summary>The largest limit, in bytes or operations a second.</summary>
    public const long Largest = 1_000_000_000_000_000;

    private const string MaxSuffix = "-max";
    private const string LengthSuffix = "-max-length";
    private const string OperationSize = "iops-size";

    // In the order in which they are tested: total, read and write of bytes, then of operations.
    private static readonly string[] Names =
    [
        "bps-total",
        "bps-read",
        "bps-write",
        "iops-total",
        "iops-read",
        "iops-write",
    ];

    /// <summary>One bucket. Numbers below zero stand for large ones, as in QEMU.</summary>
    private struct Bucket
    {
        public ulong Average;
        public ulong Burst;
        public ulong BurstSeconds;
    }

    private readonly Bucket[] _buckets = new Bucket[Names.Length];
    private ulong _operationBytes;

    private ThrottleLimits() => Array.Fill(_buckets, new Bucket { BurstSeconds = 1 });

    /// <summary>Null, or why these properties of a group cannot be.</summary>
    public static string? Refuse(OptionValue properties)
    {
        ThrottleLimits limits = new();
        string? refusal = limits.SetEach(properties);
        if (refusal is null && properties.Find("limits") is { } given)
        {
            refusal = limits.SetAll(given);
        }
        return refusal ?? limits.RefuseTogether();
    }

    // x-iops-total and its like are properties of their own.
    private string? SetEach(OptionValue properties)
    {
        for (int index = 0; index < properties.Count; index++)
        {
            string name = properties.KeyAt(index);
            if (!name.StartsWith("x-", StringComparison.Ordinal))
            {
                continue;
            }
            long value = properties[index].AsInteger;
            if (value < 0)
            {
                return "Property values cannot be negative";
            }
            if (name.EndsWith(LengthSuffix, StringComparison.Ordinal) && value > uint.MaxValue)
            {
                // QEMU's text lacks the space.
                return $"{name} value must be in therange [0, {uint.MaxValue}]";
            }
            Set(name.AsSpan(2), value);
        }
        return null;
    }

    private string? SetAll(OptionValue limits)
    {
        foreach (string name in Names)
        {
            if (limits.Find(name + LengthSuffix) is { } length && length.AsInteger > uint.MaxValue)
            {
                return $"{name}{LengthSuffix} value must be in the range [0, {uint.MaxValue}]";
            }
        }
        for (int index = 0; index < limits.Count; index++)
        {
            Set(limits.KeyAt(index), limits[index].AsInteger);
        }
        return null;
    }

    private void Set(ReadOnlySpan<char> name, long value)
    {
        if (name.SequenceEqual(OperationSize))
        {
            _operationBytes = (ulong)value;
            return;
        }
        bool isLength = name.EndsWith(LengthSuffix);
        bool isBurst = !isLength && name.EndsWith(MaxSuffix);
        int tail =
            isLength ? LengthSuffix.Length
            : isBurst ? MaxSuffix.Length
            : 0;
        ref Bucket bucket = ref _buckets[IndexOf(name[..^tail])];
        if (isLength)
        {
            bucket.BurstSeconds = (ulong)value;
        }
        else if (isBurst)
        {
            bucket.Burst = (ulong)value;
        }
        else
        {
            bucket.Average = (ulong)value;
        }
    }

    private static int IndexOf(ReadOnlySpan<char> name)
    {
        int index = 0;
        while (!name.SequenceEqual(Names[index]))
        {
            index++;
        }
        return index;
    }

    private string? RefuseTogether()
    {
        if (IsSplit(0) || IsSplit(Names.Length / 2))
        {
            return "bps/iops/max total values and read/write values cannot be used at the same"
                + " time";
        }
        if (_operationBytes != 0 && !HasOperations())
        {
            return "iops size requires an iops value to be set";
        }
        foreach (ref readonly Bucket bucket in _buckets.AsSpan())
        {
            if (Refuse(bucket) is { } refusal)
            {
                return refusal;
            }
        }
        return null;
    }

    private static string? Refuse(in Bucket bucket)
    {
        if (bucket.Average > Largest || bucket.Burst > Largest)
        {
            return $"bps/iops/max values must be within [0, {Largest}]";
        }
        if (bucket.BurstSeconds == 0)
        {
            return "the burst length cannot be 0";
        }
        if (bucket.Burst == 0)
        {
            return bucket.BurstSeconds > 1 ? "burst length set without burst rate" : null;
        }
        if (bucket.BurstSeconds > (ulong)Largest / bucket.Burst)
        {
            return "burst length too high for this burst rate";
        }
        if (bucket.Average == 0)
        {
            return "bps_max/iops_max require corresponding bps/iops values";
        }
        return bucket.Burst < bucket.Average
            ? "bps_max/iops_max cannot be lower than bps/iops"
            : null;
    }

    // Whether both the total and one of its parts are limited.
    private bool IsSplit(int total)
    {
        Bucket all = _buckets[total];
        Bucket reads = _buckets[total + 1];
        Bucket writes = _buckets[total + 2];
        return (all.Average != 0 && (reads.Average | writes.Average) != 0)
            || (all.Burst != 0 && (reads.Burst | writes.Burst) != 0);
    }

    private bool HasOperations()
    {
        foreach (ref readonly Bucket bucket in _buckets.AsSpan(Names.Length / 2))
        {
            if (bucket.Average != 0)
            {
                return true;
            }
        }
        return false;
    }
}
