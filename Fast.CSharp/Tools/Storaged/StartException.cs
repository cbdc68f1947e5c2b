// How a start fails: one text for a person, and where on the command line it went wrong.
using System;

namespace Ashlar.Tools.Storaged;

/// <summary>The start cannot go on (BLK-SD-005).</summary>
internal sealed class StartException : Exception
{
    public StartException(string text, string? hint = null)
        : base(text)
    {
        Hint = hint;
    }

    /// <summary>A further line, without the prefix.</summary>
    public string? Hint { get; }
}
