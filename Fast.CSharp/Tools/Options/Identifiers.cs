// What an id of the command line is made of, with QEMU's texts.
// Spec: spec/block/storaged.md (BLK-SD-005, BLK-SD-007).
namespace Ashlar.Tools.Options;

internal static class Identifiers
{
    /// <summary>The refusal of one that is none; object-add has the same.</summary>
    public const string Refusal = "Parameter 'id' expects an identifier";

    /// <summary>The line under it.</summary>
    public const string Hint =
        "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.";

    public static bool IsOne(string text)
    {
        if (text.Length == 0 || !char.IsAsciiLetter(text[0]))
        {
            return false;
        }
        foreach (char letter in text)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '.' or '_'))
            {
                return false;
            }
        }
        return true;
    }
}
