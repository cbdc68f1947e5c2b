// What a node is called where a file name is expected: the path of what it stands on, if that says
// it all, else its options as JSON. Spec: spec/block/qmp.md (BLK-QMP-009).
using System;
using System.Buffers;
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
    private static string? Exact(BlockNode node) =>
        node.DriverName switch
        {
            "file" => node.Effective.Find(OptionSchema.Filename)?.AsString,
            "nbd" => NbdAddress.Uri(node.Effective),
            "qcow2" when node.File is not null => Exact(node.File.Child),
            "raw" when node.File is not null && node.Effective.Own.Length == 0 => Exact(
                node.File.Child
            ),
            _ => null,
        };

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
            writer.WritePropertyName(entry.Name);
            JsonCodec.Write(writer, entry.Value);
        }
        for (BlockEdge? edge = node.FirstChildEdge; edge is not null; edge = edge.NextChildEdge)
        {
            // What would be cut off need not be written: a chain of filters may be long.
            if (writer.BytesCommitted + writer.BytesPending > NameCharactersMax)
            {
                break;
            }
            writer.WritePropertyName(edge.Name);
            Write(writer, edge.Child);
        }
        writer.WriteEndObject();
    }
}
