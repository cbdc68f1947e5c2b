// The conditional syllables, written: guards of channels, increments, merges and of the stub as
// 16-bit entries. Decoding/Guards reads them. Spec: spec/e2k/predicates.md, E2K-CDS.
using System.Collections.Generic;

namespace Ashlar.E2k.Symbolic;

/// <summary>Collects guards in the order in which channels have them (E2K-CDS-004).</summary>
internal sealed class GuardWriter
{
    private const int EntriesMax = 6;
    private const int GroupAndKind = 0xc000;
    private const int Merge = 0x8000;
    private const int SecondGroup = 0x4000;
    private const int Increment = 0x2000;
    private const int OfStub = Merge | Increment;
    private const int Condition = 0x7f;

    /// <summary>The bit of negation that a third channel and its increment share.</summary>
    private const int SharedNegation = 9;
    private const int ThirdOrIncrement = 0x3000;

    private readonly List<int> _entries = [];

    internal void Add(GuardTarget target, int channel, Condition condition)
    {
        int group = target != GuardTarget.Stub && channel > 2 ? SecondGroup : 0;
        int index = channel % 3;
        (int whom, int negation) = target switch
        {
            GuardTarget.Channel => (1 << (10 + index), 7 + index),
            GuardTarget.Merge => (Merge | (1 << (10 + index)), 7 + index),
            GuardTarget.Increment => (Increment, SharedNegation),
            _ => (OfStub, SharedNegation),
        };
        int bits = whom | group;
        int code = CodeOf(condition.Name);
        int mine = bits | (condition.IsNegated ? 1 << negation : 0);
        int at = _entries.FindIndex(entry =>
            (entry & Condition) == code && CanJoin(entry, bits, negation, condition.IsNegated)
        );
        if (at < 0)
        {
            _entries.Add(mine | code);
        }
        else
        {
            _entries[at] |= mine;
        }
    }

    /// <summary>The syllables, CDS0 first.</summary>
    internal uint[] ToWords()
    {
        if (_entries.Count > EntriesMax)
        {
            throw new IllegalBundleException(
                "E2K-CDS-001",
                $"the bundle has {_entries.Count} guards; {EntriesMax} are the most"
            );
        }
        uint[] words = new uint[(_entries.Count + 1) / 2];
        for (int index = 0; index < _entries.Count; index++)
        {
            words[index / 2] |= (uint)_entries[index] << ((index & 1) == 0 ? 16 : 0);
        }
        return words;
    }

    /// <summary>The seven bits of a condition (E2K-CDS-003).</summary>
    private static int CodeOf(string name)
    {
        if (NumberedName.NumberOf("pred", name, 32) is { } predicate)
        {
            return 0x60 | predicate;
        }
        return NumberedName.NumberOf("pcnt", name, 32) is { } counter
            ? 0x40 | counter
            : throw new IllegalBundleException("E2K-CDS-003", $"%{name} guards no channel");
    }

    /// <summary>
    /// Whether an entry of the same condition can say one thing more: its group and kind have to
    /// agree, and so has the negation where both use one bit.
    /// </summary>
    private static bool CanJoin(int entry, int bits, int negation, bool isNegated)
    {
        bool isShared = negation == SharedNegation && (entry & ThirdOrIncrement) != 0;
        return (entry & GroupAndKind) == (bits & GroupAndKind)
            && (entry & OfStub) != OfStub
            && (bits & OfStub) != OfStub
            && (!isShared || ((entry >> SharedNegation & 1) != 0) == isNegated);
    }
}
