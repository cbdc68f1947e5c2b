// `img check`: whether an image's tables agree with its counts, and making them agree. Spec:
// spec/block/img.md (BLK-IMG-016, BLK-IMG-017).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class CheckCommand
{
    public const string Usage =
        "[-f FMT] [-r leaks|all] [--output=human|json] [-T CACHE] [-q] [-U] FILENAME";

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
        Qcow2Fixes fixes = given.Find("r") switch
        {
            null => Qcow2Fixes.None,
            "leaks" => Qcow2Fixes.Leaks,
            "all" => Qcow2Fixes.All,
            string other => throw ImgException.Misuse(
                program,
                $"Unknown option value for -r (expecting 'leaks' or 'all'): {other}"
            ),
        };
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        bool isJson = OutputForm.IsJson(given.Find("output"));
        ImageAccess access = new()
        {
            Format = given.Find("f"),
            IsWritable = fixes != Qcow2Fixes.None,
            IsForCheck = true,
            IsShared = given.Has("U"),
            Cache = CacheMode.Of(given.Find("T") ?? "writeback", "Invalid source cache option: "),
        };
        using OpenedImage image = OpenedImage.Open(given.Operands[0], access);
        if ((image.Node.Driver as Qcow2Driver)?.Image is not { } qcow2)
        {
            throw new ImgException("This image format does not support checks", code: NoChecks);
        }
        bool isQuiet = given.Has("q");
        Qcow2CheckResult result = await CheckAsync(qcow2, fixes).ConfigureAwait(false);
        (long fixedCorruptions, long fixedLeaks) = (result.CorruptionsFixed, result.LeaksFixed);
        if (fixedCorruptions > 0 || fixedLeaks > 0)
        {
            if (!isQuiet && !isJson)
            {
                Console.Out.Write(
                    "The following inconsistencies were found and repaired:\n\n"
                        + $"    {fixedLeaks} leaked clusters\n    {fixedCorruptions} corruptions"
                        + "\n\nDouble checking the fixed image now...\n"
                );
            }
            result = await CheckAsync(qcow2, Qcow2Fixes.None).ConfigureAwait(false);
            (result.CorruptionsFixed, result.LeaksFixed) = (fixedCorruptions, fixedLeaks);
        }
        if (!isQuiet)
        {
            string name = given.Operands[0];
            Console.Out.Write(isJson ? OutputForm.Json(ToJson(result, name)) : ToText(result));
        }
        if (result.CheckErrors > 0)
        {
            throw new ImgException("Check failed");
        }
        return result.Corruptions > 0 ? Corrupt
            : result.Leaks > 0 ? Leaking
            : 0;
    }

    private static async Task<Qcow2CheckResult> CheckAsync(Qcow2Image image, Qcow2Fixes fixes)
    {
        (Qcow2CheckResult result, BlockError? error) = await image
            .CheckAsync(fixes)
            .ConfigureAwait(false);
        foreach (string line in result.Lines)
        {
            Console.Error.Write(line + "\n");
        }
        ImgException.ThrowIf(error, "Check failed: ");
        return result;
    }

    // Numbers that are 0 are left out, as in QEMU, but for that of errors of the check itself.
    private static OptionValue ToJson(Qcow2CheckResult result, string name)
    {
        List<(string, OptionValue)> members =
        [
            ("filename", OptionValue.Of(name)),
            ("format", OptionValue.Of("qcow2")),
            ("check-errors", OptionValue.Of(result.CheckErrors)),
        ];
        Add("image-end-offset", result.EndBytes);
        Add("corruptions", result.Corruptions);
        Add("leaks", result.Leaks);
        Add("corruptions-fixed", result.CorruptionsFixed);
        Add("leaks-fixed", result.LeaksFixed);
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
        if (result is { Corruptions: 0, Leaks: 0, CheckErrors: 0 })
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
        if (result.CheckErrors > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{result.CheckErrors} internal errors ")
                .Append("have occurred during the check.\n");
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
