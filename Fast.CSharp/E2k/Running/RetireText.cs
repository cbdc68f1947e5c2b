// A wide instruction that was carried out, as a line: where it stood and what it wrote. Spec:
// spec/e2k/step.md, E2K-RUN-005.
using System.Text;

namespace Ashlar.E2k;

/// <summary>Writes lines about wide instructions.</summary>
internal static class RetireText
{
    /// <summary>The last one of an interpreter, by the state before it.</summary>
    internal static string Line(in Control before, Machine machine, Interpreter last)
    {
        StringBuilder text = new();
        text.Append(before.Ip.ToString("x"));
        foreach (RegisterWrite write in last.Registers)
        {
            text.Append(' ').Append(NameOf(before.Window, write.Place)).Append('=');
            if (write.Bits.High != 0)
            {
                text.Append(write.Bits.High.ToString("x")).Append(':');
            }
            text.Append(write.Bits.Low.ToString("x"));
            if (write.Tag != 0)
            {
                text.Append('/').Append(write.Tag.ToString("x"));
            }
        }
        foreach (MemoryWrite write in last.Bytes)
        {
            ulong value =
                write.Bytes < 8 ? write.Value & ((1UL << (8 * write.Bytes)) - 1) : write.Value;
            text.Append($" [{write.Address:x}+{write.Bytes}]={value:x}");
        }
        PredicateFile old = before.Predicates;
        PredicateFile now = machine.Now.Predicates;
        if (Known(old) != Known(now) || old.Invalid != now.Invalid)
        {
            text.Append($" preds={Known(now):x8}/{now.Invalid:x8}");
        }
        return text.ToString();
    }

    /// <summary>Of an invalid predicate no value is to be seen.</summary>
    private static uint Known(PredicateFile predicates) => predicates.Values & ~predicates.Invalid;

    /// <summary>A register as the wide instruction names it.</summary>
    private static string NameOf(WindowPart window, int place) =>
        place < RegisterFile.Globals
            ? $"g{place}"
            : $"r{place - RegisterFile.Globals - window.Base}";
}
