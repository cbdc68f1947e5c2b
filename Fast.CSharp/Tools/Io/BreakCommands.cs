// break, remove_break, resume and wait_break: requests held at a moment of blkdebug's.
// Spec: spec/block/iotool.md (BLK-IOT-015), debugging.md (BLK-DEBUG-003).
using System;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class BreakCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1);

    public static readonly IoCommand Break = new(
        "break",
        "sets a breakpoint on event and tags the stopped request as tag",
        static (session, words) => new(Set(session, words))
    )
    {
        Least = 2,
        Most = 2,
        Arguments = "event tag",
    };

    public static readonly IoCommand RemoveBreak = new(
        "remove_break",
        "remove a breakpoint by tag",
        static (session, words) =>
            ChangeAsync(
                session,
                static (debugger, tag) => debugger.RemoveBreak(tag),
                words.Arguments[0],
                $"Could not remove breakpoint {words.Arguments[0]}"
            )
    )
    {
        Least = 1,
        Most = 1,
        Arguments = "tag",
    };

    public static readonly IoCommand Resume = new(
        "resume",
        "resumes the request tagged as tag",
        static (session, words) =>
            ChangeAsync(
                session,
                static (debugger, tag) => debugger.Resume(tag),
                words.Arguments[0],
                "Could not resume request"
            )
    )
    {
        Least = 1,
        Most = 1,
        Arguments = "tag",
    };

    public static readonly IoCommand WaitBreak = new(
        "wait_break",
        "waits for the suspension of a request",
        WaitAsync
    )
    {
        Least = 1,
        Most = 1,
        Arguments = "tag",
    };

    private static bool Set(IoSession session, IoWords words)
    {
        BlkdebugDriver? debugger = session.Image!.Debugger;
        BlockDebugEvent? happened = BlockDebugEvents.Find(words.Arguments[0]);
        if (debugger is null || happened is null)
        {
            HostErrno errno = debugger is null ? HostErrno.NotSupported : HostErrno.NoEntry;
            Console.Out.Write($"Could not set breakpoint: {HostErrnoText.Of(errno)}\n");
            return false;
        }
        debugger.Break(happened.Value, words.Arguments[1]);
        return true;
    }

    private static ValueTask<bool> ChangeAsync(
        IoSession session,
        Func<BlkdebugDriver, string, bool> change,
        string tag,
        string refusal
    )
    {
        BlkdebugDriver? debugger = session.Image!.Debugger;
        if (debugger is not null && change(debugger, tag))
        {
            return new(true);
        }
        HostErrno errno = debugger is null ? HostErrno.NotSupported : HostErrno.NoEntry;
        Console.Out.Write($"{refusal}: {HostErrnoText.Of(errno)}\n");
        return new(false);
    }

    // Without anybody who could suspend it there is nothing to wait for.
    private static async ValueTask<bool> WaitAsync(IoSession session, IoWords words)
    {
        BlkdebugDriver? debugger = session.Image!.Debugger;
        while (debugger is not null && !debugger.IsSuspended(words.Arguments[0]))
        {
            await session.SleepAsync(Patience).ConfigureAwait(false);
        }
        return debugger is not null;
    }
}
