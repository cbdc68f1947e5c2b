// reopen: other options for the open image. Spec: spec/block/iotool.md (BLK-IOT-009).
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

internal static class ReopenCommand
{
    public static readonly IoCommand Reopen = new(
        "reopen",
        "reopens an image with new options",
        RunAsync
    )
    {
        Most = -1,
        Arguments = "[(-r|-w)] [-c cache] [-o options]",
        Help = IoHelp.Reopen,
    };

    private static async ValueTask<bool> RunAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("c:o:rw");
        IoImage image = session.Image!;
        FlatImageOptions changes = new();
        CacheMode? cache = null;
        bool? isReadOnly = null;
        foreach ((string name, string value) in given.Options)
        {
            switch (name)
            {
                case "c":
                    if (!CacheMode.TryOf(value, out CacheMode mode))
                    {
                        return session.Complain($"Invalid cache option: {value}");
                    }
                    cache = mode;
                    break;
                case "o":
                    changes.Read(session.Program, value);
                    break;
                case "r" or "w" when isReadOnly is not null:
                    return session.Complain("Only one -r/-w option may be given");
                default:
                    isReadOnly = name == "r";
                    break;
            }
        }
        if (given.IsBad || given.Operands.Count > 0)
        {
            return Reopen.Misused();
        }
        bool staysReadOnly = isReadOnly ?? image.Node.IsReadOnly;
        if (staysReadOnly)
        {
            await session.DrainAsync().ConfigureAwait(false);
            image.Waive(BlockPermissions.All & ~BlockPermissions.ConsistentRead);
        }
        if (changes.Has("read-only") && isReadOnly is not null)
        {
            return session.Complain("Cannot set both -r/-w and 'read-only'");
        }
        bool hasCache = changes.Has("cache.direct") || changes.Has("cache.no-flush");
        if (hasCache && cache is not null)
        {
            return session.Complain("Cannot set both -c and the cache options");
        }
        FlatImageOptions whole = image.Options.Copy();
        if (isReadOnly is bool wanted)
        {
            whole.Set("read-only", wanted ? "on" : "off");
        }
        if (cache is CacheMode chosen)
        {
            whole.Set("cache.direct", chosen.IsDirect ? "on" : "off");
            whole.Set("cache.no-flush", chosen.IsUnsafe ? "on" : "off");
        }
        foreach (string key in changes.Keys)
        {
            // An option of a child replaces its reference, and the other way about.
            if (!key.Contains('.'))
            {
                whole.Remove(key);
            }
            whole.Set(key, changes.Find(key));
        }
        await session.DrainAsync().ConfigureAwait(false);
        if (image.Reopen(whole) is BlockError error)
        {
            return session.Complain(error.Text);
        }
        image.WriteFlags = cache?.WriteFlags ?? image.WriteFlags;
        return true;
    }
}
