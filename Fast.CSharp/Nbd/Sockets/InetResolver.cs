// From a host's name and a port to addresses, with the texts QEMU has when there are none.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal static class InetResolver
{
    /// <summary>The addresses in the host's order; an empty host means every address.</summary>
    internal static BlockError? Resolve(string host, string port, out IPEndPoint[] ends)
    {
        ends = [];
        bool isNumber = ushort.TryParse(
            port.Length == 0 ? "0" : port,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out ushort number
        );
        if (!isNumber)
        {
            return Unresolved(host, port, "Servname not supported for ai_socktype");
        }
        IPAddress[] addresses;
        if (host.Length == 0)
        {
            addresses = [IPAddress.Any];
        }
        else if (IPAddress.TryParse(host, out IPAddress? literal))
        {
            addresses = [literal];
        }
        else
        {
            try
            {
                addresses = Dns.GetHostAddresses(host);
            }
            catch (SocketException)
            {
                return Unresolved(host, port, "Name or service not known");
            }
        }
        ends = System.Array.ConvertAll(addresses, address => new IPEndPoint(address, number));
        return ends.Length == 0 ? Unresolved(host, port, "Name or service not known") : null;
    }

    private static BlockError Unresolved(string host, string port, string reason) =>
        new(BlockErrorKind.Host, $"address resolution failed for {host}:{port}: {reason}");
}
