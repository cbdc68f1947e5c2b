// The address of a socket as options, wherever one stands: that of an nbd node's server, and that
// of the daemon's own. Spec: spec/block/open.md (BLK-OPEN-020), storaged.md (BLK-SD-034).
namespace Ashlar.Block;

/// <summary>SocketAddress of QAPI: a type, and the members of that type beside it.</summary>
internal static class SocketAddressForm
{
    public const string Type = "type";
    public const string Inet = "inet";
    public const string Unix = "unix";
    public const string Vsock = "vsock";
    public const string Descriptor = "fd";

    private static readonly string[] Words = [Inet, Unix, Vsock, Descriptor];

    /// <summary>
    /// The members, in the order in which they are checked; their flat names begin with the prefix.
    /// </summary>
    public static KeyvalForm Under(string prefix)
    {
        OptionRow[] inet =
        [
            Row("host", OptionType.String, true),
            Row("port", OptionType.String, true),
            Row("numeric", OptionType.Boolean),
            Row("to", OptionType.Natural16),
            Row("ipv4", OptionType.Boolean),
            Row("ipv6", OptionType.Boolean),
            Row("keep-alive", OptionType.Boolean),
            Row("mptcp", OptionType.Boolean),
        ];
        OptionRow[] unix =
        [
            Row("path", OptionType.String, true),
            Row("abstract", OptionType.Boolean),
            Row("tight", OptionType.Boolean),
        ];
        OptionRow[] vsock =
        [
            Row("cid", OptionType.String, true),
            Row("port", OptionType.String, true),
        ];
        OptionRow[] descriptor = [Row("str", OptionType.String, true)];
        OptionRow type = new(Type, OptionType.Word, isNeeded: true)
        {
            Words = Words,
            FlatName = prefix + Type,
        };
        return new KeyvalForm([type])
        {
            Selector = Type,
            Choose = word =>
                word switch
                {
                    Inet => inet,
                    Unix => unix,
                    Vsock => vsock,
                    Descriptor => descriptor,
                    _ => null,
                },
        };

        OptionRow Row(string name, OptionType kind, bool isNeeded = false) =>
            new(name, kind, isNeeded) { FlatName = prefix + name };
    }
}
