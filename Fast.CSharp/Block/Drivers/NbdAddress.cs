// Where the options of an nbd node say that its server is. Spec: spec/block/open.md (BLK-OPEN-015).
namespace Ashlar.Block;

/// <summary>From options to the address an embedder's connector is asked for.</summary>
internal static class NbdAddress
{
    private const string Type = "server.type";
    private const string Path = "server.path";
    private const string Host = "server.host";
    private const string Port = "server.port";
    private const string IPv4 = "server.ipv4";
    private const string IPv6 = "server.ipv6";

    /// <summary>The address, or a refusal of what cannot be one.</summary>
    public static BlockError? Of(BlockNode node, out RemoteExportAddress? address)
    {
        address = null;
        OptionSet options = node.Effective;
        string export = options.Find(OptionSchema.Export)?.AsString ?? "";
        switch (options.Find(Type)!.AsString)
        {
            case SocketAddressForm.Inet:
                bool? v4 = options.Find(IPv4)?.AsBoolean;
                bool? v6 = options.Find(IPv6)?.AsBoolean;
                if (v4 is false && v6 is false)
                {
                    return Refused(node, "Cannot disable IPv4 and IPv6 at same time");
                }
                if (IsOn(options, "server.mptcp"))
                {
                    return Refused(node, "Multipath TCP is not supported");
                }
                // One that is asked for leaves the other out, unless both are.
                address = new(null, Text(options, Host), Text(options, Port), export)
                {
                    UsesIPv4 = v4 ?? v6 is not true,
                    UsesIPv6 = v6 ?? v4 is not true,
                    KeepsAlive = IsOn(options, "server.keep-alive"),
                };
                return null;
            case SocketAddressForm.Vsock:
                return Refused(node, "socket family AF_VSOCK unsupported");
            case SocketAddressForm.Descriptor:
                return Refused(node, "only QEMU supports file descriptor passing");
            default:
                if (IsOn(options, "server.abstract"))
                {
                    return Refused(node, "abstract sockets are not supported");
                }
                address = new(Text(options, Path), null, null, export);
                return null;
        }
    }

    /// <summary>
    /// The address as a URI, which has the same server; null where a URI cannot say it all.
    /// </summary>
    public static string? Uri(OptionSet options)
    {
        string? export = options.Find(OptionSchema.Export)?.AsString;
        string slash = export is null ? "" : $"/{export}";
        if (options.Find(Path) is { } path)
        {
            return $"nbd+unix://{slash}?socket={path.AsString}";
        }
        bool isPlain =
            options.Find(IPv4) is null
            && options.Find(IPv6) is null
            && options.Find("server.to") is null;
        return isPlain && options.Find(Host) is { } host
            ? $"nbd://{host.AsString}:{Text(options, Port)}{slash}"
            : null;
    }

    private static string Text(OptionSet options, string name) => options.Find(name)!.AsString;

    private static bool IsOn(OptionSet options, string name) =>
        options.Find(name)?.AsBoolean ?? false;

    private static BlockError Refused(BlockNode node, string text) =>
        new(BlockErrorKind.Host, text) { NodeName = node.Name };
}
