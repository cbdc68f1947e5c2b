// aio=native: the older of the kernel's two queues, for files without the page cache.
// Spec: spec/block/io.md (BLK-IO-004).
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Ashlar.Block;

internal sealed unsafe class AioQueue : KernelQueue
{
    private const int AnswersAtOnce = 64;

    private readonly int _event;
    private readonly nint _context;
    private readonly AioEntry* _entries;
    private readonly AioEntry** _unsent;
    private readonly AioAnswer* _answers;
    private readonly AioRing* _ring;
    private int _unsentCount;

    private AioQueue(IoThread loop, int eventDescriptor, nint context)
        : base(loop)
    {
        _event = eventDescriptor;
        _context = context;
        AioRing* ring = (AioRing*)context;
        _ring = ring->Magic == AioRing.Known && ring->IncompatibleFeatures == 0 ? ring : null;
        _entries = (AioEntry*)NativeMemory.AllocZeroed(MaxInFlight, (nuint)sizeof(AioEntry));
        _unsent = (AioEntry**)NativeMemory.AllocZeroed(MaxInFlight, (nuint)sizeof(AioEntry*));
        _answers = (AioAnswer*)NativeMemory.AllocZeroed(AnswersAtOnce, (nuint)sizeof(AioAnswer));
    }

    internal override int PollDescriptor => _event;

    internal override bool HasUnsent => Volatile.Read(ref _unsentCount) > 0;

    /// <summary>A context of a loop's own, or why the kernel gives none.</summary>
    internal static HostErrno TryCreate(IoThread loop, out AioQueue? queue)
    {
        queue = null;
        nint context = 0;
        if (LinuxAio.Setup(LinuxAio.SetupCall, MaxInFlight, &context) != 0)
        {
            return Libc.LastError();
        }
        int eventDescriptor = EventDescriptor.Open();
        if (eventDescriptor < 0)
        {
            HostErrno errno = Libc.LastError();
            _ = LinuxAio.Destroy(LinuxAio.DestroyCall, context);
            return errno;
        }
        queue = new AioQueue(loop, eventDescriptor, context);
        return HostErrno.None;
    }

    internal override void Send()
    {
        lock (Guard)
        {
            int sent = 0;
            while (sent < _unsentCount)
            {
                int count = (int)
                    LinuxAio.Submit(
                        LinuxAio.SubmitCall,
                        _context,
                        _unsentCount - sent,
                        _unsent + sent
                    );
                if (count > 0)
                {
                    sent += count;
                    continue;
                }
                HostErrno errno = count < 0 ? Libc.LastError() : HostErrno.TryAgain;
                if (errno == HostErrno.Interrupted)
                {
                    continue;
                }
                if (errno == HostErrno.TryAgain)
                {
                    // The kernel has enough for now; its next answer brings us back.
                    break;
                }
                // The first one is what it does not like.
                Refuse((int)_unsent[sent]->UserData, errno);
                sent++;
            }
            _unsentCount -= sent;
            for (int index = 0; index < _unsentCount; index++)
            {
                _unsent[index] = _unsent[index + sent];
            }
        }
    }

    internal override void Woken() => EventDescriptor.Drain(_event);

    internal override bool TakeAnswers() =>
        IsBusy && (_ring != null ? TakeFromRing() : TakeFromKernel());

    // The kernel shows its ring to the process, so that looking at it is no system call.
    private bool TakeFromRing()
    {
        uint head = _ring->Head;
        // Answers to the answers may come in here only through the loop's next round.
        uint tail = Volatile.Read(ref _ring->Tail);
        if (head == tail)
        {
            return false;
        }
        AioAnswer* answers = (AioAnswer*)((byte*)_ring + _ring->HeaderBytes);
        while (head != tail)
        {
            AioAnswer answer = answers[head];
            head = head + 1 == _ring->Places ? 0 : head + 1;
            // From here on the kernel may write over it.
            Volatile.Write(ref _ring->Head, head);
            Answer((int)answer.UserData, (int)answer.Result);
        }
        return true;
    }

    private bool TakeFromKernel()
    {
        bool isAny = false;
        long* noWait = stackalloc long[2];
        int count;
        do
        {
            count = (int)
                LinuxAio.GetEvents(
                    LinuxAio.GetEventsCall,
                    _context,
                    0,
                    AnswersAtOnce,
                    _answers,
                    noWait
                );
            // Answers to the answers may come in here only through the loop's next round.
            for (int index = 0; index < count; index++)
            {
                isAny = true;
                long result = _answers[index].Result;
                Answer((int)_answers[index].UserData, (int)result);
            }
        } while (count == AnswersAtOnce);
        return isAny;
    }

    public override void Dispose()
    {
        _ = LinuxAio.Destroy(LinuxAio.DestroyCall, _context);
        _ = Uring.Close(_event);
        NativeMemory.Free(_entries);
        NativeMemory.Free(_unsent);
        NativeMemory.Free(_answers);
    }

    protected override void Place(IoRequest request, int slot)
    {
        AioEntry* entry = _entries + slot;
        *entry = default;
        entry->UserData = (ulong)slot;
        entry->Operation = request.Operation == IoOperation.Read ? LinuxAio.Read : LinuxAio.Write;
        entry->Descriptor = (uint)request.File.Handle.DangerousGetHandle();
        entry->Address = (ulong)request.PinnedAddress;
        entry->Length = (ulong)Math.Min(request.LengthBytes, LinuxHostFile.LargestTransferBytes);
        entry->Offset = request.OffsetBytes;
        entry->Flags = LinuxAio.TellEvent;
        entry->EventDescriptor = (uint)_event;
        _unsent[_unsentCount] = entry;
        Volatile.Write(ref _unsentCount, _unsentCount + 1);
    }
}

/// <summary>The kernel's struct iocb.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct AioEntry
{
    [FieldOffset(0)]
    internal ulong UserData;

    [FieldOffset(16)]
    internal ushort Operation;

    [FieldOffset(20)]
    internal uint Descriptor;

    [FieldOffset(24)]
    internal ulong Address;

    [FieldOffset(32)]
    internal ulong Length;

    [FieldOffset(40)]
    internal long Offset;

    [FieldOffset(56)]
    internal uint Flags;

    [FieldOffset(60)]
    internal uint EventDescriptor;
}

/// <summary>The kernel's struct aio_ring, at the address that names a context.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AioRing
{
    internal const uint Known = 0xa10a10a1;

    internal uint Id;
    internal uint Places;
    internal uint Head;
    internal uint Tail;
    internal uint Magic;
    internal uint CompatibleFeatures;
    internal uint IncompatibleFeatures;
    internal uint HeaderBytes;
}

/// <summary>The kernel's struct io_event.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AioAnswer
{
    internal ulong UserData;
    internal ulong Entry;
    internal long Result;
    internal long Result2;
}
