// Rules and limits from pairs of key and value, and from a file of sections as QEMU's -readconfig
// reads them. Spec: spec/block/debugging.md (BLK-DEBUG-005).
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>Reads the settings of one node; the first refusal stops it.</summary>
internal sealed class BlkdebugReader
{
    private const string Inject = "inject-error";
    private const string SetState = "set-state";
    private const int SectorBytes = 512;

    private static readonly string[] Keys =
    [
        "event",
        "state",
        "iotype",
        "errno",
        "sector",
        "once",
        "immediately",
        "new_state",
    ];

    private static readonly string[] RequestWords =
    [
        "read",
        "write",
        "write-zeroes",
        "discard",
        "flush",
        "block-status",
    ];

    private readonly List<BlkdebugRule> _rules = [];
    private BlockError? _error;

    /// <summary>Whether an option is a setting of blkdebug's that is read here.</summary>
    internal static bool Knows(string option) =>
        option
            is "config"
                or "align"
                or "max-transfer"
                or "opt-write-zero"
                or "max-write-zero"
                or "opt-discard"
                or "max-discard"
                or Inject
                or SetState;

    /// <summary>Reads settings.</summary>
    /// <param name="options">A dictionary of strings, and lists of them for rules.</param>
    /// <param name="config">The lines of the option config's file; null for none.</param>
    /// <param name="readSize">Reads a size with its suffix; negative for none.</param>
    /// <param name="settings">What was read, if nothing was refused.</param>
    internal static BlockError? Read(
        OptionValue options,
        IEnumerable<string>? config,
        Func<string, long> readSize,
        out BlkdebugSettings settings
    )
    {
        BlkdebugReader reader = new();
        reader.ReadConfig(config ?? []);
        reader.ReadRules(options.Find(Inject), isInject: true);
        reader.ReadRules(options.Find(SetState), isInject: false);
        settings = new BlkdebugSettings
        {
            Rules = reader._rules,
            Align = Size("align"),
            MaxTransfer = Size("max-transfer"),
            OptWriteZero = Size("opt-write-zero"),
            MaxWriteZero = Size("max-write-zero"),
            OptDiscard = Size("opt-discard"),
            MaxDiscard = Size("max-discard"),
        };
        return reader._error ?? settings.Test();

        long Size(string name)
        {
            if (options.Find(name) is not { Kind: OptionKind.String } value)
            {
                return 0;
            }
            long size = readSize(value.AsString);
            if (size < 0)
            {
                reader.Refuse($"Parameter '{name}' expects a non-negative number below 2^64");
            }
            return size;
        }
    }

    private void ReadConfig(IEnumerable<string> lines)
    {
        string? section = null;
        Dictionary<string, string> pairs = [];
        foreach (string whole in lines)
        {
            string line = whole.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            if (line[0] == '[' && line[^1] == ']')
            {
                End();
                section = line[1..^1].Trim().Split(' ')[0];
                bool isKnown = section is Inject or SetState;
                if (!isKnown)
                {
                    Refuse($"There is no option group '{section}'");
                }
                continue;
            }
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || section is null)
            {
                Refuse(section is null ? "no group defined" : "parse error");
                return;
            }
            string key = line[..equals].Trim();
            if (Array.IndexOf(Keys, key) < 0)
            {
                Refuse($"Invalid parameter '{key}'");
            }
            pairs[key] = line[(equals + 1)..].Trim().Trim('"');
        }
        End();

        void End()
        {
            if (section is not null)
            {
                AddRule(section == Inject, name => pairs.GetValueOrDefault(name));
            }
            pairs.Clear();
        }
    }

    private void ReadRules(OptionValue? rules, bool isInject)
    {
        for (int index = 0; rules is not null && index < rules.Count; index++)
        {
            OptionValue rule = rules[index];
            AddRule(isInject, name => rule.Find(name)?.AsString);
        }
    }

    private void AddRule(bool isInject, Func<string, string?> find)
    {
        if (find("event") is not string name)
        {
            Refuse("Missing event name for rule");
            return;
        }
        if (BlockDebugEvents.Find(name) is not BlockDebugEvent happened)
        {
            Refuse($"invalid parameter value: {name}");
            return;
        }
        BlkdebugRule rule = new(happened, (int)Number("state", 0));
        if (!isInject)
        {
            _rules.Add(rule with { NewState = (int)Number("new_state", 0) });
            return;
        }
        long sector = Number("sector", -1);
        BlkdebugRequests requests = BlkdebugRequests.Usual;
        if (find("iotype") is string word)
        {
            int index = Array.IndexOf(RequestWords, word);
            if (index < 0)
            {
                Refuse($"invalid parameter value: {word}");
                return;
            }
            requests = (BlkdebugRequests)(1 << index);
        }
        _rules.Add(
            rule with
            {
                Errno = (HostErrno)Number("errno", (long)HostErrno.Io),
                OffsetBytes = sector < 0 ? -1 : sector * SectorBytes,
                IsOnce = find("once") is "on" or "yes" or "true" or "y",
                Requests = requests,
            }
        );

        long Number(string key, long usual)
        {
            if (find(key) is not string text)
            {
                return usual;
            }
            if (KeyvalReader.TryReadNumber(text, out long number))
            {
                return number;
            }
            Refuse($"Parameter '{key}' expects a number");
            return usual;
        }
    }

    private void Refuse(string text) =>
        _error ??= new BlockError(BlockErrorKind.InvalidArgument, text);
}
