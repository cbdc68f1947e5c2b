// Where a server listens, as SocketAddress of QMP has it: a UNIX socket or a TCP port.
namespace Ashlar.Nbd;

/// <summary>An address to listen at (BLK-NBD-001).</summary>
public abstract record NbdListenAddress
{
    private NbdListenAddress() { }

    /// <summary>A UNIX socket at a path (<c>type=unix</c>).</summary>
    public sealed record Unix(string Path) : NbdListenAddress;

    /// <summary>
    /// A TCP port (<c>type=inet</c>): a host's name or number, and a decimal port, 0 for any free
    /// one. There is no encryption and no authentication; a host other than the loopback is open to
    /// whoever reaches it.
    /// </summary>
    public sealed record Inet(string Host, string Port) : NbdListenAddress;
}
