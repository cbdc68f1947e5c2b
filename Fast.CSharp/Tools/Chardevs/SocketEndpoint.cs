// Where a socket device is: a path, a host with a port, or a descriptor that is there already.
// Spec: spec/block/storaged.md (BLK-SD-008).
using System.Globalization;
using System.Text;
using Ashlar.Nbd;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Chardevs;

/// <summary>The address of a socket; of path, host and descriptor one is there.</summary>
internal sealed class SocketEndpoint
{
    /// <summary>What QEMU can do with a socket and this daemon does not.</summary>
    private static readonly string[] Refused =
    [
        "abstract",
        "telnet",
        "tn3270",
        "websocket",
        "mux",
        "ipv4",
        "ipv6",
    ];

    private SocketEndpoint() { }

    public string? Path { get; private init; }

    public string Host { get; private init; } = "";

    public string Port { get; private init; } = "";

    public int Descriptor { get; private init; } = -1;

    public static SocketEndpoint Of(ChardevOptions options)
    {
        string? path = options.Find("path");
        string? host = options.Find("host");
        string? descriptor = options.Find("fd");
        int given = (path is null ? 0 : 1) + (host is null ? 0 : 1) + (descriptor is null ? 0 : 1);
        if (given > 1)
        {
            throw new StartException("None or one of 'path', 'fd' or 'host' option required.");
        }
        string? port = options.Find("port");
        if (host is not null && port is null)
        {
            throw new StartException("chardev: socket: no port given");
        }
        if (!options.IsOn("server") && options.Find("wait") is not null)
        {
            throw new StartException(
                "'wait' option is incompatible with socket in client connect mode"
            );
        }
        RefuseWhatIsNotThere(options);
        if (path is not null)
        {
            return new SocketEndpoint { Path = CheckedPath(path) };
        }
        if (port is not null)
        {
            return new SocketEndpoint { Host = host ?? "", Port = port };
        }
        bool isNumber = int.TryParse(
            descriptor,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out int number
        );
        return isNumber
            ? new SocketEndpoint { Descriptor = number }
            : throw new StartException($"Unable to parse FD number {descriptor}");
    }

    private static void RefuseWhatIsNotThere(ChardevOptions options)
    {
        foreach (string name in Refused)
        {
            if (options.IsOn(name))
            {
                throw new StartException($"chardev: socket: '{name}' is not supported");
            }
        }
        foreach (string name in new[] { "tls-creds", "tls-authz", "to", "logfile", "reconnect" })
        {
            if (options.Find(name) is not (null or "0"))
            {
                throw new StartException($"chardev: socket: '{name}' is not supported");
            }
        }
    }

    private static string CheckedPath(string path)
    {
        if (Encoding.UTF8.GetByteCount(path) > UnixSocket.PathBytes)
        {
            throw new StartException(
                $"UNIX socket path '{path}' is too long",
                $"Path must be less than {UnixSocket.PathBytes} bytes"
            );
        }
        return path.Length != 0
            ? path
            : throw new StartException("chardev: socket: the path is empty");
    }
}
