// One JSON text that is there as a whole, as an option of a command line is, with QEMU's words for
// what is wrong with it. Spec: spec/block/storaged.md (BLK-SD-036).
using System;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>JSON that does not come in a stream.</summary>
public static class JsonArgument
{
    /// <summary>Null and the value, or the refusal's text.</summary>
    public static string? TryParse(ReadOnlySpan<byte> text, out OptionValue? value)
    {
        value = null;
        MessageScanner scanner = new();
        while (text.Length > 0)
        {
            Span<byte> room = scanner.Room().Span;
            int count = Math.Min(room.Length, text.Length);
            text[..count].CopyTo(room);
            text = text[count..];
            scanner.Came(count);
            string? reason = Take(scanner, ref value);
            if (reason is not null)
            {
                return reason;
            }
        }
        scanner.End();
        return Take(scanner, ref value) ?? (value is null ? "Expecting a JSON value" : null);
    }

    private static string? Take(MessageScanner scanner, ref OptionValue? value)
    {
        Scan scan;
        while ((scan = scanner.Next()) != Scan.NeedsMore)
        {
            if (value is not null)
            {
                return "Expecting at most one JSON value";
            }
            if (scan == Scan.Fault)
            {
                return scanner.Reason;
            }
            string? reason = JsonCodec.TryParse(scanner.Text, out value);
            if (reason is not null)
            {
                return "JSON parse error, " + reason;
            }
        }
        return null;
    }
}
