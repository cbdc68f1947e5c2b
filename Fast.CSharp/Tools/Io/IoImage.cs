// The image the tool works on: nodes in the tool's graph, and one user of the topmost.
// Spec: spec/block/iotool.md (BLK-IOT-008, BLK-IOT-009).
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

internal sealed class IoImage : IDisposable
{
    private const string UsualName = "image";
    private const string CopierName = "copier";
    private const string UserName = "tool";
    private const int GuardedBytes = 512;

    private readonly BlockGraph _graph;
    private readonly string? _snapshot;
    private readonly string _top;

    private IoImage(BlockGraph graph, BlockBackend user, string top, string? snapshot)
    {
        _graph = graph;
        User = user;
        _top = top;
        _snapshot = snapshot;
    }

    /// <summary>Who reads and writes.</summary>
    public BlockBackend User { get; }

    /// <summary>The image's node; a filter above it is the tool's own.</summary>
    public BlockNode Node => _graph.FindNode(_top)!;

    /// <summary>The options it was opened with, as they were last given.</summary>
    public required FlatImageOptions Options { get; set; }

    public required IoAccess Access { get; init; }

    /// <summary>The flags of every write.</summary>
    public BlockWriteFlags WriteFlags { get; set; }

    /// <summary>True for an image whose own bytes said that it is raw.</summary>
    public bool IsProbedRaw { get; private init; }

    /// <summary>Opens an image; null and the refusal if it cannot be.</summary>
    public static IoImage? Open(
        BlockGraph graph,
        string? name,
        FlatImageOptions options,
        IoAccess access,
        out BlockError? error
    )
    {
        error = name is null ? null : Refusal(ImageNames.Add(name, options));
        if (error is not null)
        {
            return null;
        }
        FlatImageOptions given = options.Copy();
        AddDefaults(options, access);
        IoImageTree tree = new(access);
        error = options.ToTree(out OptionValue? pairs);
        OptionValue? node = null;
        error ??= tree.Complete(pairs!, out node);
        string? snapshot = null;
        if (error is null && access.IsSnapshot)
        {
            node = OverSnapshot(graph, node!, out snapshot, out error);
        }
        foreach ((string debugged, BlkdebugSettings settings) in tree.Debugging)
        {
            graph.Debugging[debugged] = settings;
        }
        error ??= graph.TryBlockdevAdd(node!);
        if (error is not null)
        {
            DeleteIfAny(snapshot);
            return null;
        }
        string top = node!.Find("node-name")!.AsString;
        error = Attach(graph, top, access, out BlockBackend? user);
        if (error is not null)
        {
            _ = graph.TryBlockdevDel(top);
            DeleteIfAny(snapshot);
            return null;
        }
        return new IoImage(graph, user!, top, snapshot)
        {
            Options = given,
            Access = access,
            WriteFlags = access.Cache.WriteFlags,
            IsProbedRaw = tree.ProbedRaw is not null && !access.IsSnapshot,
        };
    }

    /// <summary>The blkdebug node that the image's requests meet first; null for none.</summary>
    public BlkdebugDriver? Debugger
    {
        get
        {
            BlockNode? node = Node;
            while (node is not null && node.Driver is not BlkdebugDriver)
            {
                node = node.File?.Child;
            }
            return node?.Driver as BlkdebugDriver;
        }
    }

    /// <summary>Gives the user a permission it has not got yet.</summary>
    public BlockError? Demand(BlockPermissions needed) =>
        (needed & ~User.Root!.Perm) == 0
            ? null
            : _graph.TryBackendSet(UserName, User.Root.Perm | needed, BlockPermissions.All);

    /// <summary>Takes permissions from the user.</summary>
    public void Waive(BlockPermissions permissions) =>
        _ = _graph.TryBackendSet(UserName, User.Root!.Perm & ~permissions, BlockPermissions.All);

    /// <summary>Reopens the image's node with other options.</summary>
    public BlockError? Reopen(FlatImageOptions options)
    {
        FlatImageOptions whole = options.Copy();
        AddDefaults(whole, Access);
        if (Node.Backing is BlockEdge backing && !HasBelow(whole, OptionSchema.Backing))
        {
            whole.Set(OptionSchema.Backing, backing.Child.Name);
        }
        BlockError? error = whole.ToTree(out OptionValue? pairs);
        OptionValue? node = null;
        IoImageTree tree = new(Access) { IsReopening = true };
        error ??= tree.Complete(pairs!, out node);
        error ??= _graph.TryBlockdevReopen([node!]);
        if (error is null)
        {
            Options = options;
        }
        return error;
    }

