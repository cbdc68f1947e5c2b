// A request that waits for its answer. Kept for the next one, so that none is made in the steady
// state; each use has a cookie of its own.
using System;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed class NbdPending : IValueTaskSource<BlockError?>
{
    // The receiving thread only receives: what follows an answer runs elsewhere.
    private ManualResetValueTaskSourceCore<BlockError?> _core = new()
    {
        RunContinuationsAsynchronously = true,
    };

    internal ulong Cookie { get; private set; }

    internal NbdCommand Command { get; private set; }

    internal long OffsetBytes { get; private set; }

    internal long LengthBytes { get; private set; }

    /// <summary>Where a read's bytes go.</summary>
    internal Memory<byte> Target { get; private set; }

    /// <summary>The bytes of a read that came.</summary>
    internal long ReceivedBytes { get; set; }

    /// <summary>The first error of the answer; the answer may go on.</summary>
    internal BlockError? Error { get; set; }

    /// <summary>The answer about the block status.</summary>
    internal BlockExtent Extent { get; set; }

    /// <summary>True once it was completed; a second answer to it breaks the protocol.</summary>
    internal bool IsAnswered { get; private set; }

    /// <summary>Completes with the answer; to be awaited once.</summary>
    internal ValueTask<BlockError?> Task => new(this, _core.Version);

    internal void Begin(
        ulong cookie,
        NbdCommand command,
        long offset,
        long length,
        Memory<byte> target
    )
    {
        _core.Reset();
        Cookie = cookie;
        Command = command;
        OffsetBytes = offset;
        LengthBytes = length;
        Target = target;
        ReceivedBytes = 0;
        Error = null;
        IsAnswered = false;
        Extent = default;
    }

    internal void Complete(BlockError? error)
    {
        Target = default;
        IsAnswered = true;
        _core.SetResult(error);
    }

    public BlockError? GetResult(short token) => _core.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _core.OnCompleted(continuation, state, token, flags);
}
