// One run of the I/O tool: the open image, the requests on their way, and what the commands share.
// Everything happens in the thread of one event loop. Spec: spec/block/iotool.md (BLK-IOT-002).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Nbd;

namespace Ashlar.Tools.Io;

internal sealed class IoSession(string program, IoThread loop) : IDisposable
{
    private readonly List<Task> _requests = [];

    public string Program { get; } = program;

    public IoThread Loop { get; } = loop;

    public BlockGraph Graph { get; } =
        new(
            new BlockGraphOptions
            {
                HostFiles = LinuxHostFiles.Instance,
                RemoteExports = new NbdConnector(),
            }
        );

    /// <summary>The open image; null for none.</summary>
    public IoImage? Image { get; set; }

    /// <summary>The user of the image; commands that need one are not called without.</summary>
    public BlockBackend User => Image!.User;

    /// <summary>--image-opts: names of images are options.</summary>
    public bool UsesImageOptions { get; set; }

    /// <summary>-m: requests' memory is not aligned.</summary>
    public bool IsMisaligned { get; set; }

    /// <summary>quit was said.</summary>
    public bool IsOver { get; set; }

    /// <summary>Tells a refusal; always false.</summary>
    public bool Complain(string text)
    {
        Console.Error.Write($"{Program}: {text}\n");
        return false;
    }

    /// <summary>Opens an image; false after telling why not.</summary>
    public bool TryOpen(string? name, FlatImageOptions options, IoAccess access)
    {
        if (Image is not null)
        {
            return Complain("file open already, try 'help close'");
        }
        if (access.IsShared && options.Find("force-share") is string share && share != "on")
        {
            return Complain("-U conflicts with image options");
        }
        Image = IoImage.Open(Graph, name, options, access, out BlockError? error);
        if (Image is null)
        {
            string device = name is null ? "" : $" device {name}";
            return Complain($"can't open{device}: {error!.Text}");
        }
        if (Image.IsProbedRaw && !Image.Node.IsReadOnly)
        {
            Console.Error.Write(
                $"WARNING: Image format was not specified for '{name}' and probing guessed raw.\n"
                    + "         Automatically detecting the format is dangerous for raw images, "
                    + "write operations on block 0 will be restricted.\n"
                    + "         Specify the 'raw' format explicitly to remove the restrictions.\n"
            );
        }
        return true;
    }

    /// <summary>Keeps a request that goes on by itself.</summary>
    public void Keep(Task request)
    {
        _requests.RemoveAll(static one => one.IsCompleted);
        _requests.Add(request);
    }

    /// <summary>Waits for all requests on their way.</summary>
    public async ValueTask DrainAsync()
    {
        while (_requests.Count > 0)
        {
            Task[] requests = [.. _requests];
            _requests.Clear();
            await Task.WhenAll(requests).ConfigureAwait(false);
            await TurnAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Lets the loop do what is due.</summary>
    public Task TurnAsync() => InLoopAsync(Loop.Post);

    /// <summary>Waits a while; what is due is done meanwhile.</summary>
    public Task SleepAsync(TimeSpan time) => InLoopAsync(action => _ = Loop.Schedule(time, action));

    /// <summary>Closes the image and the graph.</summary>
    public void Dispose()
    {
        Image?.Dispose();
        Graph.Dispose();
    }

    // The awaiting method continues inside the loop's callback, so in the loop.
    private static Task InLoopAsync(Action<Action> start)
    {
        TaskCompletionSource done = new();
        start(done.SetResult);
        return done.Task;
    }
}
