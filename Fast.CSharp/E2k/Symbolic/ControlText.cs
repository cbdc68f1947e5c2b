// Header, stub and control syllables as operations. Spec: spec/e2k/encoding.md, E2K-SS and E2K-CS.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>What the header, SS, CS0 and CS1 of a bundle say.</summary>
internal sealed class ControlText(int version, Syllables syllables, Guards guards)
{
    /// <summary>The version from which a wait shows that it is a finer one's part.</summary>
    private const int FinerWaits = 5;

    /// <summary>The version from which the kind of windows is always shown.</summary>
    private const int DoubledWindows = 3;

    private const uint KindOfCall = 5;

    /// <summary>Whether CS1 is a call, which takes condition and target of SS.</summary>
    internal bool IsCall => syllables.Control1 is { } word && word >> 28 == KindOfCall;

    /// <summary>The guard that SS gives to what leaves the bundle.</summary>
    internal ImmutableArray<Condition> TransferGuard()
    {
        int code = syllables.Stub is { } stub ? Syllables.Field(stub, 0, 9) : 1 << 5;
        return TransferConditions.Read(code)
            ?? throw new IllegalBundleException("E2K-SS-004", $"condition {code:x3} is none");
    }

    /// <summary>What stands before the operations of the channels.</summary>
    /// <param name="isTaken">Whether target and condition of SS are another operation's.</param>
    /// <param name="operations">Where it is added.</param>
    internal void ReadStub(bool isTaken, List<Operation> operations)
    {
        if (syllables.SetMark)
        {
            operations.Add(new("set_mark"));
        }
        if (syllables.LoopMode)
        {
            operations.Add(new("loop_mode"));
        }
        if (syllables.Nop > 0)
        {
            operations.Add(new("nop") { Arguments = [Number(syllables.Nop)] });
        }
        if (syllables.Stub is not { } stub)
        {
            return;
        }
        bool isOther = Syllables.Bit(stub, 20);
        if (isOther && (stub & 0x3fff0000) != Vocabulary.FlushTags)
        {
            throw new IllegalBundleException(
                "E2K-SS-003",
                $"the stub {stub:x8} of the second format is no known operation"
            );
        }
        int target = Syllables.Field(stub, 10, 2);
        if (target != 0 && !isTaken)
        {
            operations.Add(new("ct") { Arguments = [Ctpr(target)], Guard = TransferGuard() });
        }
        operations.Add(new("ipd") { Arguments = [Number(stub >> 30)] });
        if (isOther)
        {
            operations.Add(new("flushts"));
        }
        else
        {
            ReadBits(stub, operations);
        }
    }

    /// <summary>What stands behind the operations of the channels.</summary>
    internal void ReadControls(List<Operation> operations)
    {
        bool isDeparture = syllables.Control0 is { } first && first >> 30 == 0 && first >> 28 != 1;
        ImmutableArray<Condition> guard = IsCall || isDeparture ? TransferGuard() : [];
        bool isNumberedCall =
            IsCall && Syllables.Field(syllables.Control1.GetValueOrDefault(), 7, 2) != 0;
        if (syllables.Control0 is { } preparation && !isNumberedCall)
        {
            operations.Add(ReadControl0(preparation, guard));
        }
        if (syllables.Control1 is { } control)
        {
            ReadControl1(control, guard, operations);
        }
    }

    /// <summary>The conditions of deciders.</summary>
    internal static ImmutableArray<Condition> GuardOf(ImmutableArray<Decider> deciders) =>
        [
            .. deciders.Select(one => new Condition(
                one.Kind == DeciderKind.Predicate ? $"pred{one.Number}" : $"pcnt{one.Number}",
                one.IsNegated
            )),
        ];

    private static Argument Number(long number) => new Argument.Number(number);

    private static Argument Ctpr(int index) => new Argument.Name($"ctpr{index}");

    private static Assignment Set(string name, long value) => new(name, value);

    private static IllegalBundleException Nothing(string syllable, uint word) =>
        new(
            syllable == "CS0" ? "E2K-CS-001" : "E2K-CS-003",
            $"{syllable} {word:x8} is no operation"
        );

    private void ReadBits(uint stub, List<Operation> operations)
    {
        uint left = stub;
        foreach (NamedBits flag in Vocabulary.StubFlags)
        {
            if ((left & flag.Bits) == flag.Bits)
            {
                left &= ~flag.Bits;
                bool isGuarded = flag.Name is "srp" or "crp" or "slrp";
                operations.Add(
                    new(flag.Name)
                    {
                        Guard = isGuarded ? GuardOf(guards.Of(GuardTarget.Stub, 0)) : [],
                    }
                );
            }
        }
        foreach (StubPair pair in Vocabulary.StubPairs)
        {
            int bits = Syllables.Field(stub, pair.Position, 2);
            if (bits != 0)
            {
                operations.Add(
                    new(pair.Name)
                    {
                        Settings = [Set(pair.High, bits >> 1), Set(pair.Low, bits & 1)],
                    }
                );
            }
        }
    }

    /// <summary>A distance is counted in double words from the bundle (E2K-CS-002).</summary>
    private static Argument Distance(uint word) =>
        new Argument.Number(new Quantity(".", (long)((int)(word << 4) >> 4) * 8));

