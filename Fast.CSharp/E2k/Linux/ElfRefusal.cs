// Why a file is no program for this machine. Spec: spec/e2k/linux.md, E2K-ELF.
using System;

namespace Ashlar.E2k;

/// <summary>A file that is no program for this machine: the rule and what is wrong.</summary>
public sealed class ElfRefusalException(string rule, string reason)
    : Exception($"{reason} ({rule})")
{
    /// <summary>The requirement's id.</summary>
    public string Rule { get; } = rule;

    /// <summary>What is wrong.</summary>
    public string Reason { get; } = reason;
}
