// Where a server listens. Spec: spec/block/qmp.md (BLK-QMP-007).
using static Ashlar.Qmp.CommonTypes;

namespace Ashlar.Qmp;

/// <summary>Addresses of sockets.</summary>
internal static class AddressTypes
{
    private static readonly QmpObject Unix = new("UnixSocketAddress", Needed("path", Str));

    private static readonly QmpObject Inet = new(
        "InetSocketAddress",
        Needed("host", Str),
        Needed("port", Str),
        Optional("numeric", Bool),
        Optional("to", Uint16),
        Optional("ipv4", Bool),
        Optional("ipv6", Bool),
        Optional("keep-alive", Bool),
        Optional("mptcp", Bool)
    );

    /// <summary>The older form, with the address in a member of its own.</summary>
    public static readonly QmpObject Legacy = new(
        "SocketAddressLegacy",
        Needed("type", new QmpEnum("SocketAddressType", "inet", "unix"))
    )
    {
        Tag = "type",
        Variants =
        [
            new("inet", new QmpObject("q_inet", Needed("data", Inet))),
            new("unix", new QmpObject("q_unix", Needed("data", Unix))),
        ],
    };
}
