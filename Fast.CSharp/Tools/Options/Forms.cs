// What the options of the daemon's command line may say beside those of nodes, in the order in
// which it is tested. Spec: spec/block/storaged.md (BLK-SD-034, BLK-SD-035).
using Ashlar.Block;

namespace Ashlar.Tools.Options;

internal static class Forms
{
    /// <summary>--monitor.</summary>
    public static readonly KeyvalForm Monitor = new([
        new("id", OptionType.String),
        new("mode", OptionType.Word) { Words = ["readline", "control"] },
        new("pretty", OptionType.Boolean),
        new("chardev", OptionType.String, isNeeded: true),
    ]);

    /// <summary>--export.</summary>
    public static readonly KeyvalForm Export = new([
        new("type", OptionType.Word, isNeeded: true) { Words = ["nbd"] },
        new("id", OptionType.String, isNeeded: true),
        new("fixed-iothread", OptionType.Boolean),
        new("iothread", OptionType.String),
        new("node-name", OptionType.String, isNeeded: true),
        new("writable", OptionType.Boolean),
        new("writethrough", OptionType.Boolean),
        new("name", OptionType.String),
        new("description", OptionType.String),
        new("bitmaps", OptionType.StringList),
        new("allocation-depth", OptionType.Boolean),
    ]);

    /// <summary>--nbd-server.</summary>
    public static readonly KeyvalForm NbdServer = new([
        new("addr", OptionType.Object, isNeeded: true) { Form = SocketAddressForm.Under("") },
        new("tls-creds", OptionType.String),
        new("tls-authz", OptionType.String),
        new("max-connections", OptionType.Natural32),
    ]);
}
