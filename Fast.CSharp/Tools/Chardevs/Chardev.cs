// A character device: where one monitor's conversation comes from and goes to.
// Spec: spec/block/storaged.md (BLK-SD-007).
using System;
using System.IO;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Chardevs;

/// <summary>A device; at most one monitor uses it, and it serves one client at a time.</summary>
internal abstract class Chardev
{
    /// <summary>True once a monitor has it.</summary>
    public bool IsInUse { get; set; }

    /// <summary>
    /// Hands over each client in turn, on the calling thread, until there can be no more.
    /// </summary>
    public abstract void Serve(Action<Stream> converse, ExitRequest exit);

    /// <summary>Takes from the host what the device put there.</summary>
    public virtual void Remove() { }

    /// <summary>Makes the device an argument of --chardev describes, or says why not.</summary>
    public static Chardev Open(ChardevOptions options, bool isDaemon, ExitRequest exit)
    {
        switch (options.Backend)
        {
            case "stdio":
                return isDaemon
                    ? throw new StartException("cannot use stdio with -daemonize")
                    : new StdioChardev();
            case "socket":
                return OpenSocket(options, exit);
            default:
                throw new StartException($"'{options.Backend}' is not a valid char driver name");
        }
    }

    private static SocketChardev OpenSocket(ChardevOptions options, ExitRequest exit)
    {
        SocketEndpoint endpoint = SocketEndpoint.Of(options);
        if (!options.IsOn("server"))
        {
            return SocketChardev.Connect(endpoint);
        }
        SocketChardev server = SocketChardev.Listen(endpoint);
        if (options.IsOn("wait", byDefault: true))
        {
            server.WaitForClient(exit);
        }
        return server;
    }
}
