// JSON texts to option values and back. Spec: spec/block/qmp.md (BLK-QMP-003).
using System;
using System.Collections.Generic;
using System.Text.Json;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>JSON as option values.</summary>
public static class JsonCodec
{
    private static readonly JsonReaderOptions Reading = new() { MaxDepth = QmpLimits.NestingMax };

    /// <summary>
    /// Parses one JSON text in UTF-8. Null and the value, or the reason without QEMU's prefix.
    /// </summary>
    public static string? TryParse(ReadOnlySpan<byte> text, out OptionValue? value)
    {
        value = null;
        Utf8JsonReader reader = new(text, Reading);
        try
        {
            if (!reader.Read())
            {
                return "expecting value";
            }
            string? reason = ParseValue(ref reader, out value);
            if (reason is null && reader.Read())
            {
                value = null;
                return JsonFaults.Explain(text);
            }
            return reason;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The second: a string with bytes that are no UTF-8, or half of a surrogate pair.
            value = null;
            return JsonFaults.Explain(text);
        }
    }

    /// <summary>Writes a value.</summary>
    public static void Write(Utf8JsonWriter writer, OptionValue value)
    {
        switch (value.Kind)
        {
            case OptionKind.Null:
                writer.WriteNullValue();
                break;
            case OptionKind.Boolean:
                writer.WriteBooleanValue(value.AsBoolean);
                break;
            case OptionKind.Integer:
                writer.WriteNumberValue(value.AsInteger);
                break;
            case OptionKind.Unsigned:
                writer.WriteNumberValue(value.AsUnsigned);
                break;
            case OptionKind.Number:
                writer.WriteNumberValue(value.AsNumber);
                break;
            case OptionKind.String:
                writer.WriteStringValue(value.AsString);
                break;
            case OptionKind.List:
                writer.WriteStartArray();
                for (int index = 0; index < value.Count; index++)
                {
                    Write(writer, value[index]);
                }
                writer.WriteEndArray();
                break;
            default:
                writer.WriteStartObject();
                for (int index = 0; index < value.Count; index++)
                {
                    writer.WritePropertyName(value.KeyAt(index));
                    Write(writer, value[index]);
                }
                writer.WriteEndObject();
                break;
        }
    }

    private static string? ParseValue(ref Utf8JsonReader reader, out OptionValue? value)
    {
        value = null;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                value = OptionValue.Null;
                return null;
            case JsonTokenType.True:
                value = OptionValue.True;
                return null;
            case JsonTokenType.False:
                value = OptionValue.False;
                return null;
            case JsonTokenType.String:
                value = OptionValue.Of(reader.GetString()!);
                return null;
            case JsonTokenType.Number:
                return ParseNumber(ref reader, out value);
            case JsonTokenType.StartArray:
                return ParseList(ref reader, out value);
            default:
                return ParseDictionary(ref reader, out value);
        }
    }

    private static string? ParseNumber(ref Utf8JsonReader reader, out OptionValue? value)
    {
        value = null;
        if (reader.TryGetInt64(out long integer))
        {
            value = OptionValue.Of(integer);
        }
        else if (reader.TryGetUInt64(out ulong unsigned))
        {
            value = OptionValue.Of(unsigned);
        }
        else if (reader.TryGetDouble(out double number) && double.IsFinite(number))
        {
            value = OptionValue.Of(number);
        }
        else
        {
            return "number out of range";
        }
        return null;
    }

    private static string? ParseList(ref Utf8JsonReader reader, out OptionValue? value)
    {
        value = null;
        List<OptionValue> items = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            string? reason = ParseValue(ref reader, out OptionValue? item);
            if (reason is not null)
            {
                return reason;
            }
            items.Add(item!);
        }
        value = OptionValue.List([.. items]);
        return null;
    }

    // A few members are compared with each other; many are looked up.
    private const int FewMembers = 16;

    private static string? ParseDictionary(ref Utf8JsonReader reader, out OptionValue? value)
    {
        value = null;
        List<string> keys = [];
        List<OptionValue> values = [];
        HashSet<string>? known = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            if (keys.Count == FewMembers)
            {
                known = new(keys, StringComparer.Ordinal);
            }
            if (known is null ? keys.Contains(key) : !known.Add(key))
            {
                return "duplicate key";
            }
            reader.Read();
            string? reason = ParseValue(ref reader, out OptionValue? item);
            if (reason is not null)
            {
                return reason;
            }
            keys.Add(key);
            values.Add(item!);
        }
        value = OptionValue.Dictionary([.. keys], [.. values]);
        return null;
    }
}
