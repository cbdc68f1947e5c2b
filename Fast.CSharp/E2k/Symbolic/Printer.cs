// Operations as text, in the customary syntax. Spec: spec/e2k/operands.md, E2K-TXT.
using System;
using System.Collections.Frozen;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Writes operations so that the parser reads them back.</summary>
public static class Printer
{
    /// <summary>Settings that are written in hexadecimal (E2K-TXT-003).</summary>
    private static readonly FrozenSet<string> Hexadecimal = new[]
    {
        "mas",
        "wbs",
        "wsz",
        "nfx",
        "dbl",
        "rbs",
        "rsz",
        "rcur",
        "psz",
        "rpsz",
        "type",
        "disp",
    }.ToFrozenSet();

    /// <summary>The operations of a bundle on one line (E2K-TXT-001).</summary>
    public static string Print(IEnumerable<Operation> operations) =>
        string.Join(" ; ", operations.Select(Print));

    /// <summary>One operation (E2K-TXT-002).</summary>
    public static string Print(Operation operation)
    {
        string channel = operation.Channel is { } number ? $",{number}" : "";
        string speculative = operation.IsSpeculative ? ",sm" : "";
        IEnumerable<string> arguments = ArgumentsOf(operation);
        IEnumerable<string> settings = operation.Settings.Select(one => Setting(operation, one));
        bool isSettingsFirst =
            operation.Name == "icalld" || Vocabulary.RoleOf(operation.Name) == Role.ArrayMove;
        string operands = string.Join(
            ", ",
            isSettingsFirst ? settings.Concat(arguments) : arguments.Concat(settings)
        );
        string blank = operands.Length > 0 ? " " : "";
        return operation.Name + channel + speculative + blank + operands + Guard(operation);
    }

    /// <summary>One operand (E2K-TXT-004).</summary>
    public static string Print(Argument argument) =>
        argument switch
        {
            Argument.Register { Bank: Bank.Based } register =>
                $"%{Prefix(register.Width)}b[{register.Index}]",
            Argument.Register { Bank: Bank.Window } register =>
                $"%{Prefix(register.Width)}r{register.Index}",
            Argument.Register register => $"%{Prefix(register.Width)}g{register.Index}",
            Argument.Name name => (name.IsNegated ? "~" : "")
                + (name.Text.StartsWith('@') ? "" : "%")
                + name.Text,
            Argument.Number number => Hex(number.Value),
            Argument.Literal literal => $"{Kind(literal)} {Hex(literal.Value)}",
            Argument.Address { Index: null } address => $"[ {Print(address.Base)} ]",
            Argument.Address { Index: { } index } address =>
                $"[ {Print(address.Base)} + {Print(index)} ]",
            _ => throw new ArgumentException("there is no such operand", nameof(argument)),
        };

    private static string Prefix(Width width) =>
        width switch
        {
            Width.Double => "d",
            Width.Quad => "q",
            Width.Packed => "qp",
            _ => "",
        };

    private static string Hex(Quantity value)
    {
        // The bits of the least number are its negation, too.
        ulong distance = (ulong)(value.Offset < 0 ? -value.Offset : value.Offset);
        return value switch
        {
            { Label: null } => string.Create(
                CultureInfo.InvariantCulture,
                $"0x{(ulong)value.Offset:x}"
            ),
            { Offset: 0, Label: not "." } => value.Label,
            { Offset: < 0 } => $"{value.Label}-0x{distance:x}",
            _ => $"{value.Label}+0x{distance:x}",
        };
    }

    private static string Kind(Argument.Literal literal)
    {
        string kind = literal.Size switch
        {
            LiteralSize.Bits16 => "_f16s",
            LiteralSize.Bits32 => "_f32s",
            _ => "_f64",
        };
        return literal.Slot is { } slot
            ? $"{kind},_lts{slot.Index}{Half(literal.Size, slot)}"
            : kind;
    }

    private static string Half(LiteralSize size, Slot slot)
    {
        if (size != LiteralSize.Bits16)
        {
            return "";
        }
        return slot.IsHigh ? "hi" : "lo";
    }

    /// <summary>Operands, of which a descriptor and its index are one (E2K-REG-009).</summary>
    private static IEnumerable<string> ArgumentsOf(Operation operation)
    {
        if (
            operation is
            { Name: "nop" or "ipd", Arguments: [Argument.Number { Value: { Label: null } value }] }
        )
        {
            yield return value.Offset.ToString(CultureInfo.InvariantCulture);
            yield break;
        }
        for (int index = 0; index < operation.Arguments.Length; index++)
        {
            string text = Print(operation.Arguments[index]);
            bool isDescriptor =
                operation.Arguments[index] is Argument.Name { IsNegated: false } name
                && name.Text.StartsWith("aad", StringComparison.Ordinal);
            if (
                isDescriptor
                && index + 1 < operation.Arguments.Length
                && operation.Arguments[index + 1] is Argument.Address { Index: null } address
            )
            {
                index++;
                text = $"{text} {Print(address)}";
            }
            yield return text;
        }
    }

    /// <summary>Pairs of the stub and fetches are written without blanks (E2K-TXT-003).</summary>
    private static string Setting(Operation operation, Assignment setting)
    {
        string sign = operation.Name is "abg" or "abn" or "abp" or "alc" or "fapb" ? "=" : " = ";
        bool isHexadecimal = setting.Value.Label is not null;
        isHexadecimal |= sign != "=" && Hexadecimal.Contains(setting.Name);
        string value = isHexadecimal
            ? Hex(setting.Value)
            : setting.Value.Offset.ToString(CultureInfo.InvariantCulture);
        return setting.Name + sign + value;
    }

    /// <summary>Conditions, and the sign between them (E2K-TXT-005).</summary>
    private static string Guard(Operation operation)
    {
        if (operation.Guard.IsEmpty)
        {
            return "";
        }
        bool Has(string name) => operation.Guard.Any(one => one.Name == name);

        string sign = ", ";
        if (Has("NOT_LOOP_END"))
        {
            sign = " && ";
        }
        else if (Has("LOOP_END") || Has("MLOCK"))
        {
            sign = " || ";
        }
        return " ? "
            + string.Join(
                sign,
                operation.Guard.Select(one =>
                    (one.IsNegated ? "~" : "")
                    + (one.Name is "never" or "always" ? "#" : "%")
                    + one.Name
                )
            );
    }
}
