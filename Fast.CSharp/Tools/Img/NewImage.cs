// Making the file of a new image: what -o, -b and a size say, and the driver that does it.
// Spec: spec/block/img.md (BLK-IMG-011).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

/// <summary>An image to be made.</summary>
internal sealed class NewImage
{
    private const int SectorBytes = 512;

    // Readable by all that the umask lets.
    private const int CreationMode = 0x1A4;

    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);

    private readonly ImageObjects _objects;

    public NewImage(string fileName, string format, ImageObjects? objects = null)
    {
        FileName = fileName;
        Format = format;
        _objects = objects ?? ImageObjects.None;
        if (!IsKnown(format))
        {
            throw new ImgException($"{fileName}: Unknown file format '{format}'");
        }
    }

    /// <summary>Whether images of a format can be made.</summary>
    public static bool IsKnown(string format) => format is "raw" or "qcow2" or "luks";

    public string FileName { get; }

    /// <summary>What a refusal says that was being done, with a colon; nothing at first.</summary>
    public string Doing { get; set; } = "";

    private string Prefix => FileName.Length == 0 ? "" : $"{FileName}: {Doing}";

    public string Format { get; }

    /// <summary>The guest's length; null until it is known.</summary>
    public long? SizeBytes { get; set; }

    public string? BackingFile => Find("backing_file");

    public string? BackingFormat => Find("backing_fmt");

    /// <summary>The secret that opens the new image; null when it is not encrypted.</summary>
    public string? KeySecret => Format == "luks" ? Find("key-secret") : null;

    private string[] Known =>
        Format switch
        {
            "raw" => ["size", "preallocation"],
            "luks" => ["size", .. NewEncryption.Options],
            _ =>
            [
                "size",
                "compat",
                "backing_file",
                "backing_fmt",
                "cluster_size",
                "preallocation",
                "lazy_refcounts",
                "refcount_bits",
                "extended_l2",
                "compression_type",
            ],
        };

    /// <summary>Takes one -o: pairs of key and value with commas between, doubled inside.</summary>
    public void Take(string options)
    {
        foreach (string pair in Split(options))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? pair : pair[..equals];
            Set(key, equals < 0 ? "on" : pair[(equals + 1)..]);
        }
    }

    /// <summary>Sets an option; what the format does not know is refused by name.</summary>
    public void Set(string key, string value)
    {
        if (Array.IndexOf(Known, key) < 0)
        {
            throw new ImgException($"{Prefix}Invalid parameter '{key}'");
        }
        _options[key] = value;
        if (key == "size")
        {
            SizeBytes = Size(key);
        }
    }

    /// <summary>Whether the disk's space is taken at once.</summary>
    public bool IsPreallocated =>
        Find("preallocation") switch
        {
            null or "off" or "metadata" => false,
            "falloc" or "full" => true,
            string other => throw new ImgException($"{Prefix}invalid parameter value: {other}"),
        };

    /// <summary>The bytes of the file where it has the disk as it is.</summary>
    public Int128 FileBytes =>
        Format == "luks"
            ? LuksCreation.PayloadBytes(NewEncryption.Read(Find, "", Prefix, _objects).Cipher)
                + (Int128)Rounded()
            : Rounded();

    /// <summary>The line that tells what is made.</summary>
    public string Describe()
    {
        StringBuilder text = new($"Formatting '{FileName}', fmt={Format}");
        long size = Rounded();
        if (Format == "raw")
        {
            text.Append(CultureInfo.InvariantCulture, $" size={size}");
            return WithGiven(text, "preallocation").Append('\n').ToString();
        }
        if (Format == "luks")
        {
            text.Append(CultureInfo.InvariantCulture, $" size={size}");
            foreach (string option in NewEncryption.Options)
            {
                WithGiven(text, option);
            }
            return text.Append('\n').ToString();
        }
        Qcow2CreationOptions made = Qcow2Options();
        string type = made.IsZstandard ? "zstd" : "zlib";
        text.Append(CultureInfo.InvariantCulture, $" cluster_size={made.ClusterBytes}");
        WithGiven(text.Append(" extended_l2=off"), "preallocation");
        text.Append(CultureInfo.InvariantCulture, $" compression_type={type} size={size}");
        WithGiven(WithGiven(WithGiven(text, "compat"), "backing_file"), "backing_fmt");
        text.Append($" lazy_refcounts={(made.HasLazyRefcounts ? "on" : "off")}");
        text.Append(CultureInfo.InvariantCulture, $" refcount_bits={made.RefcountBits}\n");
        return text.ToString();
    }

    /// <summary>Makes the file anew, or empties the one that is there.</summary>
    public void Create()
    {
        Qcow2CreationOptions? qcow2 = Format == "qcow2" ? Qcow2Options() : null;
        LuksCreationOptions? luks =
            Format == "luks" ? NewEncryption.Read(Find, "", Prefix, _objects) : null;
        RefuseUnless("preallocation", "off");
        RefuseUnless("extended_l2", "off");
        using BlockGraph graph = new(new BlockGraphOptions { HostFiles = LinuxHostFiles.Instance });
        using HostFile file = OpenEmpty(graph);
        BlockError? error =
            qcow2 is not null ? Qcow2Creation.TryCreate(file, qcow2)
            : luks is not null ? NewEncryption.Create(file, luks, Rounded())
            : file.Truncate(Rounded()) is HostErrno errno and not HostErrno.None
                ? new BlockError(
                    BlockErrorKind.Host,
                    $"Could not resize file: {HostErrnoText.Of(errno)}"
                )
            : null;
        ImgException.ThrowIf(error, $"{Prefix}");
    }

    private long Rounded()
    {
        long size =
            SizeBytes ?? throw new ImgException($"{Prefix}Image creation needs a size parameter");
        return size > long.MaxValue - SectorBytes
            ? throw new ImgException($"{Prefix}Image size is too large")
            : (size + SectorBytes - 1) & -SectorBytes;
    }

    /// <summary>What an image of the format qcow2 is made with.</summary>
    public Qcow2CreationOptions Qcow2Options() =>
        new()
        {
            SizeBytes = Rounded(),
            Version = Find("compat") switch
            {
                null or "1.1" or "v3" => 3,
                "0.10" or "v2" => 2,
                string other => throw new ImgException(
                    $"{Prefix}Invalid parameter '{other}' for compat"
                ),
            },
            ClusterBytes = checked((int)Math.Min(int.MaxValue, Size("cluster_size") ?? 65536)),
            RefcountBits = checked((int)Math.Min(int.MaxValue, Size("refcount_bits") ?? 16)),
            IsZstandard = IsZstandard,
            HasLazyRefcounts = HasLazyRefcounts,
            BackingFileName = BackingFile,
            BackingFormat = BackingFormat,
        };

    private bool HasLazyRefcounts =>
        Find("lazy_refcounts") switch
        {
            null or "off" => false,
            "on" => true,
            _ => throw new ImgException(
                $"{Prefix}Parameter 'lazy_refcounts' expects 'on' or 'off'"
            ),
        };

    private bool IsZstandard =>
        Find("compression_type") switch
        {
            null or "zlib" => false,
            "zstd" => true,
            string other => throw new ImgException(
                $"{Prefix}Invalid parameter '{other}' for compression_type"
            ),
        };

    /// <summary>Better a refusal than an image that is not what was asked for.</summary>
    public void RefuseUnless(string key, string supported)
    {
        if (Find(key) is string value && value != supported)
        {
            throw new ImgException($"{Prefix}{key}={value} is not supported");
        }
    }

    // The locks of the file are asked by a node of a graph; whoever uses it keeps it.
    private HostFile OpenEmpty(BlockGraph graph)
    {
        HostErrno errno = LinuxHostFiles.Instance.Create(
            FileName,
            CreationMode,
            out HostFile? file
        );
        if (errno == HostErrno.AlreadyExists)
        {
            Reserve(graph);
            HostFileMode mode = new(Writable: true);
            errno = LinuxHostFiles.Instance.Open(FileName, mode, out file);
            errno = errno == HostErrno.None ? file!.Truncate(0) : errno;
        }
        return errno == HostErrno.None
            ? file!
            : throw new ImgException(
                $"{Prefix}Could not create '{FileName}': {HostErrnoText.Of(errno)}"
            );
    }

    private void Reserve(BlockGraph graph)
    {
        const BlockPermissions Wanted = BlockPermissions.Write | BlockPermissions.Resize;
        BlockError? error = graph.TryBlockdevAdd(
            OptionValue.Dictionary(
                ("driver", OptionValue.Of("file")),
                ("node-name", OptionValue.Of("file")),
                ("filename", OptionValue.Of(FileName))
            )
        );
        error ??= graph.TryBackendAttach(
            "tool",
            "file",
            Wanted,
            BlockPermissions.All & ~BlockPermissions.Resize,
            out _
        );
        ImgException.ThrowIf(error, $"{Prefix}");
    }

    private string? Find(string key) => _options.GetValueOrDefault(key);

    private long? Size(string key) =>
        Find(key) is not string text ? null
        : Sizes.TryRead(text, out long bytes) ? bytes
        : throw new ImgException(
            $"{Prefix}Parameter '{key}' expects a non-negative number below 2^64"
        );

    private StringBuilder WithGiven(StringBuilder text, string key) =>
        Find(key) is string value ? text.Append($" {key}={value}") : text;

    private static List<string> Split(string options)
    {
        List<string> parts = [];
        StringBuilder part = new();
        for (int place = 0; place < options.Length; place++)
        {
            if (options[place] != ',')
            {
                part.Append(options[place]);
            }
            else if (place + 1 < options.Length && options[place + 1] == ',')
            {
                part.Append(',');
                place++;
            }
            else
            {
                parts.Add(part.ToString());
                part.Clear();
            }
        }
        parts.Add(part.ToString());
        return parts;
    }
}
