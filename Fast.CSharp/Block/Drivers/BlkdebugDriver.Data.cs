// blkdebug, data path: events, injected errors, and requests cut to the limits it was given.
// Spec: spec/block/debugging.md (BLK-DEBUG-002 to BLK-DEBUG-004), data.md (BLK-DATA-009).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class BlkdebugDriver : IFlusher, IDebugEvents
{
    private BlkdebugSettings _limits = new();
    private BlkdebugState _state = new(new BlkdebugSettings());

    /// <summary>Suspends the next request at an event, under a tag (BLK-DEBUG-003).</summary>
    public void Break(BlockDebugEvent happened, string tag) => _state.Break(happened, tag);

    /// <summary>Forgets a breakpoint, and resumes; false when there is none of the tag.</summary>
    public bool RemoveBreak(string tag) => _state.RemoveBreak(tag);

    /// <summary>Resumes a request; false when none of the tag is suspended.</summary>
    public bool Resume(string tag) => _state.Resume(tag);

    /// <summary>Resumes whatever is suspended, and forgets all breakpoints.</summary>
    public void ResumeAll() => _state.ResumeAll();

    /// <summary>Whether a request of the tag is suspended.</summary>
    public bool IsSuspended(string tag) => _state.IsSuspended(tag);

    ValueTask IDebugEvents.OnEventAsync(BlockDebugEvent happened) => _state.RaiseAsync(happened);

    private long Align => Math.Max(_limits.Align, 1);

    /// <inheritdoc/>
    public override async ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        BlockError? error = null;
        long end = offsetBytes + buffer.Length;
        for (long at = offsetBytes; at < end && error is null; )
        {
            long part = Part(at, end, _limits.MaxTransfer);
            error =
                Check(BlkdebugRequests.Read, Down(at), Up(at + part) - Down(at))
                ?? await base.ReadAsync(at, buffer.Slice((int)(at - offsetBytes), (int)part))
                    .ConfigureAwait(false);
            at += part;
        }
        return error;
    }

    /// <inheritdoc/>
    public override async ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        long end = offsetBytes + buffer.Length;
        BlockError? error = await ReadEdgesAsync(offsetBytes, end).ConfigureAwait(false);
        if (error is not null)
        {
            return error;
        }
        await _state.RaiseAsync(BlockDebugEvent.Pwritev).ConfigureAwait(false);
        for (long at = offsetBytes; at < end && error is null; )
        {
            long part = Part(at, end, _limits.MaxTransfer);
            error =
                Check(BlkdebugRequests.Write, Down(at), Up(at + part) - Down(at))
                ?? await base.WriteAsync(
                        at,
                        buffer.Slice((int)(at - offsetBytes), (int)part),
                        flags
                    )
                    .ConfigureAwait(false);
            at += part;
        }
        await _state.RaiseAsync(BlockDebugEvent.PwritevDone).ConfigureAwait(false);
        return error;
    }

    /// <summary>
    /// Whole units are zeroed, and their edges are written, in parts of the longest length.
    /// </summary>
    public override async ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        long unit = Math.Max(_limits.OptWriteZero, Align);
        long end = offsetBytes + lengthBytes;
        await _state.RaiseAsync(BlockDebugEvent.PwritevZero).ConfigureAwait(false);
        BlockError? error = null;
        for (long at = offsetBytes; at < end && error is null; )
        {
            long part = Cut(at, end, unit, _limits.MaxWriteZero);
            bool isWhole = at % unit == 0 && part % unit == 0;
            if (!isWhole && (flags & BlockWriteFlags.NoFallback) != 0)
            {
                error = HostErrors.OfRequest(HostErrno.NotSupported, at);
            }
            else if (isWhole)
            {
                error =
                    Check(BlkdebugRequests.WriteZeroes, at, part)
                    ?? await base.WriteZeroesAsync(at, part, flags).ConfigureAwait(false);
            }
            else
            {
                BlockWriteFlags kept = flags & ~BlockWriteFlags.MayUnmap;
                error =
                    Check(BlkdebugRequests.Write, Down(at), Up(at + part) - Down(at))
                    ?? await base.WriteZeroesAsync(at, part, kept).ConfigureAwait(false);
            }
            at += part;
        }
        await _state.RaiseAsync(BlockDebugEvent.PwritevDone).ConfigureAwait(false);
        return error;
    }

    /// <inheritdoc/>
    public override async ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes)
    {
        long unit = Math.Max(_limits.OptDiscard, Align);
        long end = offsetBytes + lengthBytes;
        BlockError? error = null;
        for (long at = offsetBytes; at < end && error is null; )
        {
            long part = Cut(at, end, unit, _limits.MaxDiscard);
            // What is less than a block is not given up.
            if (at % Align == 0 && part % Align == 0)
            {
                error =
                    Check(BlkdebugRequests.Discard, at, part)
                    ?? await base.DiscardAsync(at, part).ConfigureAwait(false);
            }
            at += part;
        }
        return error;
    }

    /// <inheritdoc/>
    public override ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes) =>
        Check(BlkdebugRequests.BlockStatus, offsetBytes, lengthBytes) is BlockError error
            ? new(new BlockExtent(BlockExtentFlags.None, 0, error))
            : base.StatusAsync(offsetBytes, lengthBytes);

    /// <summary>The node holds nothing back, but the flush can be made to fail.</summary>
    public ValueTask<BlockError?> FlushAsync() => new(Check(BlkdebugRequests.Flush, 0, 0));

    // Blocks that a write covers in part are read first: their errors are the write's.
    private async ValueTask<BlockError?> ReadEdgesAsync(long begin, long end)
    {
        BlockError? error = null;
        bool isSame = Down(begin) == Down(end);
        if (begin % Align != 0)
        {
            await _state.RaiseAsync(BlockDebugEvent.PwritevRmwHead).ConfigureAwait(false);
            error = Check(BlkdebugRequests.Read, Down(begin), Align);
            await _state.RaiseAsync(BlockDebugEvent.PwritevRmwAfterHead).ConfigureAwait(false);
        }
        if (error is null && end % Align != 0 && !(isSame && begin % Align != 0))
        {
            await _state.RaiseAsync(BlockDebugEvent.PwritevRmwTail).ConfigureAwait(false);
            error = Check(BlkdebugRequests.Read, Down(end), Align);
            await _state.RaiseAsync(BlockDebugEvent.PwritevRmwAfterTail).ConfigureAwait(false);
        }
        return error;
    }

    private BlockError? Check(BlkdebugRequests kind, long offset, long length) =>
        HostErrors.OfRequest(_state.Check(kind, offset, length), offset);

    private long Down(long offset) => offset / Align * Align;

    private long Up(long offset) => (offset + Align - 1) / Align * Align;

    // A part ends at a multiple of the longest length from the first whole block.
    private long Part(long at, long end, long most) =>
        most == 0 ? end - at : Math.Min(end, Down(at) + most) - at;

    // Up to the first whole unit, then whole units, then the rest.
    private static long Cut(long at, long end, long unit, long most)
    {
        long head = at % unit;
        long part =
            head != 0 ? Math.Min(end - at, unit - head)
            : end - at < unit ? end - at
            : (end - at) / unit * unit;
        return head == 0 && most > 0 ? Math.Min(part, most) : part;
    }
}
