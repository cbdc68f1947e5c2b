// An image as a command uses it: a graph of its own, one user at its root.
// Spec: spec/block/img.md (BLK-IMG-006).
using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using Ashlar.Block;
using Ashlar.Nbd;

namespace Ashlar.Tools.Img;

/// <summary>How an image is opened.</summary>
internal sealed record ImageAccess
{
    /// <summary>The format's driver; null to look at the file.</summary>
    public string? Format { get; init; }

    public bool IsWritable { get; init; }

    /// <summary>Whether the command changes the image's length.</summary>
    public bool IsResizing { get; init; }

    public CacheMode Cache { get; init; }

    /// <summary>The value of aio; null for the driver's own choice.</summary>
    public string? Aio { get; init; }

    /// <summary>-U: others may do what they want meanwhile.</summary>
    public bool IsShared { get; init; }

    /// <summary>False to leave the backing file alone.</summary>
    public bool HasBacking { get; init; } = true;

    /// <summary>The options of the backing node instead of what the header says; or null.</summary>
    public OptionValue? Backing { get; init; }

    /// <summary>--object: the secrets that encrypted images name.</summary>
    public ImageObjects Objects { get; init; } = ImageObjects.None;

    /// <summary>The option key-secret of an image that was just made; null for none.</summary>
    public string? KeySecret { get; init; }

    /// <summary>--image-opts: what names the image is the options of its node.</summary>
    public bool IsByOptions { get; init; }

    /// <summary>Whether the image is only described: an encrypted one stays locked.</summary>
    public bool IsOnlyDescribed { get; init; }

    /// <summary>Whether the image is only checked: a damaged one opens read-write.</summary>
    public bool IsForCheck { get; init; }
}

/// <summary>An open image.</summary>
internal sealed class OpenedImage : IDisposable
{
    private const string NodeName = "image";
    private const string UserName = "tool";
    private const uint Qcow2Magic = 0x514649fb;

    private OpenedImage(string fileName, BlockGraph graph, BlockBackend user)
    {
        FileName = fileName;
        Graph = graph;
        User = user;
    }

    public string FileName { get; }

    public BlockGraph Graph { get; }

    /// <summary>Who reads and writes.</summary>
    public BlockBackend User { get; }

    public BlockNode Node => User.Root!.Child;

