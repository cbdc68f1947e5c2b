// aio=io_uring: two rings shared with the kernel, one of requests and one of answers.
// Spec: spec/block/io.md (BLK-IO-005).
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Ashlar.Block;

internal sealed unsafe class UringQueue : KernelQueue
{
    // Each request has a slot of the base class, and each slot at most one entry on its way, so
    // neither ring can overflow.
    private const uint Entries = MaxInFlight;

    private readonly int _descriptor;
    private readonly byte* _rings;
    private readonly nuint _ringsBytes;
    private readonly UringEntry* _entries;
    private readonly nuint _entriesBytes;
    private readonly uint* _sentTail;
    private readonly uint* _answersHead;
    private readonly uint* _answersTail;
    private readonly UringAnswer* _answers;
    private readonly uint _entryMask;
    private readonly uint _answerMask;
    private uint _tail;
    private int _unsent;

    private UringQueue(IoThread loop, int descriptor, in UringParameters parameters)
        : base(loop)
    {
        _descriptor = descriptor;
        nuint requests = parameters.Requests.Array + (parameters.RequestEntries * sizeof(uint));
        nuint answers =
            parameters.Answers.Entries + (parameters.AnswerEntries * (nuint)sizeof(UringAnswer));
        // The feature of one mapping for both rings is as old as the operations used here.
        _ringsBytes = nuint.Max(requests, answers);
        _rings = Uring.Map(descriptor, _ringsBytes, Uring.OffsetOfRings);
        _entriesBytes = parameters.RequestEntries * (nuint)sizeof(UringEntry);
        _entries = (UringEntry*)Uring.Map(descriptor, _entriesBytes, Uring.OffsetOfEntries);
        if (_rings is null || _entries is null)
        {
            return;
        }
        _sentTail = (uint*)(_rings + parameters.Requests.Tail);
        _entryMask = *(uint*)(_rings + parameters.Requests.Mask);
        _answersHead = (uint*)(_rings + parameters.Answers.Head);
        _answersTail = (uint*)(_rings + parameters.Answers.Tail);
        _answerMask = *(uint*)(_rings + parameters.Answers.Mask);
        _answers = (UringAnswer*)(_rings + parameters.Answers.Entries);
        // Entry i stands at place i, always.
        uint* places = (uint*)(_rings + parameters.Requests.Array);
        for (uint place = 0; place < parameters.RequestEntries; place++)
        {
            places[place] = place;
        }
    }

    internal override int PollDescriptor => _descriptor;

    internal override bool HasUnsent => Volatile.Read(ref _unsent) > 0;

    /// <summary>A ring of a loop's own, or why the kernel gives none.</summary>
    internal static HostErrno TryCreate(IoThread loop, out UringQueue? queue)
    {
        queue = null;
        UringParameters parameters = default;
        int descriptor = (int)Uring.Setup(Uring.SetupCall, Entries, &parameters);
        if (descriptor < 0)
        {
            return Libc.LastError();
        }
        UringQueue made = new(loop, descriptor, parameters);
        if (made._rings is null || made._entries is null)
        {
            made.Dispose();
            return HostErrno.NoMemory;
        }
        queue = made;
        return HostErrno.None;
    }

    internal override void Send()
    {
        int count = Interlocked.Exchange(ref _unsent, 0);
        while (count > 0)
        {
            int sent = (int)Uring.Enter(Uring.EnterCall, _descriptor, (uint)count, 0, 0, null, 0);
            if (sent >= 0)
            {
                count -= sent;
                if (sent == 0)
                {
                    // Another thread has sent ours along with its own.
                    return;
                }
            }
            else if (Libc.LastError() != HostErrno.Interrupted)
            {
                // The kernel is short of something for a moment: the loop tries again.
                Interlocked.Add(ref _unsent, count);
                return;
            }
        }
    }

    internal override bool TakeAnswers()
    {
        uint head = *_answersHead;
        if (head == Volatile.Read(ref *_answersTail))
        {
            return false;
        }
        do
        {
            UringAnswer answer = _answers[head & _answerMask];
            head++;
            // The place is the kernel's again before anybody hears of the answer.
            Volatile.Write(ref *_answersHead, head);
            Answer((int)answer.UserData, answer.Result);
        } while (head != Volatile.Read(ref *_answersTail));
        return true;
    }

    public override void Dispose()
    {
        if (_entries is not null)
        {
            _ = Uring.Unmap(_entries, _entriesBytes);
        }
        if (_rings is not null)
        {
            _ = Uring.Unmap(_rings, _ringsBytes);
        }
        _ = Uring.Close(_descriptor);
    }

    protected override void Place(IoRequest request, int slot)
    {
        UringEntry* entry = _entries + (_tail & _entryMask);
        *entry = default;
        entry->Descriptor = (int)request.File.Handle.DangerousGetHandle();
        entry->UserData = (ulong)slot;
        if (request.Operation == IoOperation.Flush)
        {
            entry->Operation = Uring.Sync;
            entry->Flags = Uring.SyncData;
        }
        else
        {
            entry->Operation = request.Operation == IoOperation.Read ? Uring.Read : Uring.Write;
            entry->Offset = (ulong)request.OffsetBytes;
            entry->Address = (ulong)request.PinnedAddress;
            entry->Length = (uint)Math.Min(request.LengthBytes, LinuxHostFile.LargestTransferBytes);
        }
        _tail++;
        Volatile.Write(ref *_sentTail, _tail);
        Interlocked.Increment(ref _unsent);
    }
}

/// <summary>The kernel's struct io_sqring_offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UringRequestOffsets
{
    internal uint Head;
    internal uint Tail;
    internal uint Mask;
    internal uint EntryCount;
    internal uint Flags;
    internal uint Dropped;
    internal uint Array;
    internal uint Reserved;
    internal ulong UserAddress;
}

/// <summary>The kernel's struct io_cqring_offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UringAnswerOffsets
{
    internal uint Head;
    internal uint Tail;
    internal uint Mask;
    internal uint EntryCount;
    internal uint Overflow;
    internal uint Entries;
    internal uint Flags;
    internal uint Reserved;
    internal ulong UserAddress;
}

/// <summary>The kernel's struct io_uring_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UringParameters
{
    internal uint RequestEntries;
    internal uint AnswerEntries;
    internal uint Flags;
    internal uint ThreadProcessor;
    internal uint ThreadIdle;
    internal uint Features;
    internal uint WorkQueue;
    internal uint Reserved0;
    internal uint Reserved1;
    internal uint Reserved2;
    internal UringRequestOffsets Requests;
    internal UringAnswerOffsets Answers;
}

/// <summary>The kernel's struct io_uring_sqe, as far as transfers use it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct UringEntry
{
    [FieldOffset(0)]
    internal byte Operation;

    [FieldOffset(4)]
    internal int Descriptor;

    [FieldOffset(8)]
    internal ulong Offset;

    [FieldOffset(16)]
    internal ulong Address;

    [FieldOffset(24)]
    internal uint Length;

    [FieldOffset(28)]
    internal uint Flags;

    [FieldOffset(32)]
    internal ulong UserData;
}

/// <summary>The kernel's struct io_uring_cqe.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UringAnswer
{
    internal ulong UserData;
    internal int Result;
    internal uint Flags;
}
