// From pairs to the options of nodes: what a user leaves out is filled in, what no driver knows is
// refused, and strings get their types. Spec: spec/block/iotool.md (BLK-IOT-008).
using System;
using System.Collections.Generic;
using Ashlar.Block;
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

/// <summary>Completes one tree.</summary>
/// <param name="access">How the image is opened.</param>
internal sealed class IoImageTree(IoAccess access)
{
    /// <summary>Deeper trees are refused by the engine, after this.</summary>
    private const int DeepestTree = 256;

    private string? _unknown;

    /// <summary>What blkdebug nodes of the tree do, by their names.</summary>
    public Dictionary<string, BlkdebugSettings> Debugging { get; } = [];

    /// <summary>Whether the image is open already: what no driver knows is then a change.</summary>
    public bool IsReopening { get; init; }

    /// <summary>
    /// The file whose first bytes told that the image is raw; null where the format was given.
    /// </summary>
    public string? ProbedRaw { get; private set; }

    /// <summary>The typed options of a tree of strings.</summary>
    public BlockError? Complete(OptionValue tree, out OptionValue? typed)
    {
        typed = null;
        BlockError? error = Fill(tree, isProtocol: false, depth: 0, out OptionValue? whole);
        return error
            ?? KeyvalReader.Read(whole!, KeyvalForm.Node, out typed)
            ?? (_unknown is null ? null : Refusal(_unknown));
    }

    private BlockError? Fill(OptionValue tree, bool isProtocol, int depth, out OptionValue? whole)
    {
        whole = tree;
        string? driver = tree.Find("driver")?.AsString;
        if (driver is null)
        {
            BlockError? refusal = Choose(tree, isProtocol, out driver);
            if (refusal is not null)
            {
                return refusal;
            }
        }
        DriverDescriptor? found = DriverRegistry.Find(driver!);
        if (found is null || depth > DeepestTree)
        {
            return Refusal($"Unknown driver '{driver}'");
        }
        List<(string, OptionValue)> members = [("driver", OptionValue.Of(driver!))];
        for (int index = 0; index < tree.Count; index++)
        {
            string key = tree.KeyAt(index);
            OptionRow? row = FindRow(found, key);
            BlockError? error = Member(found, row, key, tree[index], isProtocol, depth, members);
            if (error is not null)
            {
                return error;
            }
        }
        if (driver == "file" && access.Aio is string aio && tree.Find("aio") is null)
        {
            members.Add(("aio", OptionValue.Of(aio)));
        }
        BlockError? wrong = driver == "blkdebug" ? Configure(tree, members) : null;
        whole = OptionValue.Dictionary([.. members]);
        return wrong;
    }

    private BlockError? Configure(OptionValue tree, List<(string, OptionValue)> members)
    {
        string[] lines = [];
        if (tree.Find("config") is { Kind: OptionKind.String } config)
        {
            HostErrno errno = IoBuffer.TryReadLines(config.AsString, out lines);
            if (errno != HostErrno.None)
            {
                string reason = HostErrnoText.Of(errno);
                return Refusal($"Could not read blkdebug config file: {reason}");
            }
        }
        string name = tree.Find("node-name")?.AsString ?? $"blkdebug{Debugging.Count}";
        if (tree.Find("node-name") is null)
        {
            members.Add(("node-name", OptionValue.Of(name)));
        }
        BlockError? error = BlkdebugReader.Read(
            tree,
            lines,
            static text => Sizes.TryRead(text, out long bytes) ? bytes : -1,
            out BlkdebugSettings settings
        );
        Debugging[name] = settings with { Log = Console.Out.Write };
        return error;
    }

    private BlockError? Member(
        DriverDescriptor driver,
        OptionRow? row,
        string key,
        OptionValue value,
        bool isProtocol,
        int depth,
        List<(string, OptionValue)> members
    )
    {
        if (key == "driver")
        {
            return null;
        }
        if (row is null && driver.Name == "blkdebug" && BlkdebugReader.Knows(key))
        {
            return null;
        }
        if (row is null)
        {
            _unknown ??=
                IsReopening ? $"Cannot change the option '{key}'"
                : isProtocol || driver.IsProtocol
                    ? $"Block protocol '{driver.Name}' doesn't support the option '{key}'"
                : $"Block format '{driver.Name}' does not support the option '{key}'";
            return null;
        }
        bool isChild = row.Type is OptionType.Reference or OptionType.ReferenceOrNull;
        if (isChild && value.Kind == OptionKind.Dictionary)
        {
            // What a format keeps its image in is a protocol; a filter shows what stands there.
            bool isFormat = !driver.IsFilter && key != OptionSchema.Backing;
            bool isStorage = isFormat || (isProtocol && driver.IsFilter);
            BlockError? error = Fill(value, isStorage, depth + 1, out OptionValue? child);
            if (error is not null)
            {
                return error;
            }
            members.Add((key, child!));
            return null;
        }
        if (row.Type == OptionType.ReferenceList && value.Kind == OptionKind.List)
        {
            OptionValue[] children = new OptionValue[value.Count];
            for (int index = 0; index < children.Length; index++)
            {
                children[index] = value[index];
                if (value[index].Kind == OptionKind.Dictionary)
                {
                    BlockError? error = Fill(value[index], false, depth + 1, out var child);
                    if (error is not null)
                    {
                        return error;
                    }
                    children[index] = child!;
                }
            }
            members.Add((key, OptionValue.List(children)));
            return null;
        }
        bool isSize = row.Type == OptionType.Integer && value.Kind == OptionKind.String;
        if (isSize && Sizes.TryRead(value.AsString, out long bytes))
        {
            value = OptionValue.Of($"{bytes}");
        }
        // An empty name of a backing file says that there is none.
        bool isNone = row.Type == OptionType.ReferenceOrNull && value.Equals(OptionValue.Of(""));
        members.Add((key, isNone ? OptionValue.Null : value));
        return null;
    }

    private static OptionRow? FindRow(DriverDescriptor driver, string key) =>
        Array.Find(OptionSchema.NodeRows, row => row.Name == key)
        ?? Array.Find(driver.Rows, row => row.Name == key);

    // A protocol is the file it names, unless it says another; a format is what its file shows.
    private BlockError? Choose(OptionValue tree, bool isProtocol, out string? driver)
    {
        driver = "file";
        if (isProtocol)
        {
            return tree.Find("filename") is not null
                ? null
                : Refusal("Must specify either driver or file");
        }
        if (tree.Find("file") is not OptionValue file)
        {
            return Refusal("Must specify either driver or file");
        }
        if (NameBelow(file) is not string name)
        {
            // What has no file is probed in vain.
            driver = "raw";
            ProbedRaw = "";
            return null;
        }
        try
        {
            driver = OpenedImage.Probe(name, "", 1);
        }
        catch (ImgException error)
        {
            return Refusal(error.Message);
        }
        ProbedRaw = driver == "raw" ? name : ProbedRaw;
        return null;
    }

    private static string? NameBelow(OptionValue node)
    {
        OptionValue? at = node;
        while (at is not null && at.Find("filename") is null)
        {
            at = at.Find("image") ?? at.Find("file");
        }
        return at?.Find("filename")?.AsString;
    }

    private static BlockError Refusal(string text) => new(BlockErrorKind.InvalidArgument, text);
}
