// A text that is read from left to right. Spec: spec/e2k/operands.md, E2K-TXT.
using System;

namespace Ashlar.E2k.Symbolic;

/// <summary>Ends the reading of a text; never leaves the parser.</summary>
internal sealed class FaultException(int at, string rule, string reason) : Exception(reason)
{
    internal Fault Fault { get; } = new(at + 1, new(rule, reason));
}

/// <summary>A text and how far it is read.</summary>
internal sealed class Scanner(string text)
{
    /// <summary>The index of what comes next.</summary>
    internal int At { get; set; }

    internal bool IsAtEnd => At == text.Length;

    /// <summary>What comes next; a character that nothing begins with, at the end.</summary>
    internal char Next => IsAtEnd ? '\0' : text[At];

    /// <summary>Whether a blank stands before what comes next.</summary>
    internal bool IsBehindBlank => At > 0 && IsBlank(text[At - 1]);

    internal void SkipBlanks()
    {
        while (!IsAtEnd && IsBlank(text[At]))
        {
            At++;
        }
    }

    /// <summary>Whether a sign comes next, without blanks before it.</summary>
    internal bool Peeks(string sign) => text.AsSpan(At).StartsWith(sign, StringComparison.Ordinal);

    /// <summary>Reads a sign and the blanks before it, or nothing where another comes.</summary>
    internal bool Accepts(string sign)
    {
        int start = At;
        SkipBlanks();
        if (Peeks(sign))
        {
            At += sign.Length;
            return true;
        }
        At = start;
        return false;
    }

    /// <summary>Reads letters, digits and what may stand in a name; maybe none.</summary>
    internal string Word()
    {
        int start = At;
        while (!IsAtEnd && (char.IsAsciiLetterOrDigit(text[At]) || text[At] is '_' or '.' or '$'))
        {
            At++;
        }
        return text[start..At];
    }

    /// <summary>What is wrong with what comes next.</summary>
    internal FaultException Fault(string rule, string reason) => new(At, rule, reason);

    private static bool IsBlank(char one) => one is ' ' or '\t';
}
