// Lines to standard error, where somebody takes them.
using System;
using System.IO;

namespace Ashlar.Tools.E2k;

/// <summary>What is said of a command; the exit code tells the same where nobody hears.</summary>
internal static class Saying
{
    private const int BadUse = 2;

    /// <summary>A refusal in one line, and the exit code for it.</summary>
    internal static int Refuse(string text)
    {
        Complain(text);
        return BadUse;
    }

    internal static void Complain(string text) =>
        Tell($"ashlar-e2k: {text.ReplaceLineEndings(" ")}");

    internal static void Tell(string line)
    {
        try
        {
            Console.Error.WriteLine(line);
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
        {
            // The stream is full, closed, or nobody reads it.
        }
    }
}
