// Big-endian fields into a span, one after another.
using System;
using System.Buffers.Binary;

namespace Ashlar.Nbd;

/// <summary>Writes fields in the order of the wire; the caller made the span long enough.</summary>
internal ref struct NbdWriter(Span<byte> target)
{
    private readonly Span<byte> _target = target;

    /// <summary>How many bytes were written.</summary>
    internal int LengthBytes { get; private set; }

    internal void Put(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_target[LengthBytes..], value);
        LengthBytes += sizeof(ushort);
    }

    internal void Put(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_target[LengthBytes..], value);
        LengthBytes += sizeof(uint);
    }

    internal void Put(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_target[LengthBytes..], value);
        LengthBytes += sizeof(ulong);
    }

    internal void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_target[LengthBytes..]);
        LengthBytes += bytes.Length;
    }
}
