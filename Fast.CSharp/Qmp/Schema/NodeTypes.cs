// The types of node options, made from the one table that the graph itself checks them by.
// Spec: spec/block/qmp.md (BLK-QMP-008), open.md (BLK-OPEN-019, BLK-OPEN-020).
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>BlockdevOptions and what it refers to.</summary>
internal static class NodeTypes
{
    /// <summary>An inline definition or the name of a node.</summary>
    public static readonly QmpAlternate Reference = new("BlockdevRef");

    /// <summary>The same, or null.</summary>
    public static readonly QmpAlternate ReferenceOrNull = new("BlockdevRefOrNull");

    /// <summary>The options of a node.</summary>
    public static readonly QmpObject Options = MakeOptions();

    private static QmpObject MakeOptions()
    {
        List<string> names = [];
        List<QmpVariant> variants = [];
        foreach (DriverDescriptor driver in DriverRegistry.Drivers)
        {
            names.Add(driver.Name);
            variants.Add(new(driver.Name, OfDriver(driver)));
        }
        QmpObject options = new(
            "BlockdevOptions",
            CommonTypes.Needed("driver", new QmpEnum("BlockdevDriver", [.. names])),
            CommonTypes.Optional("node-name", CommonTypes.Str),
            CommonTypes.Optional(
                "discard",
                new QmpEnum("BlockdevDiscardOptions", OptionSchema.DiscardWords)
            ),
            CommonTypes.Optional(
                "cache",
                new QmpObject(
                    "BlockdevCacheOptions",
                    CommonTypes.Optional("direct", CommonTypes.Bool),
                    CommonTypes.Optional("no-flush", CommonTypes.Bool)
                )
            ),
            CommonTypes.Optional("read-only", CommonTypes.Bool),
            CommonTypes.Optional("auto-read-only", CommonTypes.Bool),
            CommonTypes.Optional("force-share", CommonTypes.Bool),
            CommonTypes.Optional(
                "detect-zeroes",
                new QmpEnum("BlockdevDetectZeroesOptions", OptionSchema.DetectZeroesWords)
            )
        )
        {
            Tag = "driver",
            Variants = [.. variants],
        };
        Reference.Branches = [options, CommonTypes.Str];
        ReferenceOrNull.Branches = [options, CommonTypes.Str, CommonTypes.Null];
        return options;
    }

    private static QmpObject OfDriver(DriverDescriptor driver)
    {
        QmpObject options = OfRows($"BlockdevOptions-{driver.Name}", driver.Rows);
        // Clients look for this before they count on a file that is writable only when it must be.
        return string.Equals(driver.Name, "file")
            ? new QmpObject(options.Name, options.Members) { Features = ["dynamic-auto-read-only"] }
            : options;
    }

    // With a selector the rest of the members are those of its word.
    private static QmpObject OfForm(string name, KeyvalForm form)
    {
        if (form.Selector is not { } selector)
        {
            return OfRows(name, form.Rows);
        }
        string[] words = System.Array.Find(form.Rows, row => row.Name == selector)!.Words;
        return new QmpObject(name, OfRows(name, form.Rows).Members)
        {
            Tag = selector,
            Variants = System.Array.ConvertAll(
                words,
                word => new QmpVariant(word, OfRows($"{name}-{word}", form.Choose(word)!))
            ),
        };
    }

    private static QmpObject OfRows(string name, OptionRow[] rows)
    {
        QmpMember[] members = new QmpMember[rows.Length];
        for (int index = 0; index < rows.Length; index++)
        {
            OptionRow row = rows[index];
            members[index] = new(row.Name, OfRow($"{name}-{row.Name}", row), !row.IsNeeded)
            {
                Features = CommonTypes.FeaturesOf(row.Name),
            };
        }
        return new QmpObject(name, members);
    }

    private static QmpType OfRow(string name, OptionRow row) =>
        row.Type switch
        {
            OptionType.Boolean => CommonTypes.Bool,
            OptionType.Integer => CommonTypes.Int,
            OptionType.Natural16 => CommonTypes.Uint16,
            OptionType.String => CommonTypes.Str,
            OptionType.Word => new QmpEnum(name, row.Words),
            OptionType.WordList => new QmpArray(new QmpEnum(name, row.Words)),
            OptionType.Reference => Reference,
            OptionType.ReferenceOrNull => ReferenceOrNull,
            OptionType.ReferenceList => new QmpArray(Reference),
            _ => OfForm(name, row.Form ?? new KeyvalForm(row.Rows)),
        };
}
