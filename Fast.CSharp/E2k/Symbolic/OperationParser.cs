// Text to operations, in the customary syntax. Spec: spec/e2k/operands.md, E2K-TXT.
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>The number of a name that is no label, or null where it is one.</summary>
public delegate long? Known(string name);

/// <summary>What is wrong with a text, and where: the column counts from 1.</summary>
public sealed record Fault(int Column, Illegal Wrong);

/// <summary>Reads operations as they are written (E2K-TXT-002).</summary>
public static class OperationParser
{
    /// <summary>The operation that a text is, all of it, or why it is none.</summary>
    public static Fault? TryParse(string text, Known known, out Operation? operation)
    {
        try
        {
            operation = new Reading(text.TrimEnd(), known).ReadOperation();
            return null;
        }
        catch (FaultException wrong)
        {
            operation = null;
            return wrong.Fault;
        }
    }

    /// <summary>The operations of a bundle, separated by semicolons (E2K-TXT-001).</summary>
    public static Fault? TryParseBundle(
        string text,
        Known known,
        out ImmutableArray<Operation> operations
    )
    {
        operations = [];
        ImmutableArray<Operation>.Builder found = ImmutableArray.CreateBuilder<Operation>();
        int start = 0;
        foreach (string part in text.Split(';'))
        {
            if (!string.IsNullOrWhiteSpace(part))
            {
                if (TryParse(part, known, out Operation? operation) is { } fault)
                {
                    return fault with { Column = fault.Column + start };
                }
                found.Add(operation!);
            }
            start += part.Length + 1;
        }
        operations = found.ToImmutable();
        return null;
    }

    /// <summary>The number that a text is, all of it (E2K-TXT-006).</summary>
    public static Fault? TryParseNumber(string text, Known known, out Quantity value)
    {
        try
        {
            Scanner scanner = new(text);
            value = new ExpressionReader(scanner, known).Read();
            scanner.SkipBlanks();
            return scanner.IsAtEnd
                ? null
                : scanner.Fault("E2K-TXT-006", "nothing follows a number").Fault;
        }
        catch (FaultException wrong)
        {
            value = default;
            return wrong.Fault;
        }
    }

    /// <summary>The reading of one operation.</summary>
    private sealed class Reading
    {
        private readonly Scanner _scanner;
        private readonly ExpressionReader _expressions;
        private readonly OperandReader _operands;
        private readonly ImmutableArray<Argument>.Builder _arguments =
            ImmutableArray.CreateBuilder<Argument>();
        private readonly ImmutableArray<Assignment>.Builder _settings =
            ImmutableArray.CreateBuilder<Assignment>();
        private readonly ImmutableArray<Condition>.Builder _guard =
            ImmutableArray.CreateBuilder<Condition>();

        internal Reading(string text, Known known)
        {
            _scanner = new(text);
            _expressions = new(_scanner, known);
            _operands = new(_scanner, _expressions);
        }

        internal Operation ReadOperation()
        {
            _scanner.SkipBlanks();
            string name = _scanner.Word();
            if (name.Length == 0)
            {
                throw _scanner.Fault("E2K-TXT-002", "the name of an operation is wanted");
            }
            int? channel = ReadChannel();
            bool isSpeculative = _scanner.Accepts(",sm");
            ReadRest();
            return new(name)
            {
                Channel = channel,
                IsSpeculative = isSpeculative,
                Arguments = _arguments.ToImmutable(),
                Settings = _settings.ToImmutable(),
                Guard = _guard.ToImmutable(),
            };
        }

        private int? ReadChannel()
        {
            int start = _scanner.At;
            if (_scanner.Accepts(",") && char.IsAsciiDigit(_scanner.Next))
            {
                int channel = _scanner.Next - '0';
                _scanner.At++;
                return channel;
            }
            _scanner.At = start;
            return null;
        }

        private void ReadRest()
        {
            _scanner.SkipBlanks();
            if (_scanner.IsAtEnd)
            {
                return;
            }
            if (_scanner.Accepts("?"))
            {
                ReadGuard();
                return;
            }
            if (!_scanner.IsBehindBlank)
            {
                throw _scanner.Fault(
                    "E2K-TXT-002",
                    "a blank is wanted behind the operation's name"
                );
            }
            while (ReadOperand())
            {
                // Each call reads one, and the sign behind it.
            }
        }

        /// <summary>Reads an operand or setting; whether another one follows.</summary>
        private bool ReadOperand()
        {
            if (ReadSettingName() is { } name)
            {
                _settings.Add(new(name, _expressions.Read()));
            }
            else
            {
                _arguments.Add(_operands.Read());
            }
            _scanner.SkipBlanks();
            if (_scanner.IsAtEnd)
            {
                return false;
            }
            if (_scanner.Accepts(",") || _scanner.Peeks("["))
            {
                return true;
            }
            if (!_scanner.Accepts("?"))
            {
                throw _scanner.Fault(
                    "E2K-TXT-002",
                    "a comma or the end of the operation is wanted"
                );
            }
            ReadGuard();
            return false;
        }

        /// <summary>Reads a name and the equals sign behind it, or nothing.</summary>
        private string? ReadSettingName()
        {
            int start = _scanner.At;
            _scanner.SkipBlanks();
            string name = _scanner.Word();
            if (name.Length > 0 && !char.IsAsciiDigit(name[0]) && _scanner.Accepts("="))
            {
                return name;
            }
            _scanner.At = start;
            return null;
        }

        /// <summary>Conditions to the end of the text (E2K-TXT-005).</summary>
        private void ReadGuard()
        {
            do
            {
                bool isNegated = _scanner.Accepts("~");
                if (!_scanner.Accepts("%") && !_scanner.Accepts("#"))
                {
                    _scanner.SkipBlanks();
                    throw _scanner.Fault("E2K-TXT-005", "a condition is wanted");
                }
                _guard.Add(new(_scanner.Word(), isNegated));
            } while (_scanner.Accepts(",") || _scanner.Accepts("&&") || _scanner.Accepts("||"));
            _scanner.SkipBlanks();
            if (!_scanner.IsAtEnd)
            {
                throw _scanner.Fault("E2K-TXT-005", "nothing follows a guard");
            }
        }
    }
}
