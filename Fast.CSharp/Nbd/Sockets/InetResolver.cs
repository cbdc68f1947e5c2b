// From a host's name and a port to addresses, with the texts QEMU has when there are none.
using System;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal static class InetResolver
{
    private const string NoSuchName = "Name or service not known";

    /// <summary>
    /// Where to listen, in the host's order; an empty host means every address, of both families
    /// where the system has both.
    /// </summary>
    internal static BlockError? ToListen(string host, string port, out IPEndPoint[] ends) =>
        Resolve(host, port, [IPAddress.IPv6Any, IPAddress.Any], static all => all, out ends);

    /// <summary>Whom to ask, in the host's order; an empty host means nobody.</summary>
    internal static BlockError? ToConnect(string host, string port, out IPEndPoint[] ends) =>
        Resolve(host, port, [], static all => all, out ends);

    /// <summary>Whom to ask, in the host's order, of the families the address allows.</summary>
    internal static BlockError? ToConnect(RemoteExportAddress address, out IPEndPoint[] ends) =>
        Resolve(address.Host!, address.Port!, [], all => Chosen(address, all), out ends);

    private static BlockError? Resolve(
        string host,
        string port,
        IPAddress[] ofNobody,
        Func<IPAddress[], IPAddress[]> choose,
        out IPEndPoint[] ends
    )
    {
        ends = [];
        // Numbers are read, and names asked for, only up to a zero byte.
        if (host.Contains('\0', StringComparison.Ordinal))
        {
            return Unresolved(host, port, NoSuchName);
        }
        bool isNumber = ushort.TryParse(
            port.Length == 0 ? "0" : port,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out ushort number
        );
        if (!isNumber || port.Contains('\0', StringComparison.Ordinal))
        {
            return Unresolved(host, port, "Servname not supported for ai_socktype");
        }
        IPAddress[] all;
        try
        {
            all =
                host.Length == 0 ? ofNobody
                : IPAddress.TryParse(host, out IPAddress? literal) ? [literal]
                : Dns.GetHostAddresses(host);
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            // The second: longer than any name can be.
            return Unresolved(host, port, NoSuchName);
        }
        if (all.Length == 0)
        {
            return Unresolved(host, port, NoSuchName);
        }
        ends = Array.ConvertAll(choose(all), address => new IPEndPoint(address, number));
        return ends.Length == 0
            ? Unresolved(host, port, "Address family for hostname not supported")
            : null;
    }

    // As the C library does it for QEMU: who wants IPv6 and finds none gets IPv4 in its form.
    private static IPAddress[] Chosen(RemoteExportAddress address, IPAddress[] all)
    {
        if (address.UsesIPv4 && address.UsesIPv6)
        {
            return all;
        }
        AddressFamily family = address.UsesIPv4
            ? AddressFamily.InterNetwork
            : AddressFamily.InterNetworkV6;
        IPAddress[] own = Array.FindAll(all, one => one.AddressFamily == family);
        return own.Length == 0 && address.UsesIPv6
            ? Array.ConvertAll(all, one => one.MapToIPv6())
            : own;
    }

    private static BlockError Unresolved(string host, string port, string reason) =>
        new(BlockErrorKind.Host, $"address resolution failed for {host}:{port}: {reason}");
}
