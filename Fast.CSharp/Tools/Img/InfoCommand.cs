// `img info`: what an image is. Spec: spec/block/img.md (BLK-IMG-010, BLK-IMG-028).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Qmp;

namespace Ashlar.Tools.Img;

internal static class InfoCommand
{
    public const string Usage =
        "[--object OBJECT] [--image-opts] "
        + "[-f FMT] [--output=human|json] [--backing-chain] [-t CACHE] [-U] FILENAME";

    /// <summary>How deep a chain is followed: a longer one is a mistake or a trap.</summary>
    private const int LongestChain = 4096;

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("t", true),
        new("U", Alias: "force-share"),
        new("output", true),
        new("backing-chain"),
    ];

    public static Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        bool isJson = OutputForm.IsJson(given.Find("output"));
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        List<DescribedImage> described = Collect(given);
        if (!isJson)
        {
            Console.Out.Write(string.Join("\n", described.ConvertAll(ToText)));
        }
        else
        {
            List<OptionValue> images = described.ConvertAll(one => one.Value);
            bool isChain = given.Has("backing-chain");
            OptionValue all = isChain ? OptionValue.List([.. images]) : images[0];
            Console.Out.Write(OutputForm.Json(all));
        }
        return Task.FromResult(0);
    }

    private static List<DescribedImage> Collect(Switches given)
    {
        List<DescribedImage> images = [];
        HashSet<FileIdentity> seen = [];
        string? next = given.Operands[0];
        string? format = given.Find("f");
        ImageObjects objects = ImageObjects.Read(given);
        bool isByOptions = given.Has("image-opts");
        while (next is not null)
        {
            ImageAccess access = new()
            {
                Format = format,
                Objects = objects,
                IsByOptions = isByOptions,
                IsOnlyDescribed = true,
                IsShared = given.Has("U"),
                HasBacking = false,
                Cache = CacheMode.Of(
                    given.Find("t") ?? "writeback",
                    "Invalid source cache option: "
                ),
            };
            using OpenedImage image = OpenedImage.Open(next, access);
            BlockNode file = image.Node.File?.Child ?? image.Node;
            bool isNew = file.Driver is not FileDriver host || seen.Add(host.Identity);
            if (!isNew || images.Count == LongestChain)
            {
                throw new ImgException($"Backing file '{next}' creates an infinite loop.");
            }
            // Without its backing the node has another name than its file.
            string name = isByOptions ? NodeFilename.Of(image.Node) : next;
            OptionValue described = new ImageQuery(isFlat: true).Describe(image.Node, name);
            isByOptions = false;
            images.Add(new(described, Snapshots(image, next)));
            next = given.Has("backing-chain") ? Text(described, "full-backing-filename") : null;
            format = Text(described, "backing-filename-format");
        }
        return images;
    }

    private static string? Text(OptionValue image, string key) => image.Find(key)?.AsString;

    private static IReadOnlyList<Qcow2Snapshot> Snapshots(OpenedImage image, string name)
    {
        if (SnapshotChoice.ImageOf(image) is not { SnapshotCount: > 0 } qcow2)
        {
            return [];
        }
        Qcow2SnapshotsResult found = IoThread.Await(qcow2.ListSnapshotsAsync);
        ImgException.ThrowIf(found.Error, $"Could not open '{name}': Could not read snapshots: ");
        return found.Snapshots;
    }

    private static string ToText(DescribedImage described)
    {
        OptionValue image = described.Value;
        StringBuilder text = new();
        long length = image.Find("virtual-size")!.AsInteger;
        Line("image", Text(image, "filename")!);
        Line("file format", Text(image, "format")!);
        Line("virtual size", $"{Sizes.ToText(length)} ({Number(length)} bytes)");
        OptionValue? allocated = image.Find("actual-size");
        Line("disk size", allocated is null ? "unavailable" : Sizes.ToText(allocated.AsInteger));
        if (image.Find("encrypted") is { } encrypted && encrypted.AsBoolean)
        {
            Line("encrypted", "yes");
        }
        if (image.Find("cluster-size") is { } cluster)
        {
            Line("cluster_size", Number(cluster.AsInteger));
        }
        if (image.Find("dirty-flag") is { } dirty && dirty.AsBoolean)
        {
            Line("cleanly shut down", "no");
        }
        AddBacking(image, Line);
        text.Append(SnapshotText.Of(described.Snapshots));
        return text.Append(SpecificText(image)).ToString();

        void Line(string name, string value) => text.Append($"{name}: {value}\n");
    }

    /// <summary>What only the image's format has; empty for none.</summary>
    public static string SpecificText(OptionValue image)
    {
        if (image.Find("format-specific")?.Find("data") is not { } data)
        {
            return "";
        }
        StringBuilder text = new("Format specific information:\n");
        AddMembers(text, data, "    ");
        return text.ToString();
    }

    private static void AddBacking(OptionValue image, Action<string, string> line)
    {
        if (Text(image, "backing-filename") is not string backing)
        {
            return;
        }
        string? full = Text(image, "full-backing-filename");
        line(
            "backing file",
            full is null ? $"{backing} (cannot determine actual path)"
                : full == backing ? backing
                : $"{backing} (actual path: {full})"
        );
        if (Text(image, "backing-filename-format") is string format)
        {
            line("backing file format", format);
        }
    }

    private static void AddMembers(StringBuilder text, OptionValue members, string margin)
    {
        for (int index = 0; index < members.Count; index++)
        {
            AddValue(text, members.KeyAt(index).Replace('-', ' '), members[index], margin);
        }
    }

    // What has members itself has a line for its name and further lines below it.
    private static void AddValue(StringBuilder text, string name, OptionValue value, string margin)
    {
        string below = margin + "    ";
        switch (value.Kind)
        {
            case OptionKind.Dictionary:
                text.Append($"{margin}{name}:\n");
                AddMembers(text, value, below);
                break;
            case OptionKind.List:
                text.Append($"{margin}{name}:\n");
                for (int index = 0; index < value.Count; index++)
                {
                    AddValue(text, $"[{Number(index)}]", value[index], below);
                }
                break;
            default:
                text.Append($"{margin}{name}: {Plain(value)}\n");
                break;
        }
    }

    private static string Plain(OptionValue value) =>
        value.Kind switch
        {
            OptionKind.Boolean => value.AsBoolean ? "true" : "false",
            OptionKind.Integer => Number(value.AsInteger),
            _ => value.AsString,
        };

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private readonly record struct DescribedImage(
        OptionValue Value,
        IReadOnlyList<Qcow2Snapshot> Snapshots
    );
}
