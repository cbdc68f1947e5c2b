// The stub and control syllables: control transfer, rotation, windows. Spec: spec/e2k/encoding.md,
// E2K-SS and E2K-CS.
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k;

/// <summary>Decodes what stands beside the channels of one bundle.</summary>
internal sealed class ControlDecoder(Syllables syllables)
{
    private const uint FlushTags = 0x14100000;

    private readonly List<Setting> _settings = [];

    internal ImmutableArray<Setting> Settings => [.. _settings];

    internal LeaveKind Leave { get; private set; }

    internal int Transfer { get; private set; }

    internal int Shift { get; private set; }

    internal long Distance { get; private set; }

    internal bool IsAny { get; private set; }

    internal ImmutableArray<Decider> Decision { get; private set; } = [];

    internal WhenTaken TurnBased { get; private set; }

    internal WhenTaken TurnPredicates { get; private set; }

    internal WhenTaken Advance { get; private set; }

    internal bool StartsArrays { get; private set; }

    /// <summary>Whether the prefetch program is forgotten (E2K-ARR-005).</summary>
    internal bool StopsArrays { get; private set; }

    private bool IsCall => syllables.Control1 is { } word && word >> 28 == 5;

    /// <summary>A call whose number stands in CS0.</summary>
    private bool IsOwnCall => IsCall && Syllables.Field(syllables.Control1!.Value, 7, 2) != 0;

    internal void Decode(bool hasJump)
    {
        if (syllables.Stub is { } stub)
        {
            DecodeStub(stub, IsCall || hasJump);
        }
        if (syllables.Control0 is { } first && !IsOwnCall)
        {
            DecodeControl0(first);
        }
        if (syllables.Control1 is { } second)
        {
            DecodeControl1(second);
        }
    }

    private static IllegalBundleException Meaningless(string what) =>
        new("E2K-STEP-002", $"{what} has no meaning here");

    private static IllegalBundleException NoOperation(string syllable, uint word) =>
        new("E2K-CS-001", $"{syllable} {word:x8} is no operation");

    private void DecodeStub(uint stub, bool isTransfer)
    {
        bool Bit(int position) => Syllables.Bit(stub, position);

        WhenTaken Pair(int position) => new(Bit(position + 1), Bit(position));

        if (Bit(20))
        {
            // The second format has one known operation, which does nothing (E2K-STEP-003).
            if ((stub & 0x3fff0000) != FlushTags)
            {
                throw new IllegalBundleException(
                    "E2K-SS-003",
                    $"the stub {stub:x8} of the second format is no known operation"
                );
            }
        }
        else
        {
            if ((stub & 0x0a000000) != 0)
            {
                throw Meaningless("a recovery point");
            }
            if (Syllables.Field(stub, 23, 2) != 0)
            {
                throw Meaningless("abg");
            }
            StopsArrays = Bit(29);
            StartsArrays = Bit(28);
            TurnBased = Pair(21);
            TurnPredicates = Pair(18);
            Advance = Pair(16);
        }

        int target = Syllables.Field(stub, 10, 2);
        if (target != 0 && !isTransfer)
        {
            Leave = LeaveKind.Jump;
            Transfer = target;
            Decide();
        }
    }

    /// <summary>The nine bits of a transfer's condition (E2K-SS-004).</summary>
    private void Decide()
    {
        int code = Syllables.Field(syllables.Stub ?? 0, 0, 9);
        // Without a stub a transfer is not asked for a condition.
        if (syllables.Stub is null)
        {
            IsAny = false;
            Decision = [];
            return;
        }
        int low = code & 31;
        Decider Predicate(bool isNegated) => new(DeciderKind.Predicate, isNegated, low);
        Decider loopEnd = new(DeciderKind.LoopEnd, false, 0);
        Decider notLoopEnd = new(DeciderKind.LoopEnd, true, 0);
        (IsAny, Decision) = (code >> 5, low) switch
        {
            (0, 0) => (false, [new(DeciderKind.Never, false, 0)]),
            (1, 0) => (false, []),
            (2, _) => (false, [Predicate(false)]),
            (3, _) => (false, [Predicate(true)]),
            (4, 0) => (true, [loopEnd]),
            (5, 0) => (false, [notLoopEnd]),
            (6, _) => (true, [Predicate(false), loopEnd]),
            (7, _) => (false, [Predicate(true), notLoopEnd]),
            (14, _) => (true, [Predicate(true), loopEnd]),
            (15, _) => (false, [Predicate(false), notLoopEnd]),
            // Nothing overtakes anything here, so that of the mask nothing is left.
            (8, < 16) => (true, ImmutableArray.Create(new Decider(DeciderKind.LostLock, false, 0))),
            (9, < 8) or (9, >= 16 and < 22) => throw Meaningless("a comparison's own condition"),
            _ => throw new IllegalBundleException("E2K-SS-004", $"condition {code:x3} is none"),
        };
    }

