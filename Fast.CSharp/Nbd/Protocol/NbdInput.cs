// Bytes from a socket, read by one thread that may block. The buffer is small and never grows; what
// is longer is read to where it belongs.
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.IO;
using System.Net.Sockets;

namespace Ashlar.Nbd;

/// <summary>
/// A blocking reader. The end of the stream, a broken connection and a closed socket are all an
/// <see cref="EndOfStreamException"/> or a <see cref="SocketException"/>: the peer is gone.
/// </summary>
internal sealed class NbdInput(Socket socket) : IDisposable
{
    // Many small requests in one call of the kernel; a payload of this size is read past it.
    private const int BufferBytes = 64 * 1024;

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _start;
    private int _end;

    /// <summary>How many bytes can be taken without waiting.</summary>
    internal int BufferedBytes => _end - _start;

    /// <summary>
    /// The next bytes, at most a few hundred; valid until the next call. False at a clean end.
    /// </summary>
    internal bool TryTake(int countBytes, out ReadOnlySpan<byte> bytes)
    {
        if (_end - _start < countBytes && !TryFill(countBytes))
        {
            bytes = default;
            return false;
        }
        bytes = _buffer.AsSpan(_start, countBytes);
        _start += countBytes;
        return true;
    }

    internal ReadOnlySpan<byte> Take(int countBytes) =>
        TryTake(countBytes, out ReadOnlySpan<byte> bytes)
            ? bytes
            : throw new EndOfStreamException();

    internal ushort TakeUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(sizeof(ushort)));

    internal uint TakeUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));

    internal ulong TakeUInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(sizeof(ulong)));

    /// <summary>Fills the span, first from the buffer, then straight from the socket.</summary>
    internal void Read(Span<byte> target)
    {
        int buffered = Math.Min(_end - _start, target.Length);
        _buffer.AsSpan(_start, buffered).CopyTo(target);
        _start += buffered;
        target = target[buffered..];
        while (target.Length > 0)
        {
            int received = socket.Receive(target);
            if (received == 0)
            {
                throw new EndOfStreamException();
            }
            target = target[received..];
        }
    }

    /// <summary>Takes bytes and forgets them.</summary>
    internal void Skip(long countBytes)
    {
        while (countBytes > 0)
        {
            if (_start == _end && !TryFill(1))
            {
                throw new EndOfStreamException();
            }
            int step = (int)Math.Min(countBytes, _end - _start);
            _start += step;
            countBytes -= step;
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    // False only when the peer closed between two messages.
    private bool TryFill(int countBytes)
    {
        Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
        _end -= _start;
        _start = 0;
        while (_end < countBytes)
        {
            int received = socket.Receive(_buffer.AsSpan(_end));
            if (received == 0)
            {
                return _end == 0 ? false : throw new EndOfStreamException();
            }
            _end += received;
        }
        return true;
    }
}
