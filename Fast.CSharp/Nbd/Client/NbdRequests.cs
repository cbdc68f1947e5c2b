// Requests on a connection: sent from any thread, answered in any order, found again by their
// cookie. When the server goes, all of them fail.
// Spec: spec/block/nbd.md (BLK-NBD-022, BLK-NBD-023).
using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed partial class NbdRequests
{
    private readonly NbdLink _link;
    private readonly NbdRemoteFacts _facts;
    private readonly Thread _receiver;
    private readonly SemaphoreSlim _free = new(NbdLimits.RequestsInFlight);
    private readonly Lock _lock = new();

    // Guarded by the lock: the table, which of its places are taken, and whether the server is
    // gone.
    private readonly NbdPending[] _table = new NbdPending[NbdLimits.RequestsInFlight];
    private uint _taken;
    private ulong _generation;
    private bool _isDead;

    internal NbdRequests(NbdLink link, NbdRemoteFacts facts)
    {
        _link = link;
        _facts = facts;
        for (int index = 0; index < _table.Length; index++)
        {
            _table[index] = new NbdPending();
        }
        _receiver = new Thread(Receive) { IsBackground = true, Name = "nbd server" };
        _receiver.Start();
    }

    /// <summary>
    /// One request within the server's limits; the target is a read's, the payload a write's.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<(BlockError? Error, BlockExtent Extent)> AskAsync(
        NbdCommand command,
        NbdCommandFlags flags,
        long offset,
        long length,
        Memory<byte> target,
        ReadOnlyMemory<byte> payload
    )
    {
        await _free.WaitAsync().ConfigureAwait(false);
        int place = -1;
        try
        {
            NbdPending? pending = Begin(command, offset, length, target, out place);
            if (pending is null)
            {
                return (Lost(offset), default);
            }
            // The answer may be there before the call returns; the cookie is the pending one's.
            Send(pending.Cookie, command, flags, offset, length, payload.Span);
            BlockError? error = await pending.Task.ConfigureAwait(false);
            return (error, pending.Extent);
        }
        finally
        {
            End(place);
            _free.Release();
        }
    }

    /// <summary>Says goodbye, ends the connection and waits for the receiving thread.</summary>
    internal void Close()
    {
        try
        {
            // A server that takes nothing is not waited for.
            if (_link.CanSend)
            {
                Put(0, NbdCommand.Disconnect, NbdCommandFlags.None, 0, 0, default);
            }
        }
        catch (Exception failure) when (SocketErrors.IsGone(failure))
        {
            // The server was faster.
        }
        _link.Cut();
        _receiver.Join();
        _link.Dispose();
    }

    private NbdPending? Begin(
        NbdCommand command,
        long offset,
        long length,
        Memory<byte> target,
        out int place
    )
    {
        lock (_lock)
        {
            place = -1;
            if (_isDead)
            {
                return null;
            }
            place = BitOperations.TrailingZeroCount(~_taken);
            _taken |= 1u << place;
            NbdPending pending = _table[place];
            ulong cookie = (++_generation * (uint)_table.Length) + (uint)place;
            pending.Begin(cookie, command, offset, length, target);
            return pending;
        }
    }

    private void End(int place)
    {
        if (place >= 0)
        {
            lock (_lock)
            {
                _taken &= ~(1u << place);
            }
        }
    }

    // A connection that cannot be written to is dead: the receiver sees that too and fails all.
    private void Send(
        ulong cookie,
        NbdCommand command,
        NbdCommandFlags flags,
        long offset,
        long length,
        ReadOnlySpan<byte> payload
    )
    {
        try
        {
            Put(cookie, command, flags, offset, length, payload);
        }
        catch (Exception failure) when (SocketErrors.IsGone(failure))
        {
            _link.Cut();
        }
    }

    private void Put(
        ulong cookie,
        NbdCommand command,
        NbdCommandFlags flags,
        long offset,
        long length,
        ReadOnlySpan<byte> payload
    )
    {
        Span<byte> head = stackalloc byte[NbdLimits.RequestBytes];
        NbdWriter writer = new(head);
        writer.Put(NbdMagic.Request);
        writer.Put((ushort)flags);
        writer.Put((ushort)command);
        writer.Put(cookie);
        writer.Put((ulong)offset);
        writer.Put((uint)length);
        _link.Output.Write(head, payload, flush: true);
    }

    private static BlockError Lost(long offset) =>
        new(BlockErrorKind.Io, "Input/output error") { OffsetBytes = offset };
}