    private static Operation ReadControl0(uint word, ImmutableArray<Condition> guard)
    {
        int target = (int)(word >> 30);
        int low = Syllables.Field(word, 0, 28);
        Operation Prepares(string name, params ImmutableArray<Argument> others) =>
            new(name) { Arguments = [Ctpr(target), .. others] };

        return (target, word >> 28 & 3, low) switch
        {
            (0, 0, _) => new("ibranch") { Arguments = [Distance(word)], Guard = guard },
            (0, 1, _) => new("pref")
            {
                Arguments = [new Argument.Name($"ipr{low & 7}")],
                Settings = [Set("disp", low >> 4), Set("ipd", low >> 3 & 1)],
            },
            (0, 3, 0) => new("done") { Guard = guard },
            (0, 3, 2) => new("iret") { Guard = guard },
            (0, 3, 4) => new("glaunch") { Guard = guard },
            (not 0, 0, _) => Prepares("disp", Distance(word)),
            (not 0, 1, _) => Prepares("ldisp", Distance(word)),
            (not 0, 2, _) => Prepares("sdisp", Number(low)),
            (not 0, 3, 0) => Prepares("return"),
            (not 0, 3, 1) => Prepares("gettsd"),
            _ => throw Nothing("CS0", word),
        };
    }

    private void ReadControl1(
        uint word,
        ImmutableArray<Condition> guard,
        List<Operation> operations
    )
    {
        int target = syllables.Stub is { } stub ? Syllables.Field(stub, 10, 2) : 0;
        int number = syllables.Control0 is { } control ? Syllables.Field(control, 0, 28) : 0;
        Operation Call(string name, Argument called) =>
            new(name)
            {
                Arguments = [called],
                Settings = [Set("wbs", Syllables.Field(word, 0, 7))],
                Guard = guard,
            };

        switch (word >> 28, Syllables.Field(word, 7, 2))
        {
            case (0 or 1 or 4, _):
                ReadWindow(word, operations);
                break;
            case (2, _) when Syllables.Bit(word, 27):
                operations.Add(new("setsft"));
                break;
            case (2, _):
                operations.Add(new("setei") { Arguments = [Number(Syllables.Field(word, 0, 8))] });
                break;
            case (3, _):
                operations.Add(ReadWait(word));
                break;
            case (KindOfCall, 0) when target != 0:
                operations.Add(Call("call", Ctpr(target)));
                break;
            case (KindOfCall, 1):
                operations.Add(Call("icall", Number(number)));
                break;
            case (KindOfCall, 2):
                operations.Add(Call("hcall", Number(number >> 1)));
                break;
            case (6, _):
                // Address specifiers are settings of the channels (E2K-OPS-010).
                break;
            case (7, _):
                operations.AddRange(
                    Vocabulary
                        .Caches.Where(one => (word & one.Bits) != 0)
                        .Select(one => new Operation(one.Name))
                );
                break;
            default:
                throw Nothing("CS1", word);
        }
    }

    /// <summary>What later versions added is written only where it is set (E2K-CS-006).</summary>
    private Operation ReadWait(uint word)
    {
        bool IsShown(NamedBits wait)
        {
            bool isSet = (word & wait.Bits) != 0;
            return wait.Name switch
            {
                "sal" => isSet || (version >= FinerWaits && (word & Vocabulary.WaitForLoads) != 0),
                "sas" => isSet || (version >= FinerWaits && (word & Vocabulary.WaitForStores) != 0),
                _ => isSet || wait.Bits <= 1 << 6,
            };
        }

        return new("wait")
        {
            Settings =
            [
                .. Vocabulary
                    .Waits.Where(IsShown)
                    .Select(wait => Set(wait.Name, (word & wait.Bits) != 0 ? 1 : 0)),
            ],
        };
    }

    /// <summary>Windows and rotation (E2K-CS-004, E2K-CS-005).</summary>
    private void ReadWindow(uint word, List<Operation> operations)
    {
        uint? sizes = word >> 28 == 4 ? null : SizesOf();
        if (sizes is { } size)
        {
            if (word >> 28 == 1)
            {
                long partitions = Syllables.Field(size, 12, 5) + 1;
                operations.Add(new("vfrpsz") { Settings = [Set("rpsz", partitions)] });
            }
            List<Assignment> window =
            [
                Set("wsz", Syllables.Field(size, 5, 7)),
                Set("nfx", Syllables.Field(size, 4, 1)),
            ];
            if (version >= DoubledWindows || Syllables.Bit(size, 3))
            {
                window.Add(Set("dbl", Syllables.Field(size, 3, 1)));
            }
            operations.Add(new("setwd") { Settings = [.. window] });
        }
        if (Syllables.Bit(word, 26))
        {
            operations.Add(
                new("setbn")
                {
                    Settings =
                    [
                        Set("rbs", Syllables.Field(word, 0, 6)),
                        Set("rsz", Syllables.Field(word, 6, 6)),
                        Set("rcur", Syllables.Field(word, 12, 6)),
                    ],
                }
            );
        }
        if (Syllables.Bit(word, 27))
        {
            operations.Add(new("setbp") { Settings = [Set("psz", Syllables.Field(word, 18, 5))] });
        }
        if (sizes is { } type && Syllables.Bit(word, 25))
        {
            operations.Add(
                new("settr") { Settings = [Set("type", Syllables.Field(type, 17, 15))] }
            );
        }
    }

    private uint SizesOf() =>
        syllables.Literal(0)
        ?? throw new IllegalBundleException(
            "E2K-CS-004",
            "a window is set without the literal syllable that holds its size"
        );
}
