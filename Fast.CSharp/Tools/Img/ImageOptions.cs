// --image-opts: an image named by the options of its node instead of by a file's name.
// Spec: spec/block/img.md (BLK-IMG-019).
using System;
using System.Collections.Generic;
using System.Globalization;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class ImageOptions
{
    private static readonly string[] Children = ["file", "backing", "data-file", "image"];

    // Options that are sizes, which may have a unit here.
    private static readonly string[] Amounts =
    [
        "size",
        "offset",
        "cache-size",
        "l2-cache-size",
        "l2-cache-entry-size",
        "refcount-cache-size",
        "align",
        "max-transfer",
        "opt-write-zero",
        "max-write-zero",
        "opt-discard",
        "max-discard",
    ];

    /// <summary>The options of a node, with the drivers that were left out.</summary>
    /// <param name="text">key=value,...</param>
    /// <param name="prefix">What comes before a refusal.</param>
    /// <param name="code">The exit code of one.</param>
    public static OptionValue Read(string text, string prefix, int code)
    {
        ImgException.ThrowIf(KeyvalParser.Parse(text, null, out OptionValue? tree), prefix, code);
        OptionValue whole = WithDrivers(tree!, isProtocol: false, prefix, code);
        ImgException.ThrowIf(
            KeyvalReader.Read(whole, KeyvalForm.Node, out OptionValue? typed),
            prefix,
            code
        );
        return typed!;
    }

    // A file is reached as a host file, and what it holds is looked at.
    private static OptionValue WithDrivers(
        OptionValue tree,
        bool isProtocol,
        string prefix,
        int code
    )
    {
        List<(string, OptionValue)> members = [];
        string? filename = tree.Find("filename")?.AsString;
        bool isBare = tree.Find("driver") is null && filename is not null && !isProtocol;
        for (int index = 0; index < tree.Count; index++)
        {
            string key = tree.KeyAt(index);
            OptionValue value = tree[index];
            bool isChild = Array.IndexOf(Children, key) >= 0 && value.Kind == OptionKind.Dictionary;
            if (isChild)
            {
                value = WithDrivers(value, key == "file", prefix, code);
            }
            else if (Array.IndexOf(Amounts, key) >= 0 && value.Kind == OptionKind.String)
            {
                value = InBytes(value);
            }
            if (!(isBare && key == "filename"))
            {
                members.Add((key, value));
            }
        }
        if (isBare)
        {
            members.Add(
                (
                    "file",
                    OptionValue.Dictionary(
                        ("driver", OptionValue.Of("file")),
                        ("filename", OptionValue.Of(filename!))
                    )
                )
            );
        }
        if (tree.Find("driver") is null)
        {
            string? path = filename ?? tree.Find("file")?.Find("filename")?.AsString;
            string driver =
                isProtocol || path is null ? "file" : OpenedImage.Probe(path, prefix, code);
            members.Add(("driver", OptionValue.Of(driver)));
        }
        return OptionValue.Dictionary([.. members]);
    }

    // What is no size the option itself refuses.
    private static OptionValue InBytes(OptionValue value) =>
        Sizes.TryRead(value.AsString, out long bytes)
            ? OptionValue.Of(bytes.ToString(CultureInfo.InvariantCulture))
            : value;
}
