// A QMP monitor: one thread that talks with the clients of one device, one after the other. A
// client that never reads holds up nobody but those who wait for the same device.
// Spec: spec/block/storaged.md (BLK-SD-010, BLK-SD-011, BLK-SD-016).
using System.IO;
using System.Threading;
using Ashlar.Qmp;
using Ashlar.Tools.Chardevs;

namespace Ashlar.Tools.Storaged;

internal sealed class Monitor(Chardev chardev, QmpDispatcher dispatcher, bool isPretty)
{
    /// <summary>
    /// Begins to serve. The thread does not keep the process alive: the end of the daemon waits
    /// for no client.
    /// </summary>
    public void Start(ExitRequest exit)
    {
        Thread thread = new(() => chardev.Serve(Converse, exit))
        {
            IsBackground = true,
            Name = "monitor",
        };
        thread.Start();
    }

    private void Converse(Stream stream)
    {
        QmpSession session = new(dispatcher, stream, stream, isPretty);
        session.RunAsync(CancellationToken.None).GetAwaiter().GetResult();
    }
}
