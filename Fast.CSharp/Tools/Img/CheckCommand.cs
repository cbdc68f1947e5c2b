// `img check`: whether an image's tables agree with its counts. Spec: spec/block/img.md
// (BLK-IMG-016).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class CheckCommand
{
    public const string Usage = "[-f FMT] [--output=human|json] [-T CACHE] [-q] [-U] FILENAME";

    private const int Corrupt = 2;
    private const int Leaking = 3;
    private const int NoChecks = 63;

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("r", true, "repair"),
        new("T", true),
        new("q", Alias: "quiet"),
        new("U", Alias: "force-share"),
        new("output", true),
    ];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Has("r"))
        {
            throw new ImgException("Repairing is not supported");
        }
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        bool isJson = OutputForm.IsJson(given.Find("output"));
        ImageAccess access = new()
        {
            Format = given.Find("f"),
            IsShared = given.Has("U"),
            Cache = CacheMode.Of(given.Find("T") ?? "writeback", "Invalid source cache option: "),
        };
        using OpenedImage image = OpenedImage.Open(given.Operands[0], access);
        if ((image.Node.Driver as Qcow2Driver)?.Image is not { } qcow2)
        {
            throw new ImgException("This image format does not support checks", code: NoChecks);
        }
        (Qcow2CheckResult result, BlockError? error) = await qcow2
            .CheckAsync()
            .ConfigureAwait(false);
        foreach (string line in result.Lines)
        {
            Console.Error.Write(line + "\n");
        }
        ImgException.ThrowIf(error, "Check failed: ");
        if (!given.Has("q"))
        {
            string name = given.Operands[0];
            Console.Out.Write(isJson ? OutputForm.Json(ToJson(result, name)) : ToText(result));
        }
        return result.Corruptions > 0 ? Corrupt
            : result.Leaks > 0 ? Leaking
            : 0;
    }

    // Numbers that are 0 are left out, as in QEMU, but for that of errors of the check itself.
    private static OptionValue ToJson(Qcow2CheckResult result, string name)
    {
        List<(string, OptionValue)> members =
        [
            ("filename", OptionValue.Of(name)),
            ("format", OptionValue.Of("qcow2")),
            ("check-errors", OptionValue.Of(0L)),
        ];
        Add("image-end-offset", result.EndBytes);
        Add("corruptions", result.Corruptions);
        Add("leaks", result.Leaks);
        Add("total-clusters", result.TotalClusters);
        Add("allocated-clusters", result.AllocatedClusters);
        Add("fragmented-clusters", result.FragmentedClusters);
        Add("compressed-clusters", result.CompressedClusters);
        return OptionValue.Dictionary([.. members]);

        void Add(string key, long number)
        {
            if (number != 0)
            {
                members.Add((key, OptionValue.Of(number)));
            }
        }
    }

    private static string ToText(Qcow2CheckResult result)
    {
        StringBuilder text = new();
        if (result.Corruptions == 0 && result.Leaks == 0)
        {
            text.Append("No errors were found on the image.\n");
        }
        if (result.Corruptions > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{result.Corruptions} errors were found ")
                .Append("on the image.\nData may be corrupted, or further writes to the image ")
                .Append("may corrupt it.\n");
        }
        if (result.Leaks > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{result.Leaks} leaked clusters were ")
                .Append("found on the image.\nThis means waste of disk space, but no harm to ")
                .Append("data.\n");
        }
        long allocated = result.AllocatedClusters;
        if (result.TotalClusters > 0 && allocated > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{allocated}/{result.TotalClusters} = ")
                .Append(Percent(allocated, result.TotalClusters))
                .Append(" allocated, ")
                .Append(Percent(result.FragmentedClusters, allocated))
                .Append(" fragmented, ")
                .Append(Percent(result.CompressedClusters, allocated))
                .Append(" compressed clusters\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"Image end offset: {result.EndBytes}\n");
        return text.ToString();
    }

    private static string Percent(long part, long all) =>
        (part * 100.0 / all).ToString("F2", CultureInfo.InvariantCulture) + "%";
}
