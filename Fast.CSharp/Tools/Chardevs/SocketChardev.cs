// A socket as a device: a listening one serves its clients one after the other, and who comes
// meanwhile waits in the kernel's short queue; a connected one has a single client.
// Spec: spec/block/storaged.md (BLK-SD-008 to BLK-SD-010).
using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Ashlar.Block;
using Ashlar.Nbd;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Chardevs;

internal sealed class SocketChardev : Chardev
{
    /// <summary>How long to wait when the host has no descriptor left for a client.</summary>
    private const int PauseMilliseconds = 100;

    /// <summary>One client is served, two wait (BLK-SD-010).</summary>
    private const int Backlog = 1;

    /// <summary>All for the owner, as the daemon's mask leaves it.</summary>
    private const uint OwnerOnly = 0x1C0;

    private const int SocketLevel = 1;
    private const int SocketTypeOption = 3;

    private readonly Socket _socket;
    private readonly bool _isListening;
    private readonly FileName? _name;
    private Socket? _first;

    private SocketChardev(Socket socket, bool isListening, FileName? name)
    {
        _socket = socket;
        _isListening = isListening;
        _name = name;
    }

    /// <summary>Listens at a place.</summary>
    public static SocketChardev Listen(SocketEndpoint endpoint)
    {
        if (endpoint.Path is { } path)
        {
            return ListenAt(path);
        }
        Socket socket =
            endpoint.Descriptor >= 0
                ? Adopt(endpoint.Descriptor)
                : ListenAt(endpoint.Host, endpoint.Port);
        return new SocketChardev(socket, true, null);
    }

    /// <summary>Connects to somebody who listens.</summary>
    public static SocketChardev Connect(SocketEndpoint endpoint)
    {
        if (endpoint.Descriptor >= 0)
        {
            return new SocketChardev(Adopt(endpoint.Descriptor), false, null);
        }
        if (endpoint.Path is { } path)
        {
            ThrowIf(UnixSocket.TryConnect(path, out Socket? connected));
            return new SocketChardev(connected!, false, null);
        }
        string name = $"{endpoint.Host}:{endpoint.Port}";
        int errno = 0;
        ThrowIf(InetResolver.ToConnect(endpoint.Host, endpoint.Port, out IPEndPoint[] places));
        foreach (IPEndPoint place in places)
        {
            Socket socket = new(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Connect(place);
                return new SocketChardev(socket, false, null);
            }
            catch (SocketException error)
            {
                errno = error.NativeErrorCode;
                socket.Dispose();
            }
        }
        throw new StartException($"Failed to connect to '{name}': {Posix.ErrorText(errno)}");
    }

    /// <summary>Waits for the first client, as wait=on asks, or for the daemon's end.</summary>
    public void WaitForClient(ExitRequest exit)
    {
        using ManualResetEvent isThere = new(false);
        Thread waiter = new(() =>
        {
            _first = Accept(exit);
            isThere.Set();
        })
        {
            IsBackground = true,
            Name = "first client",
        };
        waiter.Start();
        WaitHandle.WaitAny([isThere, exit.Handle]);
    }

    /// <inheritdoc/>
    public override void Serve(Action<Stream> converse, ExitRequest exit)
    {
        if (!_isListening)
        {
            Converse(_socket, converse);
            return;
        }
        while ((Interlocked.Exchange(ref _first, null) ?? Accept(exit)) is { } client)
        {
            Converse(client, converse);
        }
    }

    /// <inheritdoc/>
    public override void Remove() => _name?.Remove();

    private static void Converse(Socket client, Action<Stream> converse)
    {
        using NetworkStream stream = new(client, ownsSocket: true);
        using BlockingStream both = new(stream, stream, () => HangUp(client));
        converse(both);
    }

    private static void HangUp(Socket client)
    {
        try
        {
            client.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It is gone already.
        }
    }

    /// <summary>The next client; null when the daemon ends.</summary>
    private Socket? Accept(ExitRequest exit)
    {
        while (!exit.IsAsked)
        {
            try
            {
                Socket client = _socket.Accept();
                if (client.AddressFamily != AddressFamily.Unix)
                {
                    client.NoDelay = true;
                }
                return client;
            }
            catch (SocketException)
            {
                // Out of descriptors, or the client went while it waited: the next one may do.
                exit.Wait(PauseMilliseconds);
            }
        }
        return null;
    }

    private static SocketChardev ListenAt(string path)
    {
        ThrowIf(UnixSocket.TryListen(path, OwnerOnly, Backlog, out Socket? socket));
        // Daemons change their directory; the file is to be found again at the end.
        return new SocketChardev(socket!, true, FileName.Of(Path.GetFullPath(path)));
    }

    private static void ThrowIf(BlockError? error)
    {
        if (error is not null)
        {
            throw new StartException(error.Text);
        }
    }

    private static Socket ListenAt(string host, string port)
    {
        ThrowIf(InetListening.TryListen(host, port, Backlog, out Socket? socket));
        return socket!;
    }

    private static Socket Adopt(int descriptor)
    {
        int bytes = sizeof(int);
        return Posix.SocketOption(descriptor, SocketLevel, SocketTypeOption, out _, ref bytes) == 0
            ? new Socket(new SafeSocketHandle(descriptor, ownsHandle: true))
            : throw new StartException($"File descriptor '{descriptor}' is not a socket");
    }
}
