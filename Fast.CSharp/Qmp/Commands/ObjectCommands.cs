// Objects and their properties. The graph knows their ids and who uses them; what is inside is
// here. Spec: spec/block/objects.md (BLK-OBJ-004).
using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>object-add, object-del, query-iothreads.</summary>
internal sealed class ObjectCommands(BlockGraph graph)
{
    // QEMU's defaults of an iothread.
    private const long DefaultPollMaxNs = 32768;
    private const long DefaultPoolThreads = 64;

    private static readonly SearchValues<byte> Base64Characters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n"u8
    );

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
        if (error is not null && error.Kind != BlockErrorKind.AlreadyExists)
        {
            return QmpAnswer.Of(error);
        }
        // In QEMU properties are set on an object that has no name yet, so their faults come before
        // that of a name in use; what a whole object must be is tested once it has its name.
        string? refusal = RefuseProperties(kind, arguments);
        if (error is not null)
        {
            return refusal is null ? QmpAnswer.Of(error) : QmpAnswer.Error(refusal);
        }
        bool isMade = false;
        try
        {
            refusal ??= RefuseWhole(kind, id, arguments);
            isMade = refusal is null;
        }
        finally
        {
            // Whatever goes wrong, nothing is left that is half an object.
            if (isMade)
            {
                _properties[id] = arguments;
            }
            else
            {
                graph.TryObjectDel(id);
            }
        }
        return isMade ? QmpAnswer.Done : QmpAnswer.Error(refusal!);
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

    private static string? RefuseProperties(BlockObjectKind kind, OptionValue arguments) =>
        kind switch
        {
            BlockObjectKind.ThrottleGroup => ThrottleLimits.Refuse(arguments),
            BlockObjectKind.IoThread => RefuseNumbers(arguments),
            _ => arguments.Find("loaded") is null
                ? null
                : "Property 'secret.loaded' is not writable",
        };

    private string? RefuseWhole(BlockObjectKind kind, string id, OptionValue arguments) =>
        kind switch
        {
            BlockObjectKind.Secret => LoadSecret(id, arguments),
            BlockObjectKind.IoThread => RefusePool(arguments),
            _ => null,
        };

    private string? LoadSecret(string id, OptionValue arguments)
    {
        string? data = arguments.TextOrNull("data");
        string? file = arguments.TextOrNull("file");
        if (data is not null && file is not null)
        {
            return "'file' and 'data' are mutually exclusive";
        }
        if (data is null && file is null)
        {
            return "Either 'file' or 'data' must be provided";
        }
        byte[] bytes = data is null ? [] : Encoding.UTF8.GetBytes(data);
        if (file is not null && SecretFile.TryRead(file, out bytes) is { } reason)
        {
            return $"Unable to read {file}: {reason}";
        }
        if (bytes.Length > SecretFile.BytesMax)
        {
            return $"The secret is longer than {SecretFile.BytesMax} bytes";
        }
        // What an iv alone says is never looked at.
        if (arguments.TextOrNull("keyid") is { } key)
        {
            return KindOf(key) switch
            {
                null => $"No secret with id '{key}'",
                BlockObjectKind.Secret => "Encrypted secrets are not supported",
                _ => $"Object with id '{key}' is not a secret",
            };
        }
        if (string.Equals(arguments.TextOrNull("format"), "base64"))
        {
            byte[]? decoded = FromBase64(bytes);
            if (decoded is null)
            {
                return "Base64 data contains invalid characters";
            }
            bytes = decoded;
        }
        graph.SetSecret(id, bytes);
        return null;
    }

    private BlockObjectKind? KindOf(string id)
    {
        foreach (BlockObject found in graph.Objects)
        {
            if (string.Equals(found.Id, id))
            {
                return found.Kind;
            }
        }
        return null;
    }

    // QEMU looks at the characters and not at how they are grouped: what a last group lacks is
    // left out, and nothing after a padding counts.
    private static byte[]? FromBase64(byte[] bytes)
    {
        if (bytes.AsSpan().IndexOfAnyExcept(Base64Characters) >= 0)
        {
            return null;
        }
        string digits = Encoding.ASCII.GetString(bytes).Replace("\n", "", StringComparison.Ordinal);
        int end = digits.IndexOf('=', StringComparison.Ordinal);
        digits = end < 0 ? digits : digits[..end];
        int rest = digits.Length % 4;
        digits = rest == 1 ? digits[..^1] : digits.PadRight(digits.Length + ((4 - rest) % 4), '=');
        return Convert.FromBase64String(digits);
    }

    private static string? RefuseNumbers(OptionValue arguments)
    {
        foreach (QmpMember member in QmpSchema.IoThreadMembers)
        {
            if (arguments.Number(member.Name, 0) < 0)
            {
                return $"{member.Name} value must be in range [0, {long.MaxValue}]";
            }
        }
        return null;
    }

    private static string? RefusePool(OptionValue arguments)
    {
        long least = arguments.Number("thread-pool-min", 0);
        long most = arguments.Number("thread-pool-max", DefaultPoolThreads);
        return least > most || most is 0 or > int.MaxValue
            ? "bad thread-pool-min/thread-pool-max values"
            : null;
    }
}
