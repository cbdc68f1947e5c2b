// What translated code calls. Small ones are put in place by the just-in-time compiler. Spec:
// spec/e2k/step.md, E2K-RUN-004.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k;

/// <summary>Parts of translated code that are easier said in C#.</summary>
internal static class TraceSupport
{
    private const MethodImplOptions InPlace = MethodImplOptions.AggressiveInlining;

    [MethodImpl(InPlace)]
    internal static bool HoldsAt(ref Control now, int place) =>
        (now.Predicates.Values >> place & 1) != 0;

    [MethodImpl(InPlace)]
    internal static bool AreValid(ref Control now, uint mask) =>
        (now.Predicates.Invalid & mask) == 0;

    /// <summary>Puts predicates where the mask is set; none of those is invalid then.</summary>
    [MethodImpl(InPlace)]
    internal static void PutPredicates(ref Control now, uint mask, uint values) =>
        now.Predicates = new(
            (now.Predicates.Values & ~mask) | values,
            now.Predicates.Invalid & ~mask
        );

    [MethodImpl(InPlace)]
    internal static bool Allows(nint pages, ulong address, int bytes, int wanted) =>
        GuestMemory.Allows(pages, address, bytes, wanted);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool AllowsSeldom(nint pages, ulong address, int bytes, int wanted) =>
        GuestMemory.Allows(pages, address, bytes, wanted);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool IsLoopEndSeldom(ref Control now) => now.Loop.IsEnd;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool IsStoreLeftOutSeldom(ref Control now) => IsStoreLeftOut(ref now);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void AdvanceSeldom(ref Control now) => now.Loop.Advance();

    [MethodImpl(InPlace)]
    internal static bool IsLoopEnd(ref Control now) => now.Loop.IsEnd;

    [MethodImpl(InPlace)]
    internal static bool IsAtMost(ref Control now, int number) => now.Loop.Prologue <= number;

    [MethodImpl(InPlace)]
    internal static bool IsStoreLeftOut(ref Control now) =>
        now.Loop.Prologue != 0 || (now.Loop.IsEnd && now.Loop.StoreMode == 0);

    [MethodImpl(InPlace)]
    internal static void Advance(ref Control now) => now.Loop.Advance();

    /// <summary>Whether so many turns from here are in the middle of a loop.</summary>
    [MethodImpl(InPlace)]
    internal static bool IsInMiddle(ref Control now, int turns) =>
        now.Loop.Prologue == 0 && now.Loop.Count >= (uint)turns + 2;

    /// <summary>Turns in the middle of a loop, which only count.</summary>
    [MethodImpl(InPlace)]
    internal static void Count(ref Control now, int turns) => now.Loop.Count -= (uint)turns;

    /// <summary>
    /// Whether a stream stays on one page that allows it, for so many steps. Steps of any length
    /// could leave the page and come back, so that they are bounded.
    /// </summary>
    [MethodImpl(InPlace)]
    internal static bool StaysOnPage(
        nint pages,
        ulong start,
        ulong step,
        int times,
        int first,
        int last,
        int alignment,
        int wanted
    )
    {
        ulong from = start + (ulong)first;
        ulong to = start + (ulong)last;
        ulong far = step * (ulong)times;
        return step + GuestMemory.PageBytes <= 2 * GuestMemory.PageBytes
            && ((from ^ to) | (from ^ (from + far)) | (from ^ (to + far))) < GuestMemory.PageBytes
            && ((start | step) & (ulong)alignment) == 0
            && GuestMemory.Allows(pages, from, 1, wanted);
    }

    [MethodImpl(InPlace)]
    internal static V Both(ulong low, ulong high) => Vector128.Create(low, high);

    [MethodImpl(InPlace)]
    internal static ulong Low(V vector) => vector.ToScalar();

    [MethodImpl(InPlace)]
    internal static ulong High(V vector) => vector.GetElement(1);

    [MethodImpl(InPlace)]
    internal static nint LowOfGlobals(Machine machine) => machine.Registers.LowAddress;

    [MethodImpl(InPlace)]
    internal static nint HighOfGlobals(Machine machine) => machine.Registers.HighAddress;

    [MethodImpl(InPlace)]
    internal static nint TagsOfGlobals(Machine machine) => machine.Registers.TagAddress;

