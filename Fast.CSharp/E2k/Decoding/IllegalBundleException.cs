// Why words are no wide instruction. Spec: spec/e2k/encoding.md.
using System;

namespace Ashlar.E2k;

/// <summary>Words that are no wide instruction: the requirement they break, and how.</summary>
/// <param name="Rule">The requirement's id.</param>
/// <param name="Reason">What is wrong.</param>
public sealed record Illegal(string Rule, string Reason);

/// <summary>Ends the decoding of a bundle; never leaves the decoder.</summary>
internal sealed class IllegalBundleException(string rule, string reason) : Exception(reason)
{
    internal Illegal Illegal { get; } = new(rule, reason);
}
