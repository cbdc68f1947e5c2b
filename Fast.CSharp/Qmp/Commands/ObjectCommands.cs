// Objects and their properties. The graph knows their ids and who uses them; what is inside is
// here. Spec: spec/block/objects.md.
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>object-add, object-del, query-iothreads.</summary>
internal sealed class ObjectCommands(BlockGraph graph)
{
    /// <summary>The longest secret in bytes; a longer file is no secret but a mistake.</summary>
    private const int SecretBytesMax = 1 << 20;

    // QEMU's defaults of an iothread.
    private const long DefaultPollMaxNs = 32768;

    private readonly Dictionary<string, OptionValue> _properties = new(StringComparer.Ordinal);

    public QmpAnswer Add(OptionValue arguments)
    {
        string id = arguments.Text("id");
        BlockObjectKind kind = arguments.Text("qom-type") switch
        {
            "throttle-group" => BlockObjectKind.ThrottleGroup,
            "iothread" => BlockObjectKind.IoThread,
            _ => BlockObjectKind.Secret,
        };
        BlockError? error = graph.TryObjectAdd(kind, id);
        if (error is not null)
        {
            return QmpAnswer.Of(error);
        }
        string? refusal = kind switch
        {
            BlockObjectKind.Secret => RefuseSecret(arguments),
            BlockObjectKind.ThrottleGroup => RefuseLimits(arguments.Find("limits")),
            _ => RefusePolling(arguments),
        };
        if (refusal is not null)
        {
            graph.TryObjectDel(id);
            return QmpAnswer.Error(refusal);
        }
        _properties[id] = arguments;
        return QmpAnswer.Done;
    }

    public QmpAnswer Delete(OptionValue arguments)
    {
        string id = arguments.Text("id");
        BlockError? error = graph.TryObjectDel(id);
        if (error is null)
        {
            _properties.Remove(id);
        }
        return QmpAnswer.Of(error);
    }

    public QmpAnswer QueryIoThreads(OptionValue arguments)
    {
        List<OptionValue> threads = [];
        foreach (BlockObject found in graph.Objects)
        {
            if (found.Kind == BlockObjectKind.IoThread)
            {
                OptionValue properties = _properties[found.Id];
                threads.Add(
                    OptionValue.Dictionary(
                        ("id", OptionValue.Of(found.Id)),
                        // Requests run on the threads of their connections.
                        ("thread-id", OptionValue.Of((long)Environment.ProcessId)),
                        (
                            "poll-max-ns",
                            OptionValue.Of(properties.Number("poll-max-ns", DefaultPollMaxNs))
                        ),
                        ("poll-grow", OptionValue.Of(properties.Number("poll-grow", 0))),
                        ("poll-shrink", OptionValue.Of(properties.Number("poll-shrink", 0))),
                        ("aio-max-batch", OptionValue.Of(properties.Number("aio-max-batch", 0)))
                    )
                );
            }
        }
        return QmpAnswer.Of(OptionValue.List([.. threads]));
    }

    /// <summary>Whether there is an iothread of that id.</summary>
    public bool HasIoThread(string id)
    {
        foreach (BlockObject found in graph.Objects)
        {
            if (found.Kind == BlockObjectKind.IoThread && string.Equals(found.Id, id))
            {
                return true;
            }
        }
        return false;
    }

    private static string? RefuseSecret(OptionValue arguments)
    {
        string? data = arguments.TextOrNull("data");
        string? file = arguments.TextOrNull("file");
        if (data is not null && file is not null)
        {
            return "'file' and 'data' are mutually exclusive";
        }
        if (data is null && file is null)
        {
            return "Must provide 'file' or 'data'";
        }
        if (arguments.Find("keyid") is not null || arguments.Find("iv") is not null)
        {
            return "Encrypted secrets are not supported";
        }
        byte[] bytes;
        try
        {
            bytes = data is not null ? Encoding.UTF8.GetBytes(data) : ReadSecret(file!);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"Unable to read {file}: {error.Message}";
        }
        if (bytes.Length > SecretBytesMax)
        {
            return $"The secret is longer than {SecretBytesMax} bytes";
        }
        bool isBase64 = string.Equals(arguments.TextOrNull("format"), "base64");
        return isBase64 && !IsBase64(bytes) ? "Base64 data is not valid" : null;
    }

    private static byte[] ReadSecret(string path)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] bytes = new byte[SecretBytesMax + 1];
        int count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return bytes[..count];
    }

    private static bool IsBase64(byte[] bytes)
    {
        byte[] decoded = new byte[bytes.Length];
        string text = Encoding.Latin1.GetString(bytes).Trim();
        return Convert.TryFromBase64String(text, decoded, out _);
    }

    private static string? RefuseLimits(OptionValue? limits)
    {
        for (int index = 0; limits is not null && index < limits.Count; index++)
        {
            if (limits[index].AsInteger < 0)
            {
                return "bps/iops/max values must be within [0, 1000000000000000]";
            }
        }
        return null;
    }

    private static string? RefusePolling(OptionValue arguments)
    {
        foreach (string name in (ReadOnlySpan<string>)["poll-max-ns", "poll-grow", "poll-shrink"])
        {
            if (arguments.Number(name, 0) < 0)
            {
                return $"{name} value must be in range [0, {long.MaxValue}]";
            }
        }
        return null;
    }
}
