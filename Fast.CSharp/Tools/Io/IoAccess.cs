// How an image is opened, as the switches of the program and of open say it.
// Spec: spec/block/iotool.md (BLK-IOT-008), img.md (BLK-IMG-005).
using System;
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

internal sealed class IoAccess
{
    public const string Letters = "rsCnkUi:t:d:";

    /// <summary>Unless -n or -t say something else, every write is durable.</summary>
    private CacheMode _cache = new(false, false, true);

    public bool IsReadOnly { get; private set; }

    /// <summary>-s: writes go to a file that is gone afterwards.</summary>
    public bool IsSnapshot { get; private set; }

    public bool IsCopyOnRead { get; private set; }

    public bool IsShared { get; private set; }

    public CacheMode Cache => _cache;

    /// <summary>The engine of file nodes; null for the driver's own choice.</summary>
    public string? Aio { get; private set; }

    public bool Discards { get; private set; } = true;

    /// <summary>Takes a switch; false after telling what is wrong with its value.</summary>
    public bool Take(string program, string name, string value)
    {
        switch (name)
        {
            case "r":
                IsReadOnly = true;
                return true;
            case "s":
                IsSnapshot = true;
                return true;
            case "C":
                IsCopyOnRead = true;
                return true;
            case "U":
                IsShared = true;
                return true;
            case "n":
                _cache = new(true, false, false);
                return true;
            case "k":
                Aio = "native";
                return true;
            case "i":
                Aio = value;
                return value is "threads" or "native" or "io_uring"
                    || Complain(program, $"Invalid aio option: {value}");
            case "t":
                return CacheMode.TryOf(value, out _cache)
                    || Complain(program, $"Invalid cache option: {value}");
            default:
                Discards = value is "on" or "unmap";
                return value is "on" or "unmap" or "off" or "ignore"
                    || Complain(program, $"Invalid discard option: {value}");
        }
    }

    private static bool Complain(string program, string text)
    {
        Console.Error.Write($"{program}: {text}\n");
        return false;
    }
}
