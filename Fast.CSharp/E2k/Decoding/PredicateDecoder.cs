// The predicate logic: up to three syllables that make local predicates @p0 to @p6. Spec:
// spec/e2k/predicates.md, E2K-PLS.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k;

/// <summary>Decodes predicate syllables.</summary>
internal static class PredicateDecoder
{
    private const int LocalsMax = 7;

    /// <summary>
    /// The steps in the order in which they can be done: locals taken, @p4 to @p6, what is put into
    /// predicates (E2K-PRED-004).
    /// </summary>
    internal static ImmutableArray<LogicStep> Decode(uint[] words)
    {
        List<LogicStep> taken = [];
        List<LogicStep> computed = [];
        List<LogicStep> put = [];
        int used = 0;
        for (int index = words.Length - 1; index >= 0; index--)
        {
            int half = (int)(words[index] & 0xffff);
            bool isUsed = (used >> (4 + index) & 1) != 0;
            if ((half & 32) != 0 || isUsed)
            {
                used |= (1 << (half >> 10 & 7)) | (1 << (half >> 6 & 7));
            }
        }
        for (int index = words.Length - 1; index >= 0; index--)
        {
            uint word = words[index];
            for (int local = 2 * index; index < 2 && local < 2 * index + 2; local++)
            {
                int code = Syllables.Field(word, local % 2 == 0 ? 24 : 16, 7);
                if (code != 0 || (used >> local & 1) != 0)
                {
                    taken.Add(Take(code, local));
                }
            }
            int half = (int)(word & 0xffff);
            LogicKind? kind = (half >> 14) switch
            {
                0 => LogicKind.And,
                1 => LogicKind.AndThen,
                3 => LogicKind.Move,
                _ => throw new IllegalBundleException(
                    "E2K-PLS-003",
                    $"the logic operation {half:x4} is none"
                ),
            };
            if (half == 0 && (used >> (4 + index) & 1) == 0)
            {
                continue;
            }
            if ((half >> 10 & 7) == LocalsMax || (half >> 6 & 7) == LocalsMax)
            {
                throw new IllegalBundleException("E2K-PLS-001", "there is no local predicate @p7");
            }
            computed.Add(
                new(
                    kind.Value,
                    null,
                    half >> 10 & 7,
                    (half & 0x2000) != 0,
                    half >> 6 & 7,
                    (half & 0x200) != 0,
                    4 + index,
                    0
                )
            );
            if ((half & 32) != 0)
            {
                put.Add(new(LogicKind.Put, null, 0, false, 0, false, 4 + index, half & 31));
            }
        }
        return [.. taken, .. computed.OrderBy(step => step.Local), .. put];
    }

    /// <summary>What @p0 to @p3 take (E2K-PLS-002).</summary>
    private static LogicStep Take(int code, int local)
    {
        Decider source = (code >> 5) switch
        {
            3 => new(DeciderKind.Predicate, false, code & 31),
            _ when code == 0 => new(DeciderKind.LoopEnd, false, 0),
            _ => throw new IllegalBundleException(
                "E2K-STEP-002",
                "a source of a local predicate that has no meaning here"
            ),
        };
        return new(LogicKind.Take, source, 0, false, 0, false, local, 0);
    }
}
