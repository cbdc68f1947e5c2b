// Bytes to a socket, from any thread, one message at a time. Small messages wait in a buffer until
// somebody flushes, so that many answers share one call of the kernel.
using System;
using System.Buffers;
using System.Net.Sockets;
using System.Threading;

namespace Ashlar.Nbd;

/// <summary>
/// A blocking writer. A message is never cut by another one. What cannot be sent closes nothing:
/// the exception goes to whoever sends, and the reader of the socket sees the end too.
/// </summary>
internal sealed class NbdOutput(Socket socket) : IDisposable
{
    private const int BufferBytes = 64 * 1024;

    // Longer ones are sent from where they are, which costs less than copying them.
    private const int LongMessageBytes = 16 * 1024;

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private readonly Lock _lock = new();
    private int _end;

    /// <summary>Sends one message, now or with the next flush.</summary>
    internal void Write(ReadOnlySpan<byte> message, bool flush)
    {
        lock (_lock)
        {
            if (message.Length > BufferBytes - _end)
            {
                SendBuffered();
            }
            if (message.Length > LongMessageBytes)
            {
                SendBuffered();
                Send(message);
                return;
            }
            message.CopyTo(_buffer.AsSpan(_end));
            _end += message.Length;
            if (flush)
            {
                SendBuffered();
            }
        }
    }

    /// <summary>Sends a message of two parts, without copying a long second one.</summary>
    internal void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool flush)
    {
        lock (_lock)
        {
            Write(head, flush: false);
            Write(body, flush);
        }
    }

    internal void Flush()
    {
        lock (_lock)
        {
            SendBuffered();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _end = 0;
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }

    private void SendBuffered()
    {
        int count = _end;
        _end = 0;
        Send(_buffer.AsSpan(0, count));
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }
}