    private void DecodeControl0(uint word)
    {
        int target = Syllables.Field(word, 30, 2);
        int kind = Syllables.Field(word, 28, 2);
        int low = Syllables.Field(word, 0, 28);
        // A displacement counts double words from the bundle (E2K-CS-002).
        long distance = (long)(low << 4 >> 4) * 8;
        switch (target, kind)
        {
            case (0, 0):
                Decide();
                Leave = LeaveKind.Branch;
                Distance = distance;
                break;
            case (0, 1):
                break;
            case (0, 3):
                Decide();
                throw low is 0 or 2 or 4
                    ? Meaningless("a return of the system")
                    : NoOperation("CS0", word);
            case (0, _):
                throw NoOperation("CS0", word);
            case (_, 0):
                _settings.Add(new(SettingKind.Displacement, target, default, distance));
                break;
            case (_, 1):
                _settings.Add(new(SettingKind.PrefetchDisplacement, target, default, distance));
                break;
            case (_, 2):
                _settings.Add(new(SettingKind.SystemEntry, target, default, low));
                break;
            default:
                if (low != 0)
                {
                    throw low == 1 ? Meaningless("gettsd") : NoOperation("CS0", word);
                }
                _settings.Add(new(SettingKind.Return, target, default, 0));
                break;
        }
    }

    private void DecodeControl1(uint word)
    {
        int target = Syllables.Field(syllables.Stub ?? 0, 10, 2);
        switch (word >> 28, Syllables.Field(word, 7, 2))
        {
            case (0 or 1 or 4, _):
                DecodeWindow(word);
                break;
            case (2, _) when Syllables.Bit(word, 27):
                throw Meaningless("setsft");
            case (2 or 3 or 6, _):
                break;
            case (5, 0) when target != 0:
                Decide();
                Leave = LeaveKind.Call;
                Transfer = target;
                Shift = 2 * Syllables.Field(word, 0, 7);
                break;
            case (5, 1 or 2):
                throw Meaningless("a call of the hypervisor");
            case (7, _):
                if ((word & 15) != 0)
                {
                    throw Meaningless("a flush of the stacks");
                }
                break;
            default:
                throw NoOperation("CS1", word);
        }
    }

    /// <summary>Windows and rotation, whose sizes stand in LTS0 (E2K-CS-004, E2K-CS-005).</summary>
    private void DecodeWindow(uint word)
    {
        if (word >> 28 != 4)
        {
            uint sizes =
                syllables.Literal(0)
                ?? throw new IllegalBundleException(
                    "E2K-CS-004",
                    "a window is set without the literal syllable that holds its size"
                );
            int size = 2 * Syllables.Field(sizes, 5, 7);
            _settings.Add(new(SettingKind.Window, size, default, 0));
        }
        if (Syllables.Bit(word, 26))
        {
            Rotation area = new(
                2 * Syllables.Field(word, 0, 6),
                Syllables.Field(word, 6, 6) + 1,
                Syllables.Field(word, 12, 6)
            );
            _settings.Add(new(SettingKind.Based, 0, area, 0));
        }
        if (Syllables.Bit(word, 27))
        {
            _settings.Add(new(SettingKind.Turning, Syllables.Field(word, 18, 5) + 1, default, 0));
        }
    }
}
