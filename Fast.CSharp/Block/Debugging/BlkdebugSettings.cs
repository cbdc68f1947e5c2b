// What a blkdebug node is to do, beside its permissions. Spec: spec/block/debugging.md.
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>The kinds of requests an error can be injected into, as bits.</summary>
[Flags]
public enum BlkdebugRequests
{
    None = 0,
    Read = 1,
    Write = 2,
    WriteZeroes = 4,
    Discard = 8,
    Flush = 16,
    BlockStatus = 32,

    /// <summary>What a rule means that says nothing.</summary>
    Usual = Read | Write | WriteZeroes | Discard | Flush,
}

/// <summary>
/// A rule: when an event happens in a state, requests that follow fail, or the state changes
/// (BLK-DEBUG-002).
/// </summary>
/// <param name="Event">The event.</param>
/// <param name="State">The state; 0 for any.</param>
public sealed record BlkdebugRule(BlockDebugEvent Event, int State = 0)
{
    /// <summary>The new state; null for a rule that injects an error.</summary>
    public int? NewState { get; init; }

    /// <summary>The error; <see cref="HostErrno.None"/> injects none.</summary>
    public HostErrno Errno { get; init; } = HostErrno.Io;

    /// <summary>The offset a request must cover, in bytes; negative for any.</summary>
    public long OffsetBytes { get; init; } = -1;

    /// <summary>Whether the rule is gone after its first error.</summary>
    public bool IsOnce { get; init; }

    /// <summary>Which requests fail.</summary>
    public BlkdebugRequests Requests { get; init; } = BlkdebugRequests.Usual;
}

/// <summary>
/// Rules and limits of a blkdebug node; 0 is no limit. Offsets and lengths are bytes.
/// </summary>
public sealed record BlkdebugSettings
{
    public IReadOnlyList<BlkdebugRule> Rules { get; init; } = [];

    /// <summary>What requests are multiples of; others are made so (BLK-DEBUG-004).</summary>
    public long Align { get; init; }

    public long MaxTransfer { get; init; }

    public long OptWriteZero { get; init; }

    public long MaxWriteZero { get; init; }

    public long OptDiscard { get; init; }

    public long MaxDiscard { get; init; }

    /// <summary>Is told, in words, of requests that are suspended and resumed.</summary>
    public Action<string>? Log { get; init; }

    /// <summary>Null, or the first limit that cannot be met.</summary>
    public BlockError? Test()
    {
        bool isAlign = Align == 0 || (Align < int.MaxValue && (Align & (Align - 1)) == 0);
        long align = Math.Max(Align, 1);
        return !isAlign ? Refusal("align", Align)
            : IsWrong(MaxTransfer, align) ? Refusal("max-transfer", MaxTransfer)
            : IsWrong(OptWriteZero, align) ? Refusal("opt-write-zero", OptWriteZero)
            : IsWrong(MaxWriteZero, Math.Max(OptWriteZero, align))
                ? Refusal("max-write-zero", MaxWriteZero)
            : IsWrong(OptDiscard, align) ? Refusal("opt-discard", OptDiscard)
            : IsWrong(MaxDiscard, Math.Max(OptDiscard, align)) ? Refusal("max-discard", MaxDiscard)
            : null;
    }

    private static bool IsWrong(long limit, long align) =>
        limit != 0 && (limit < 0 || limit >= int.MaxValue || limit % align != 0);

    private static BlockError Refusal(string name, long value) =>
        new(BlockErrorKind.InvalidArgument, $"Cannot meet constraints with {name} {value}");
}
