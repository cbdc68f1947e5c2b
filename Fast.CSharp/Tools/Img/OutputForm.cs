// The two forms of a command's output. Spec: spec/block/img.md (BLK-IMG-007).
using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ashlar.Block;
using Ashlar.Qmp;

namespace Ashlar.Tools.Img;

internal static class OutputForm
{
    private static readonly JsonWriterOptions Layout = new()
    {
        Indented = true,
        IndentSize = 4,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>What --output says; human when it says nothing.</summary>
    public static bool IsJson(string? value) =>
        value switch
        {
            null or "human" => false,
            "json" => true,
            _ => throw new ImgException("--output must be used with human or json as argument."),
        };

    /// <summary>A value as JSON for people, with a line end.</summary>
    public static string Json(OptionValue value)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter writer = new(bytes, Layout))
        {
            JsonCodec.Write(writer, value);
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan) + "\n";
    }
}