    /// <summary>Whether a window of this size fits in the stack (E2K-ST-004).</summary>
    [MethodImpl(InPlace)]
    internal static bool FitsStack(ref Control now, int size) =>
        now.Window.Base + size <= RegisterFile.DepthMax;

    [MethodImpl(InPlace)]
    internal static void Prepare(ref Control now, int number, int kind, ulong value) =>
        now.Prepare(number, new((TransferKind)kind, value));

    [MethodImpl(InPlace)]
    internal static void PutShape(
        ref Control now,
        int size,
        int first,
        int pairs,
        int turn,
        int turningPairs,
        int turningTurn
    )
    {
        now.Window = now.Window with { Size = size };
        now.Based = new(first, pairs, turn);
        now.Turning = new(0, turningPairs, turningTurn);
    }

    /// <summary>Registers that come into sight (E2K-ST-004).</summary>
    internal static void Invalidate(Machine machine, int from, int to) =>
        machine.Registers.Invalidate(
            RegisterFile.Globals + machine.Now.Window.Base + from,
            to - from
        );

    /// <summary>Whether a call fits (E2K-BR-003).</summary>
    [MethodImpl(InPlace)]
    internal static bool MayEnter(ref Control now) => now.Depth < Machine.DepthMax;

    /// <summary>A call, when all else of its bundle is done.</summary>
    internal static void Enter(
        Machine machine,
        ref Control now,
        int shift,
        ulong returnTo,
        ulong address
    )
    {
        machine.Push(now.Depth, new(returnTo, now.Window, now.Based, now.Turning, now.Predicates));
        int handed = now.Window.Size - shift;
        now.Ip = address;
        now.Window = new(now.Window.Base + shift, handed, handed);
        now.Based = default;
        now.Turning = default;
        now.Predicates = machine.Unwritten;
        now.Depth++;
        now.ForgetTransfers();
    }

    [MethodImpl(InPlace)]
    internal static bool MayLeave(ref Control now) => now.Depth > 0;

    /// <summary>A return, when all else of its bundle is done (E2K-BR-004).</summary>
    internal static void Leave(Machine machine, ref Control now)
    {
        ref readonly Frame frame = ref machine.FrameAt(now.Depth - 1);
        now.Ip = frame.ReturnTo;
        now.Window = frame.Window;
        now.Based = frame.Based;
        now.Turning = frame.Turning;
        now.Predicates = frame.Predicates;
        now.Depth--;
        now.ForgetTransfers();
    }

    /// <summary>The only instruction of an area that has a format; -1 where it is not so.</summary>
    internal static int FindFetch(ref Control now, bool isLeft, int area, int format)
    {
        FetchProgram? half = isLeft ? now.Left : now.Right;
        int index = half?.Find(area) ?? -1;
        if (index < 0 || half!.Fetches[index].Format < format)
        {
            return -1;
        }
        for (int other = index + 1; other < half.Fetches.Length; other++)
        {
            if (half.Fetches[other].Area == area)
            {
                return -1;
            }
        }
        return index;
    }

    internal static ref ulong Position(ref Control now, bool isLeft, int index) =>
        ref (isLeft ? now.Left : now.Right)!.Positions[index];

    /// <summary>Where the elements of an instruction begin.</summary>
    internal static ulong FetchBase(Machine machine, bool isLeft, int index)
    {
        FetchProgram half = (isLeft ? machine.Now.Left : machine.Now.Right)!;
        return machine.Arrays.AddressOf(half.Fetches[index], 0);
    }

    /// <summary>Bytes that an instruction advances by.</summary>
    internal static ulong FetchStep(Machine machine, bool isLeft, int index)
    {
        FetchProgram half = (isLeft ? machine.Now.Left : machine.Now.Right)!;
        ref readonly Fetch fetch = ref half.Fetches[index];
        return machine.Arrays.Increment(fetch.Increment) << (fetch.Format - 1);
    }

    internal static ulong Descriptor(Machine machine, int number) =>
        machine.Arrays.Descriptors[number];

    internal static ulong Increment(Machine machine, int number) =>
        machine.Arrays.Increment(number);

    internal static ref ulong StoreIndex(Machine machine, int number) =>
        ref machine.Arrays.StoreIndices[number];
}