    /// <summary>
    /// Whether a write would make an image that was taken for raw look like another format
    /// (BLK-IOT-010).
    /// </summary>
    public async ValueTask<bool> WouldMislead(long offset, ReadOnlyMemory<byte> bytes)
    {
        if (!IsProbedRaw || offset >= GuardedBytes || bytes.Length == 0)
        {
            return false;
        }
        byte[] start = new byte[GuardedBytes];
        int known = (int)Math.Min(GuardedBytes, User.LengthBytes);
        _ = await User.TryReadAsync(0, start.AsMemory(0, known)).ConfigureAwait(false);
        int part = (int)Math.Min(bytes.Length, GuardedBytes - offset);
        bytes.Span[..part].CopyTo(start.AsSpan((int)offset));
        return OpenedImage.FormatOf(start) != "raw";
    }

    /// <summary>Closes the image; what it holds back is written first.</summary>
    public void Dispose()
    {
        _ = _graph.TryBackendDetach(UserName);
        if (Access.IsCopyOnRead)
        {
            _ = _graph.TryBlockdevDel(CopierName);
        }
        _ = _graph.TryBlockdevDel(_top);
        DeleteIfAny(_snapshot);
    }

    private static bool HasBelow(FlatImageOptions options, string key)
    {
        foreach (string one in options.Keys)
        {
            if (one == key || one.StartsWith(key + ".", StringComparison.Ordinal))
            {
                return true;
            }
        }
        return false;
    }

    private static void AddDefaults(FlatImageOptions options, IoAccess access)
    {
        Default("node-name", UsualName);
        Default("read-only", access.IsReadOnly ? "on" : "off");
        Default("discard", access.Discards ? "unmap" : "ignore");
        Default("cache.direct", access.Cache.IsDirect ? "on" : "off");
        Default("cache.no-flush", access.Cache.IsUnsafe ? "on" : "off");
        if (access.IsShared)
        {
            options.Set("force-share", "on");
        }

        void Default(string key, string value)
        {
            if (!options.Has(key))
            {
                options.Set(key, value);
            }
        }
    }

    private static BlockError? Attach(
        BlockGraph graph,
        string top,
        IoAccess access,
        out BlockBackend? user
    )
    {
        user = null;
        BlockPermissions wanted = BlockPermissions.ConsistentRead;
        if (!access.IsReadOnly)
        {
            wanted |= BlockPermissions.Write;
        }
        if (!access.IsCopyOnRead)
        {
            return graph.TryBackendAttach(UserName, top, wanted, BlockPermissions.All, out user);
        }
        if ((wanted & BlockPermissions.Write) == 0)
        {
            return Refusal("Can't use copy-on-read on read-only device");
        }
        BlockError? error = graph.TryBlockdevAdd(
            OptionValue.Dictionary(
                ("driver", OptionValue.Of("copy-on-read")),
                ("node-name", OptionValue.Of(CopierName)),
                ("discard", OptionValue.Of("unmap")),
                ("file", OptionValue.Of(top))
            )
        );
        if (error is not null)
        {
            return error;
        }
        error = graph.TryBackendAttach(
            UserName,
            CopierName,
            wanted,
            BlockPermissions.All,
            out user
        );
        if (error is not null)
        {
            _ = graph.TryBlockdevDel(CopierName);
        }
        return error;
    }

    // A new image over the one asked for, which is then only read.
    private static OptionValue? OverSnapshot(
        BlockGraph graph,
        OptionValue node,
        out string? snapshot,
        out BlockError? error
    )
    {
        snapshot = null;
        OptionValue below = With(node, ("read-only", OptionValue.True));
        error = graph.TryBlockdevAdd(below);
        if (error is not null)
        {
            return null;
        }
        string top = node.Find("node-name")!.AsString;
        long length = graph.FindNode(top)!.LengthBytes;
        _ = graph.TryBlockdevDel(top);
        snapshot = Path.GetTempFileName();
        try
        {
            new NewImage(snapshot, "qcow2") { SizeBytes = length }.Create();
        }
        catch (ImgException refusal)
        {
            error = Refusal(refusal.Message);
            return null;
        }
        return OptionValue.Dictionary(
            ("driver", OptionValue.Of("qcow2")),
            ("node-name", OptionValue.Of(top)),
            ("discard", OptionValue.Of("unmap")),
            (
                "file",
                OptionValue.Dictionary(
                    ("driver", OptionValue.Of("file")),
                    ("filename", OptionValue.Of(snapshot))
                )
            ),
            ("backing", With(below, ("node-name", null)))
        );
    }

    private static OptionValue With(OptionValue node, (string Key, OptionValue? Value) member)
    {
        List<(string, OptionValue)> members = [];
        for (int index = 0; index < node.Count; index++)
        {
            if (node.KeyAt(index) != member.Key)
            {
                members.Add((node.KeyAt(index), node[index]));
            }
        }
        if (member.Value is not null)
        {
            members.Add((member.Key, member.Value));
        }
        return OptionValue.Dictionary([.. members]);
    }

    private static void DeleteIfAny(string? path)
    {
        if (path is not null)
        {
            File.Delete(path);
        }
    }

    private static BlockError? Refusal(string? text) =>
        text is null ? null : new(BlockErrorKind.InvalidArgument, text);
}
