// Turns the backing file a qcow2 header names into the definition of an inline child.
// Spec: spec/block/open.md (BLK-OPEN-012). Headers are hostile input.
using System;

namespace Ashlar.Block;

/// <summary>What a header's backing file means as options.</summary>
internal static class BackingFile
{
    /// <summary>What stands before the refusals of a backing child.</summary>
    public const string Prefix = "Could not open backing file: ";

    /// <summary>
    /// The definition of the header's backing child; null without one. A node of the header's
    /// format over a file node, both unnamed.
    /// </summary>
    public static BlockError? Define(BlockNode node, out NodeDefinition? definition)
    {
        definition = null;
        string? name = node.Driver.HeaderBackingFile;
        if (name is null)
        {
            return null;
        }
        BlockError? error = FindPath(node, name, out string path);
        if (error is not null)
        {
            return error;
        }
        string? format = node.Driver.HeaderBackingFormat;
        if (format is null)
        {
            return Invalid($"{Prefix}The image header does not say the format of '{name}'");
        }
        if (format is not ("raw" or "qcow2"))
        {
            return Invalid($"{Prefix}Unknown driver '{format}'");
        }
        if (ProtocolBytes(name) is int protocol)
        {
            return Invalid($"{Prefix}Unknown protocol '{name[..protocol]}'");
        }
        OptionSet lower = OptionSet.Empty;
        lower.Driver = DriverRegistry.Find("file");
        lower.Own = [new OptionEntry(OptionSchema.Filename, OptionValue.Of(path))];
        NodeDefinition file = new(lower, OptionSet.Empty, []);
        OptionSet upper = OptionSet.Empty;
        upper.Driver = DriverRegistry.Find(format);
        definition = new(upper, [new ChildDefinition(OptionSchema.File, null, file)]);
        return null;
    }

    /// <summary>
    /// The path of a backing file that the node's header names: relative to the directory of the
    /// file below, unless it is absolute or begins with a protocol.
    /// </summary>
    public static BlockError? FindPath(BlockNode node, string name, out string path)
    {
        path = name;
        if (ProtocolBytes(name) is not null || name.StartsWith('/'))
        {
            return null;
        }
        BlockError? error = FindDirectory(node, out string directory);
        path = directory + name;
        return error;
    }

    // How long the protocol is that the name begins with, or null.
    private static int? ProtocolBytes(string name)
    {
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        int slash = name.IndexOf('/', StringComparison.Ordinal);
        return colon >= 0 && (slash < 0 || colon < slash) ? colon : null;
    }

    /// <summary>The directory of the file below, with its final slash; empty for none.</summary>
    private static BlockError? FindDirectory(BlockNode node, out string directory)
    {
        directory = "";
        BlockNode bottom = node;
        // The graph has no cycles and is at most GraphWalk.MaximumDepth deep.
        while (bottom.File is BlockEdge edge)
        {
            bottom = edge.ChildNode;
        }
        if (bottom.Driver is not FileDriver file)
        {
            return Invalid($"Cannot generate a base directory for {bottom.DriverName} nodes");
        }
        int slash = file.Path.LastIndexOf('/');
        directory = slash < 0 ? "" : file.Path[..(slash + 1)];
        return null;
    }

    private static BlockError Invalid(string text) => new(BlockErrorKind.InvalidArgument, text);
}
