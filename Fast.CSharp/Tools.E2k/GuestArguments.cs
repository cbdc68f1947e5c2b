// Whose options are whose: those before PROGRAM are ours, all behind it are the program's.
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;

namespace Ashlar.Tools.E2k;

/// <summary>Finds where a command's own arguments end.</summary>
internal static class GuestArguments
{
    /// <summary>Behind this nothing is an option.</summary>
    private const string End = "--";

    /// <summary>
    /// Arguments of <paramref name="command"/> with the sign before PROGRAM that no option
    /// follows; <paramref name="refusal"/> names an option before it that there is none of.
    /// </summary>
    internal static string[] Separate(Command command, string[] arguments, out string? refusal)
    {
        refusal = null;
        for (int index = 0; index < arguments.Length; index++)
        {
            string one = arguments[index];
            if (one == End)
            {
                return arguments;
            }
            if (one.Length < 2 || one[0] != '-')
            {
                return [.. arguments[..index], End, .. arguments[index..]];
            }
            string name = one.Split('=', ':')[0];
            if (name is "-h" or "-?" or "--help")
            {
                return arguments;
            }
            if (Find(command.Options, name) is not { } option)
            {
                refusal = $"there is no option {name} of {command.Name}";
                return arguments;
            }
            bool hasOwnValue = name.Length == one.Length && option.Arity.MinimumNumberOfValues > 0;
            index += hasOwnValue ? 1 : 0;
        }
        return arguments;
    }

    private static Option? Find(IEnumerable<Option> options, string name) =>
        options.FirstOrDefault(one => one.Name == name || one.Aliases.Contains(name));
}
