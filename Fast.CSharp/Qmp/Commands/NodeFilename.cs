// What a node is called where a file name is expected: the path of what it stands on, if that says
// it all, else its options as JSON. Spec: spec/block/qmp.md (BLK-QMP-009).
using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>File names of nodes.</summary>
internal static class NodeFilename
{
    private static readonly JsonWriterOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>QEMU's bound on a file name; a longer one is cut and says so.</summary>
    private const int NameCharactersMax = 4092;

    public static string Of(BlockNode node) => Exact(node) ?? Json(node);

    // A path or an address that alone opens the same.
    private static string? Exact(BlockNode node)
    {
        switch (node.Driver)
        {
            case FileDriver:
                return node.Effective.Find(OptionSchema.Filename)?.AsString;
            case NullDriver:
                return node.Effective.Find(OptionSchema.Size) is null ? "null-co://" : null;
            case NbdDriver:
                return NbdAddress.Uri(node.Effective);
            case BlkdebugDriver:
                string? below = node.File is null ? null : Exact(node.File.Child);
                return below is null ? null : $"blkdebug::{below}";
            case LuksDriver when node.Effective.Own.Length == 0:
            case Qcow2Driver when !HasOtherBacking(node):
            case RawDriver when node.Effective.Own.Length == 0:
                // A name says which protocol, and leaves one format to be guessed.
                return node.File?.Child is { Driver.Descriptor.IsProtocol: true } child
                    ? Exact(child)
                    : null;
            default:
                return null;
        }
    }

    // True unless the header alone leads to the backing that the node has.
    private static bool HasOtherBacking(BlockNode node)
    {
        string? header = node.Driver.HeaderBackingFile;
        if (node.Backing is null || header is null)
        {
            return node.Backing is not null || header is not null;
        }
        return BackingFile.FindPath(node, header, out string path) is not null
            || !string.Equals(Exact(node.Backing.Child), path);
    }

    private static string Json(BlockNode node)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer, Relaxed))
        {
            Write(writer, node);
        }
        string text = "json:" + Encoding.UTF8.GetString(buffer.WrittenSpan);
        return text.Length <= NameCharactersMax ? text : text[..NameCharactersMax] + "...";
    }

    private static void Write(Utf8JsonWriter writer, BlockNode node)
    {
        writer.WriteStartObject();
        writer.WriteString("driver"u8, node.DriverName);
        foreach (ref readonly OptionEntry entry in node.Effective.Own.AsSpan())
        {
            if (IsContent(entry.Name))
            {
                writer.WritePropertyName(entry.Name);
                JsonCodec.Write(writer, entry.Value);
            }
        }
        WriteChildren(writer, node);
        writer.WriteEndObject();
    }

    private static void WriteChildren(Utf8JsonWriter writer, BlockNode node)
    {
        bool hasOtherBacking = node.Driver is Qcow2Driver && HasOtherBacking(node);
        if (hasOtherBacking && node.Backing is null)
        {
            writer.WriteNull(OptionSchema.Backing);
        }
        List<BlockEdge> items = [];
        for (BlockEdge? edge = node.FirstChildEdge; edge is not null; edge = edge.NextChildEdge)
        {
            if (node.Driver is QuorumDriver)
            {
                items.Add(edge);
            }
            else if (!ReferenceEquals(edge, node.Backing) || hasOtherBacking)
            {
                WriteChild(writer, edge.Name, edge);
            }
        }
        if (items.Count > 0)
        {
            // The newest link is the first of a node's.
            items.Reverse();
            writer.WriteStartArray(OptionSchema.Children);
            foreach (BlockEdge edge in items)
            {
                WriteChild(writer, null, edge);
            }
            writer.WriteEndArray();
        }
    }

    private static void WriteChild(Utf8JsonWriter writer, string? name, BlockEdge edge)
    {
        // What would be cut off need not be written: a chain of filters may be long.
        if (writer.BytesCommitted + writer.BytesPending > NameCharactersMax)
        {
            return;
        }
        if (name is not null)
        {
            writer.WritePropertyName(name);
        }
        Write(writer, edge.Child);
    }

    // Options that say how, and not what, are no part of a name.
    private static bool IsContent(string option) =>
        option
            is not (
                OptionSchema.Locking
                or OptionSchema.Aio
                or OptionSchema.CheckCacheDropped
                or OptionSchema.ReadZeroes
            )
        && !option.StartsWith(OptionSchema.TakeChildPerms, StringComparison.Ordinal)
        && !option.StartsWith(OptionSchema.UnshareChildPerms, StringComparison.Ordinal);
}
