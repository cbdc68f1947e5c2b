// How a command of the image tool fails: one text for a person and an exit code.
using System;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

/// <summary>The command cannot go on (BLK-IMG-002).</summary>
internal sealed class ImgException : Exception
{
    public ImgException(string text, string? hint = null, int code = 1)
        : base(text)
    {
        Hint = hint;
        Code = code;
    }

    /// <summary>
    /// Further lines, the first with the program's name unless a line end comes before it.
    /// </summary>
    public string? Hint { get; }

    /// <summary>The exit code.</summary>
    public int Code { get; }

    /// <summary>Misuse of the command line: the user is told where help is.</summary>
    public static ImgException Misuse(string program, string text) =>
        new(text, $"\nTry '{program} --help' for more information");

    /// <summary>Ends the command when there is a refusal.</summary>
    public static void ThrowIf(BlockError? error, string prefix = "", int code = 1)
    {
        if (error is not null)
        {
            throw new ImgException(prefix + error.Text, code: code);
        }
    }
}
