// The objects --object makes, with their properties, and the help that comes of the same tables.
// Spec: spec/block/storaged.md (BLK-SD-018), spec/block/objects.md.
using System.Linq;
using Ashlar.Block;

namespace Ashlar.Tools.Options;

internal static class ObjectForms
{
    private static readonly string[] Types = ["iothread", "secret", "throttle-group"];

    private static readonly OptionRow[] Iothread =
    [
        new("aio-max-batch", OptionType.Integer),
        new("thread-pool-min", OptionType.Integer),
        new("thread-pool-max", OptionType.Integer),
        new("poll-max-ns", OptionType.Integer),
        new("poll-grow", OptionType.Integer),
        new("poll-shrink", OptionType.Integer),
    ];

    private static readonly OptionRow[] Secret =
    [
        new("loaded", OptionType.Boolean),
        new("format", OptionType.Word) { Words = ["raw", "base64"] },
        new("keyid", OptionType.String),
        new("iv", OptionType.String),
        new("data", OptionType.String),
        new("file", OptionType.String),
    ];

    private static readonly string[] Limits =
    [
        .. from what in new[] { "iops", "bps" }
        from whom in new[] { "total", "read", "write" }
        from kind in new[] { "", "-max", "-max-length" }
        select $"{what}-{whom}{kind}",
        "iops-size",
    ];

    private static readonly OptionRow[] ThrottleGroup =
    [
        new("limits", OptionType.Object) { Rows = [.. Limits.Select(Number)] },
        .. Limits.Select(limit => Number($"x-{limit}")),
    ];

    /// <summary>--object.</summary>
    public static readonly KeyvalForm Object = new([
        new("qom-type", OptionType.Word, isNeeded: true) { Words = Types },
        new("id", OptionType.String, isNeeded: true),
    ])
    {
        Selector = "qom-type",
        Choose = RowsOf,
    };

    /// <summary>
    /// What <c>--object help</c> prints, or <c>--object TYPE,help</c>; null for no such type.
    /// </summary>
    public static string? Help(string? type)
    {
        if (type is null)
        {
            return "List of user creatable objects:\n"
                + string.Concat(Types.Select(name => $"  {name}\n"));
        }
        OptionRow[]? rows = RowsOf(type);
        return rows is null
            ? null
            : $"{type} options:\n"
                + string.Concat(rows.Select(row => $"  {row.Name}=<{TypeName(row)}>\n"));
    }

    private static OptionRow[]? RowsOf(string type) =>
        type switch
        {
            "iothread" => Iothread,
            "secret" => Secret,
            "throttle-group" => ThrottleGroup,
            _ => null,
        };

    private static OptionRow Number(string name) => new(name, OptionType.Integer);

    private static string TypeName(OptionRow row) =>
        row.Type switch
        {
            OptionType.Boolean => "bool",
            OptionType.Integer => "int",
            OptionType.Object => "ThrottleLimits",
            _ => "string",
        };
}
