// The payload of one option, taken piece by piece; what the client's own lengths contradict is
// noticed here. Spec: spec/block/nbd.md (BLK-NBD-005).
using System;
using System.Buffers.Binary;

namespace Ashlar.Nbd;

internal sealed class NbdOptionPayload(NbdInput input)
{
    /// <summary>The bytes of the option that were not taken yet.</summary>
    internal long LeftBytes { get; private set; }

    internal void Begin(uint lengthBytes) => LeftBytes = lengthBytes;

    /// <summary>False when the option is shorter than what it says it holds.</summary>
    internal bool TryTake(Span<byte> target)
    {
        if (target.Length > LeftBytes)
        {
            return false;
        }
        LeftBytes -= target.Length;
        input.Read(target);
        return true;
    }

    internal bool TryTake(out ushort value)
    {
        Span<byte> field = stackalloc byte[sizeof(ushort)];
        bool isThere = TryTake(field);
        value = BinaryPrimitives.ReadUInt16BigEndian(field);
        return isThere;
    }

    internal bool TryTake(out uint value)
    {
        Span<byte> field = stackalloc byte[sizeof(uint)];
        bool isThere = TryTake(field);
        value = BinaryPrimitives.ReadUInt32BigEndian(field);
        return isThere;
    }

    internal bool TrySkip(uint countBytes)
    {
        if (countBytes > LeftBytes)
        {
            return false;
        }
        LeftBytes -= countBytes;
        input.Skip(countBytes);
        return true;
    }

    /// <summary>Takes the rest and forgets it.</summary>
    internal void SkipRest()
    {
        input.Skip(LeftBytes);
        LeftBytes = 0;
    }
}
