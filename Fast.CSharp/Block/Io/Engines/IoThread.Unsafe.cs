// An event loop, asleep: the kernel wakes it for what is posted, answered or due.
using System.Threading;

namespace Ashlar.Block;

public sealed partial class IoThread
{
    private unsafe void Sleep()
    {
        Interlocked.Exchange(ref _isAsleep, 1);
        // Who posted before it was set did not wake us.
        if (_posted.IsEmpty && !_isStopping)
        {
            PollEntry* entries = stackalloc PollEntry[3];
            nuint count = 0;
            entries[count++] = new() { Descriptor = _wakeUp, Wanted = PollEntry.Readable };
            if (_uring is { } uring)
            {
                entries[count++] = Readable(uring);
            }
            KernelQueue? aio = _aio;
            if (aio is not null)
            {
                entries[count++] = Readable(aio);
            }
            long* time = stackalloc long[2];
            bool isBounded = TryTimeToTimer(out time[0], out time[1]);
            if (HasUnsent && (!isBounded || time[0] > 0 || time[1] > RetryNanoseconds))
            {
                // The kernel is short of something, and no answer may be due that tells us more.
                isBounded = true;
                time[0] = 0;
                time[1] = RetryNanoseconds;
            }
            _ = Polling.Wait(entries, count, isBounded ? time : null, null);
            if (entries[0].Found != 0)
            {
                EventDescriptor.Drain(_wakeUp);
            }
            if (aio is not null && entries[count - 1].Found != 0)
            {
                aio.Woken();
            }
        }
        Interlocked.Exchange(ref _isAsleep, 0);
    }

    private static PollEntry Readable(KernelQueue queue) =>
        new() { Descriptor = queue.PollDescriptor, Wanted = PollEntry.Readable };
}
