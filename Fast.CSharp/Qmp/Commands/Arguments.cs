// Short words for what commands read out of checked arguments.
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>Members of arguments whose types were checked.</summary>
internal static class Arguments
{
    public static string Text(this OptionValue arguments, string name) =>
        arguments.Find(name)!.AsString;

    public static string? TextOrNull(this OptionValue arguments, string name) =>
        arguments.Find(name)?.AsString;

    public static bool Flag(this OptionValue arguments, string name) =>
        arguments.Find(name)?.AsBoolean ?? false;

    public static long Number(this OptionValue arguments, string name, long otherwise) =>
        arguments.Find(name)?.AsInteger ?? otherwise;
}
