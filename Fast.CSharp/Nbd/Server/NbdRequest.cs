// One request of a client, with the memory for its data and its answer. Connections keep them for
// the next request, so that none is made in the steady state.
using System;
using System.Buffers;
using System.Buffers.Binary;

namespace Ashlar.Nbd;

/// <summary>A part of a read: bytes, or a hole that reads as zeroes.</summary>
internal readonly record struct NbdPiece(int StartBytes, int LengthBytes, bool IsHole);

internal sealed class NbdRequest
{
    /// <summary>
    /// Room before the data for what goes before it on the wire, so that both are sent at once.
    /// </summary>
    internal const int HeadBytes = NbdLimits.ChunkBytes + sizeof(ulong);

    /// <summary>More pieces than this are not told apart; the rest is sent as bytes.</summary>
    internal const int PiecesMax = 64;

    private byte[] _buffer = [];

    internal NbdCommandFlags Flags { get; private set; }

    internal NbdCommand Command { get; private set; }

    internal ulong Cookie { get; private set; }

    /// <summary>As the client sent it; see <see cref="OffsetBytes"/>.</summary>
    internal ulong Offset { get; private set; }

    internal uint LengthBytes { get; private set; }

    internal NbdPiece[] Pieces { get; } = new NbdPiece[PiecesMax];

    internal int PieceCount { get; set; }

    /// <summary>The bytes that count against the connection's share of memory.</summary>
    internal int HeldBytes { get; private set; }

    /// <summary>The offset, to be used once the bounds were checked.</summary>
    internal long OffsetBytes => (long)Offset;

    internal bool Has(NbdCommandFlags flag) => (Flags & flag) != 0;

    /// <summary>Reads the header; false when it does not begin as a request must.</summary>
    internal bool TryParse(ReadOnlySpan<byte> header)
    {
        Flags = (NbdCommandFlags)BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
        Command = (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(header[6..]);
        Cookie = BinaryPrimitives.ReadUInt64BigEndian(header[8..]);
        Offset = BinaryPrimitives.ReadUInt64BigEndian(header[16..]);
        LengthBytes = BinaryPrimitives.ReadUInt32BigEndian(header[24..]);
        PieceCount = 0;
        HeldBytes = Command switch
        {
            NbdCommand.Read or NbdCommand.Write when LengthBytes <= NbdLimits.PayloadBytes =>
                (int)LengthBytes,
            _ => 0,
        };
        return BinaryPrimitives.ReadUInt32BigEndian(header) == NbdMagic.Request;
    }

    /// <summary>Takes memory for a head and that many bytes.</summary>
    internal void Rent(int dataBytes) =>
        _buffer = ArrayPool<byte>.Shared.Rent(HeadBytes + dataBytes);

    /// <summary>The data, without a head.</summary>
    internal Memory<byte> Data(int startBytes, int lengthBytes) =>
        _buffer.AsMemory(HeadBytes + startBytes, lengthBytes);

    /// <summary>
    /// Data with the bytes before it, which are a head's room or belong to what was sent already.
    /// </summary>
    internal Span<byte> WithHead(int headBytes, int startBytes, int lengthBytes) =>
        _buffer.AsSpan(HeadBytes + startBytes - headBytes, headBytes + lengthBytes);

    internal void Release()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
