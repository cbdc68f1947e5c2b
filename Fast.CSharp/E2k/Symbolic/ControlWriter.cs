// CS0 and CS1 from the operations that ask for them. Spec: spec/e2k/encoding.md, E2K-CS.
using System;
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Writes the control syllables of one bundle.</summary>
/// <param name="operations">All that is written in the bundle.</param>
/// <param name="resolve">The number of a quantity.</param>
/// <param name="here">The bundle's own address, in bytes.</param>
internal sealed class ControlWriter(
    IReadOnlyList<Operation> operations,
    Resolver resolve,
    long here
)
{
    private const uint Prefetches = 0x10000000;
    private const uint Departs = 0x30000000;

    private const uint SetsExceptions = 0x20000000;
    private const uint SetsFlag = 0x28000000;
    private const uint Waits = 0x30000000;
    private const uint Calls = 0x50000000;
    private const uint Specifiers = 0x60000000;
    private const uint UsesCaches = 0x70000000;

    /// <summary>The bits of a distance or number in CS0.</summary>
    private const uint Low = 0x0fffffff;

    /// <summary>Bytes of the units that distances are counted in, and the first too far.</summary>
    private const long Unit = 8;
    private const long TooFar = 1 << 30;

    /// <summary>The number of the transfer register that an operation names first.</summary>
    internal static uint TransferRegister(Operation operation) =>
        operation.Arguments is [Argument.Name { IsNegated: false } name, ..]
        && NumberedName.NumberOf("ctpr", name.Text, 4) is > 0 and var number
            ? (uint)number
            : throw new IllegalBundleException(
                "E2K-CS-001",
                $"{operation.Name} wants %ctpr1, %ctpr2 or %ctpr3 first"
            );

    /// <summary>CS0, or null (E2K-CS-001).</summary>
    internal uint? Control0()
    {
        List<Operation> wanted = OfRole(Role.Preparation, Role.Departure);
        uint? called = CalledNumber();
        if (wanted.Count + (called is null ? 0 : 1) > 1)
        {
            throw new IllegalBundleException("E2K-CS-001", "two operations want CS0");
        }
        return wanted is [var one] ? Preparation(one) : called;
    }

    /// <summary>CS1 and what it wants in LTS0, where they are there (E2K-CS-003).</summary>
    /// <param name="specifiers">The address specifiers of the channels.</param>
    internal (uint? Word, uint? Sizes) Control1(uint specifiers)
    {
        List<Operation> windows = OfRole(Role.Window);
        List<Operation> others = OfRole(Role.Call, Role.Control1);
        return (windows, others, specifiers) switch
        {
            ([], [], 0) => (null, null),
            ([], [], _) => (Specifiers | specifiers, null),
            (_, [], 0) => Windows(windows),
            ([], [var one], 0) => (OnlyOne(one), null),
            ([], _, 0) when others.All(IsCache) => (
                others.Aggregate(UsesCaches, (word, one) => word | CacheOf(one)),
                null
            ),
            _ => throw new IllegalBundleException("E2K-CS-003", "two operations want CS1"),
        };
    }

    private static bool IsCache(Operation operation) =>
        Vocabulary.Caches.BitsOf(operation.Name) is not null;

    private static uint CacheOf(Operation operation) =>
        Vocabulary.Caches.BitsOf(operation.Name).GetValueOrDefault();

    private List<Operation> OfRole(params ReadOnlySpan<Role> roles)
    {
        List<Operation> found = [];
        foreach (Operation operation in operations)
        {
            if (Vocabulary.RoleOf(operation.Name) is { } role && roles.Contains(role))
            {
                found.Add(operation);
            }
        }
        return found;
    }

    /// <summary>The number of a call that CS0 holds, twice that of hcall.</summary>
    private uint? CalledNumber()
    {
        foreach (Operation operation in operations)
        {
            if (operation.Name is "icall" or "hcall")
            {
                long number =
                    operation.FirstNumber
                    ?? throw new IllegalBundleException(
                        "E2K-CS-001",
                        $"{operation.Name} wants a number"
                    );
                return (uint)(operation.Name == "hcall" ? number << 1 : number) & Low;
            }
        }
        return null;
    }

    private uint Preparation(Operation operation) =>
        operation.Name switch
        {
            "disp" => Prepares(operation, 0) | Distance(operation, 1),
            "ldisp" => Prepares(operation, 1) | Distance(operation, 1),
            "sdisp" => Prepares(operation, 2) | Distance(operation, 1),
            "return" => Prepares(operation, 3),
            "gettsd" => Prepares(operation, 3) | 1,
            "pref" => Prefetch(operation),
            "done" => Departs,
            "iret" => Departs | 2,
            "glaunch" => Departs | 4,
            _ => Distance(operation, 0),
        };

    private static uint Prepares(Operation operation, uint code) =>
        (TransferRegister(operation) << 30) | (code << 28);

    /// <summary>
    /// A bare number is the field itself; a label is counted in double words from here
    /// (E2K-CS-002).
    /// </summary>
    /// <param name="index">Where the last operand stands, which it is.</param>
    private uint Distance(Operation operation, int index)
    {
        if (operation.Arguments.Length != index + 1)
        {
            throw new IllegalBundleException("E2K-CS-001", $"{operation.Name} wants a target");
        }
        if (operation.Arguments[index] is not Argument.Number { Value: var value })
        {
            throw new IllegalBundleException("E2K-CS-002", "a label or a number is wanted");
        }
        if (value.Label is null)
        {
            return (uint)value.Offset & Low;
        }
        long distance = resolve(value) - here;
        return distance % Unit == 0 && distance is > -TooFar and < TooFar
            ? (uint)(distance / Unit) & Low
            : throw new IllegalBundleException(
                "E2K-CS-002",
                $"{distance} bytes from here is no multiple of {Unit} below 2^30"
            );
    }

    private static uint Prefetch(Operation operation)
    {
        if (
            operation.Arguments is not [Argument.Name { IsNegated: false } name, ..]
            || NumberedName.NumberOf("ipr", name.Text, int.MaxValue) is not { } register
        )
        {
            throw new IllegalBundleException("E2K-CS-001", "pref wants %ipr0 to %ipr7");
        }
        uint distance = operation.Arguments is [_, Argument.Number number]
            ? (uint)number.Value.Offset & 0xffffff
            : operation.Field("disp", 24);
        return Prefetches
            | (distance << 4)
            | (operation.Field("ipd", 1) << 3)
            | ((uint)register & 7);
    }

    /// <summary>CS1 of an operation that has it alone.</summary>
    private static uint OnlyOne(Operation operation) =>
        operation.Name switch
        {
            "call" => Calls | operation.Field("wbs", 7),
            "icall" => Calls | 0x80 | operation.Field("wbs", 7),
            "hcall" => Calls | 0x100 | operation.Field("wbs", 7),
            "wait" => Waits | WaitOf(operation),
            "setei" => SetsExceptions | ((uint)(operation.FirstNumber ?? 0) & 255),
            "setsft" => SetsFlag,
            _ => UsesCaches | CacheOf(operation),
        };

    /// <summary>A finer wait is the coarser one, too (E2K-CS-006).</summary>
    private static uint WaitOf(Operation operation)
    {
        uint said = 0;
        foreach (NamedBits wait in Vocabulary.Waits)
        {
            said |= operation.Field(wait.Name, 1) == 1 ? wait.Bits : 0;
        }
        said |= (said & Vocabulary.FinerForLoads) != 0 ? Vocabulary.WaitForLoads : 0;
        said |= (said & Vocabulary.FinerForStores) != 0 ? Vocabulary.WaitForStores : 0;
        return said;
    }

    /// <summary>Windows and rotation, the first of each name (E2K-CS-004, E2K-CS-005).</summary>
    private static (uint? Word, uint? Sizes) Windows(List<Operation> windows)
    {
        Operation? Find(string name) => windows.Find(one => one.Name == name);
        uint Field(Operation? operation, string name, int width) =>
            operation?.Field(name, width) ?? 0;

        Operation? window = Find("setwd");
        Operation? bases = Find("setbn");
        Operation? predicates = Find("setbp");
        Operation? kind = Find("settr");
        Operation? partitions = Find("vfrpsz");
        bool setsWindow = (window ?? kind ?? partitions) is not null;
        uint first = setsWindow ? 0 : 0x40000000u;
        uint word =
            (partitions is null ? first : 0x10000000u)
            | (bases is null ? 0 : 0x04000000u)
            | (predicates is null ? 0 : 0x08000000u)
            | (kind is null ? 0 : 0x02000000u)
            | Field(bases, "rbs", 6)
            | (Field(bases, "rsz", 6) << 6)
            | (Field(bases, "rcur", 6) << 12)
            | (Field(predicates, "psz", 5) << 18);
        if (!setsWindow)
        {
            return (word, null);
        }
        uint lessOne = partitions is null ? 0 : (Field(partitions, "rpsz", 5) - 1) & 31;
        uint sizes =
            (Field(window, "wsz", 7) << 5)
            | (Field(window, "nfx", 1) << 4)
            | (Field(window, "dbl", 1) << 3)
            | (Field(kind, "type", 15) << 17)
            | (lessOne << 12);
        return (word, sizes);
    }
}
