// The argument of an option as the typed options of a command: JSON when it begins with a brace,
// key=value otherwise. Spec: spec/block/storaged.md (BLK-SD-030, BLK-SD-034, BLK-SD-036).
using System.Text;
using Ashlar.Block;
using Ashlar.Qmp;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Options;

internal static class OptionArgument
{
    /// <summary>Reads an argument.</summary>
    public static OptionValue Read(string text, string? impliedKey, KeyvalForm form)
    {
        if (text.StartsWith('{'))
        {
            return ReadJson(text, form);
        }
        ThrowIf(KeyvalParser.Parse(text, impliedKey, out OptionValue? tree));
        return Typed(tree!, form);
    }

    /// <summary>As above, and tells instead when the argument asks for help.</summary>
    public static OptionValue? ReadOrHelp(
        string text,
        string impliedKey,
        KeyvalForm form,
        out OptionValue? help
    )
    {
        help = null;
        if (text.StartsWith('{'))
        {
            return ReadJson(text, form);
        }
        ThrowIf(KeyvalParser.Parse(text, impliedKey, out OptionValue? tree, out bool isHelpWanted));
        if (isHelpWanted)
        {
            help = tree;
            return null;
        }
        return Typed(tree!, form);
    }

    private static OptionValue Typed(OptionValue tree, KeyvalForm form)
    {
        ThrowIf(KeyvalReader.Read(tree, form, out OptionValue? typed));
        return typed!;
    }

    private static OptionValue ReadJson(string text, KeyvalForm form)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        string? reason = JsonArgument.TryParse(bytes, out OptionValue? value);
        if (reason is not null)
        {
            throw new StartException(reason);
        }
        // A node's options are tested by the command itself, and null means something there.
        if (!ReferenceEquals(form, KeyvalForm.Node))
        {
            ThrowIf(KeyvalReader.Test(value!, form));
        }
        return value!;
    }

    private static void ThrowIf(BlockError? error)
    {
        if (error is not null)
        {
            throw new StartException(error.Text);
        }
    }
}
