// Words to operations as people write them. The order is the customary one: header and stub,
// channels, control, array moves, predicate logic. Spec: spec/e2k/encoding.md, E2K-ENC.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>
/// Reads wide instructions of one version for people; <see cref="BundleDecoder"/> reads them for
/// stepping, and refuses what has no meaning there.
/// </summary>
/// <param name="version">From 2 to 7.</param>
public sealed class SymbolicDecoder(int version)
{
    /// <summary>
    /// The operations of the bundle that begins with these words, or why there is none.
    /// </summary>
    public Illegal? TryDecode(ReadOnlySpan<uint> words, out ImmutableArray<Operation> operations)
    {
        try
        {
            operations = Decode(Syllables.Unpack(words));
            return null;
        }
        catch (IllegalBundleException wrong)
        {
            operations = [];
            return wrong.Illegal;
        }
    }

    private ImmutableArray<Operation> Decode(Syllables syllables)
    {
        Guards guards = new(syllables);
        ChannelEntries entries = new(version, syllables, guards);
        ControlText control = new(version, syllables, guards);
        List<Operation> operations = [];
        control.ReadStub(control.IsCall || entries.HasJump, operations);
        new ChannelText(syllables, guards, entries, control).Read(operations);
        control.ReadControls(operations);
        ArrayMoves.Read(syllables.Arrays, operations);
        LogicText.Read(syllables.Predicates, operations);
        return [.. operations];
    }
}
