// The option that names a version of the instruction set.
using System.CommandLine;

namespace Ashlar.Tools.E2k;

/// <summary>What <c>--cpu</c> takes.</summary>
internal static class CpuOption
{
    /// <summary>What is said of a version that there is none of.</summary>
    internal const string Refusal = "--cpu takes v2 to v7";

    private const int VersionMin = 2;
    private const int VersionMax = 7;

    /// <param name="default">What holds where the option is not given.</param>
    internal static Option<string?> Create(string @default) =>
        new("--cpu") { Description = $"the instruction set, v2 to v7; {@default} if not given" };

    /// <summary>0 where none is named, null where what is named is none.</summary>
    internal static int? VersionOf(string? name) =>
        name is null ? 0
        : name is ['v', char digit] && digit - '0' is >= VersionMin and <= VersionMax ? digit - '0'
        : null;
}
