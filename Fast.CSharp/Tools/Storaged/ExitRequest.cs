// The one place where the daemon is asked to end: by a signal or by `quit`.
// Spec: spec/block/storaged.md (BLK-SD-014, BLK-SD-015).
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Ashlar.Tools.Storaged;

/// <summary>Waits for the end; whoever asks a second time changes nothing.</summary>
internal sealed class ExitRequest : IDisposable
{
    private readonly ManualResetEventSlim _isAsked = new(false);
    private readonly PosixSignalRegistration[] _signals;

    public ExitRequest()
    {
        // Who starts the daemon in the background of a script, or with nohup, has these ignored;
        // the runtime would leave it so, and QEMU does not.
        Posix.HonourSignal(Posix.Interrupt);
        Posix.HonourSignal(Posix.HangUp);
        _signals =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal),
        ];
    }

    public bool IsAsked => _isAsked.IsSet;

    /// <summary>To be waited on together with something else.</summary>
    public WaitHandle Handle => _isAsked.WaitHandle;

    public void Ask() => _isAsked.Set();

    /// <summary>Blocks until somebody asks.</summary>
    public void Wait() => _isAsked.Wait();

    /// <summary>The same, but not for ever; true when somebody asked.</summary>
    public bool Wait(int milliseconds) => _isAsked.Wait(milliseconds);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals)
        {
            signal.Dispose();
        }
        _isAsked.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        // What the runtime would do is to end at once, with sockets left and images not flushed.
        context.Cancel = true;
        Ask();
    }
}
