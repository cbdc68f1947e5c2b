// Registers that only state and memory accesses reach, by name. Spec: spec/e2k/operands.md,
// E2K-REG-011 and E2K-REG-012; the table: spec/e2k/operations/registers.tsv.
using System;
using System.Collections.Frozen;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;

namespace Ashlar.E2k.Symbolic;

/// <summary>State registers and registers of the memory unit.</summary>
internal static class NamedRegisters
{
    private static readonly FrozenDictionary<int, string> StateNames = NamesOfState();

    private static readonly FrozenDictionary<string, (int Offset, int Specifier)> MemoryUnit =
        RegistersOfMemoryUnit();

    /// <summary>The state register of a byte; one without a name is written as its byte.</summary>
    internal static Argument.Name StateOf(int code) =>
        StateNames.TryGetValue(code, out string? name)
            ? new(name)
            : new(string.Create(CultureInfo.InvariantCulture, $"0x{code:x2}"));

    /// <summary>The byte of a state register (E2K-REG-011).</summary>
    internal static int StateCode(Argument argument)
    {
        if (argument is not Argument.Name { IsNegated: false } name)
        {
            throw new IllegalBundleException("E2K-REG-011", "a state register is wanted");
        }
        return OperationTable.Specification.StateCodes.TryGetValue(name.Text, out int code)
            ? code
            : NumberedName.ByteOf(name.Text)
                ?? throw new IllegalBundleException(
                    "E2K-REG-011",
                    $"there is no state register %{name.Text}"
                );
    }

    /// <summary>
    /// An operation on a register of the memory unit as the access that it is; any other as it is
    /// (E2K-REG-012).
    /// </summary>
    internal static Operation AsAccess(Operation operation) =>
        (operation.Name, operation.Arguments) switch
        {
            ("mmurw", [var value, Argument.Name { IsNegated: false } name]) => Through(
                operation,
                "std",
                name.Text,
                value
            ),
            ("mmurr", [Argument.Name { IsNegated: false } name, var value]) => Through(
                operation,
                "ldd",
                name.Text,
                value
            ),
            _ => operation,
        };

    private static Operation Through(
        Operation operation,
        string name,
        string register,
        Argument value
    )
    {
        if (!MemoryUnit.TryGetValue(register, out (int Offset, int Specifier) found))
        {
            throw new IllegalBundleException(
                "E2K-REG-012",
                $"the memory unit has no register %{register}"
            );
        }
        Argument index =
            found.Offset < OperandBytes.Constants2
                ? new Argument.Number(found.Offset)
                : new Argument.Literal(LiteralSize.Bits16, null, found.Offset);
        return operation with
        {
            Name = name,
            Arguments = [new Argument.Number(0), index, value],
            Settings = [new("mas", found.Specifier)],
        };
    }

    private static FrozenDictionary<int, string> NamesOfState()
    {
        Dictionary<int, string> names = [];
        foreach ((string name, int code) in OperationTable.Specification.StateCodes)
        {
            names[code] = name;
        }
        return names.ToFrozenDictionary();
    }

    private static FrozenDictionary<string, (int Offset, int Specifier)> RegistersOfMemoryUnit()
    {
        static int Hex(string text) =>
            int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

        Dictionary<string, (int Offset, int Specifier)> registers = [];
        ImmutableArray<string[]> rows = OperationTable.Specification.Registers;
        foreach (string[] cells in rows)
        {
            if (cells[0] == "mmu")
            {
                registers[cells[1]] = (Hex(cells[2]), Hex(cells[3]));
            }
        }
        return registers.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
