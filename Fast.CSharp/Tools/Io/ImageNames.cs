// Names of images that are more than a path: json:{...}, blkdebug:CONFIG:NAME, null-co:// and
// file:PATH.
// Spec: spec/block/iotool.md (BLK-IOT-008).
using System;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class ImageNames
{
    private const string Json = "json:";
    private const string File = "file:";
    private const string Blkdebug = "blkdebug:";

    /// <summary>
    /// Adds what a name says to options, which win; null, or what is wrong with the name.
    /// </summary>
    public static string? Add(string name, FlatImageOptions options)
    {
        if (name.StartsWith(Json, StringComparison.Ordinal))
        {
            FlatImageOptions given = options.Copy();
            string? reason = options.ReadJson(name[Json.Length..]);
            options.Take(given);
            return reason;
        }
        string? driver = options.Find("driver");
        bool isProtocol = driver is not null && DriverRegistry.Find(driver) is { IsProtocol: true };
        if (isProtocol)
        {
            return AddStorage(name, "", options, driver);
        }
        return options.Has("file") ? null : AddStorage(name, "file.", options, null);
    }

    private static string? AddStorage(
        string name,
        string prefix,
        FlatImageOptions options,
        string? driver
    )
    {
        if (name.StartsWith(Blkdebug, StringComparison.Ordinal))
        {
            string rest = name[Blkdebug.Length..];
            int colon = rest.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0)
            {
                return "blkdebug requires both config file and image path";
            }
            options.Set(prefix + "driver", "blkdebug");
            if (colon > 0)
            {
                options.Set(prefix + "config", rest[..colon]);
            }
            return AddStorage(rest[(colon + 1)..], prefix + "image.", options, null);
        }
        if (name.EndsWith("://", StringComparison.Ordinal) && name.StartsWith("null-"))
        {
            options.Set(prefix + "driver", name[..^3]);
            return null;
        }
        bool isFile = name.StartsWith(File, StringComparison.Ordinal);
        if (driver is null && !options.Has(prefix + "driver"))
        {
            options.Set(prefix + "driver", "file");
        }
        options.Set(prefix + "filename", isFile ? name[File.Length..] : name);
        return null;
    }
}