    /// <summary>Opens an image by its file's name.</summary>
    /// <param name="fileName">The file.</param>
    /// <param name="access">How it is opened.</param>
    /// <param name="code">The exit code if it is not.</param>
    /// <param name="prefix">What comes before the reason; null for QEMU's usual words.</param>
    public static OpenedImage Open(
        string fileName,
        ImageAccess access,
        int code = 1,
        string? prefix = null
    )
    {
        prefix ??= $"Could not open '{fileName}': ";
        BlockGraph graph = new(
            new BlockGraphOptions
            {
                HostFiles = LinuxHostFiles.Instance,
                RemoteExports = new NbdConnector(),
                LeavesLocked = access.IsOnlyDescribed,
                IsForCheck = access.IsForCheck,
            }
        );
        try
        {
            access.Objects.AddTo(graph);
            OptionValue options = access.IsByOptions
                ? Options(ImageOptions.Read(fileName, prefix, code), access)
                : Options(fileName, FormatOf(fileName, access, prefix, code), access);
            ImgException.ThrowIf(graph.TryBlockdevAdd(options), prefix, code);
            ImgException.ThrowIf(
                graph.TryBackendAttach(
                    UserName,
                    options.Find("node-name")!.AsString,
                    Wanted(access),
                    access.IsShared ? BlockPermissions.All : Shared(access),
                    out BlockBackend? user
                ),
                prefix,
                code
            );
            return new OpenedImage(fileName, graph, user!);
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Graph.Dispose();

    private static BlockPermissions Wanted(ImageAccess access) =>
        BlockPermissions.ConsistentRead
        | (access.IsWritable ? BlockPermissions.Write : BlockPermissions.None)
        | (access.IsResizing ? BlockPermissions.Resize : BlockPermissions.None);

    private static BlockPermissions Shared(ImageAccess access) =>
        access.IsWritable
            ? BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged
            : BlockPermissions.ConsistentRead
                | BlockPermissions.WriteUnchanged
                | BlockPermissions.Resize;

    private static string FormatOf(string fileName, ImageAccess access, string prefix, int code)
    {
        string format = access.Format ?? Probe(fileName, prefix, code);
        return format is "raw" or "qcow2" or "luks"
            ? format
            : throw new ImgException($"{prefix}Unknown driver '{format}'", code: code);
    }

    // What the user said of the node stands; the rest is as for a name.
    private static OptionValue Options(OptionValue said, ImageAccess access)
    {
        List<(string, OptionValue)> node = [];
        for (int index = 0; index < said.Count; index++)
        {
            node.Add((said.KeyAt(index), said[index]));
        }
        AddUnsaid("node-name", OptionValue.Of(NodeName));
        AddUnsaid("read-only", OptionValue.Of(!access.IsWritable));
        AddUnsaid("cache", access.Cache.Option);
        AddUnsaid("discard", OptionValue.Of("unmap"));
        if (access.IsShared)
        {
            AddUnsaid("force-share", OptionValue.True);
        }
        if (BackingOption(access) is OptionValue backing && IsQcow2(said.Find("driver")!.AsString))
        {
            AddUnsaid("backing", backing);
        }
        return OptionValue.Dictionary([.. node]);

        void AddUnsaid(string key, OptionValue value)
        {
            if (said.Find(key) is null)
            {
                node.Add((key, value));
            }
        }
    }

    private static bool IsQcow2(string driver) => driver == "qcow2";

    private static OptionValue? BackingOption(ImageAccess access) =>
        access.HasBacking ? access.Backing : OptionValue.Null;

    private static OptionValue Options(string fileName, string format, ImageAccess access)
    {
        List<(string, OptionValue)> file =
        [
            ("driver", OptionValue.Of("file")),
            ("filename", OptionValue.Of(fileName)),
        ];
        if (access.Aio is string aio)
        {
            file.Add(("aio", OptionValue.Of(aio)));
        }
        List<(string, OptionValue)> node =
        [
            ("driver", OptionValue.Of(format)),
            ("node-name", OptionValue.Of(NodeName)),
            ("read-only", OptionValue.Of(!access.IsWritable)),
            ("cache", access.Cache.Option),
            ("discard", OptionValue.Of("unmap")),
            ("file", OptionValue.Dictionary([.. file])),
        ];
        if (access.IsShared)
        {
            node.Add(("force-share", OptionValue.True));
        }
        if (format == "luks" && access.KeySecret is string secret)
        {
            node.Add(("key-secret", OptionValue.Of(secret)));
        }
        if (BackingOption(access) is OptionValue backing && IsQcow2(format))
        {
            node.Add(("backing", backing));
        }
        return OptionValue.Dictionary([.. node]);
    }

    /// <summary>What a file says of itself, as far as that is known here (BLK-IMG-006).</summary>
    public static string Probe(string fileName, string prefix, int code)
    {
        HostFileMode mode = new(Writable: false);
        HostErrno errno = LinuxHostFiles.Instance.Open(fileName, mode, out HostFile? file);
        if (errno != HostErrno.None)
        {
            string reason = $"{prefix}Could not open '{fileName}': {HostErrnoText.Of(errno)}";
            throw new ImgException(reason, code: code);
        }
        using HostFile opened = file!;
        Span<byte> start = stackalloc byte[sizeof(ulong)];
        return opened.Read(0, start) == HostErrno.None ? FormatOf(start) : "raw";
    }

    /// <summary>The format of an image by its first bytes, four at least.</summary>
    public static string FormatOf(ReadOnlySpan<byte> start) =>
        BinaryPrimitives.ReadUInt32BigEndian(start) == Qcow2Magic ? "qcow2"
        : LuksHeader.IsBegunBy(start) ? "luks"
        : "raw";
}
