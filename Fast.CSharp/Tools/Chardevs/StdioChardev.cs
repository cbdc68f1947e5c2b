// Standard input and output as a device. Its one client is there from the start; when the input
// ends, the daemon goes on without it. Spec: spec/block/storaged.md (BLK-SD-007).
using System;
using System.IO;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Chardevs;

internal sealed class StdioChardev : Chardev
{
    /// <inheritdoc/>
    public override void Serve(Action<Stream> converse, ExitRequest exit)
    {
        using BlockingStream both = new(
            Console.OpenStandardInput(),
            Console.OpenStandardOutput(),
            // Nothing wakes a reader of somebody else's stream; the process does not wait for it.
            static () => { }
        );
        converse(both);
    }
}
