// A UNIX socket's address that the socket does not delete. The library removes the name a socket
// was bound to when the socket goes, whoever's that name is by then.
using System.Net;
using System.Net.Sockets;

namespace Ashlar.Nbd;

internal sealed class UnnamedUnixEndPoint(string path) : EndPoint
{
    private readonly UnixDomainSocketEndPoint _path = new(path);

    public override AddressFamily AddressFamily => AddressFamily.Unix;

    public override SocketAddress Serialize() => _path.Serialize();

    public override EndPoint Create(SocketAddress socketAddress) => _path.Create(socketAddress);
}
