// A socket with its two directions; whoever holds it closes it once.
using System;
using System.IO;
using System.Net.Sockets;
using System.Threading;

namespace Ashlar.Nbd;

internal sealed class NbdLink(Socket socket) : IDisposable
{
    private int _isClosed;

    internal NbdInput Input { get; } = new(socket);

    internal NbdOutput Output { get; } = new(socket);

    /// <summary>False when sending would wait for the peer.</summary>
    internal bool CanSend => socket.Poll(0, SelectMode.SelectWrite);

    /// <summary>What a server that goes, or says what it must not, makes of any call.</summary>
    internal static bool IsGone(Exception failure) =>
        SocketErrors.IsGone(failure) || failure is NbdProtocolException;

    /// <summary>Ends both directions; a thread that waits for the peer finds the end.</summary>
    internal void Cut()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception failure) when (SocketErrors.IsGone(failure))
        {
            // It was cut already.
        }
    }

    /// <summary>To be called when no thread uses the link any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
        {
            socket.Dispose();
            Input.Dispose();
            Output.Dispose();
        }
    }
}

/// <summary>The server broke the protocol; the connection is of no use any more.</summary>
internal sealed class NbdProtocolException(string text) : IOException(text);
