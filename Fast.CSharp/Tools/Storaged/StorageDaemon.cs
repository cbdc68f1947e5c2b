// The daemon from its command line to its end. What the commands do is Ashlar.Qmp's and
// Ashlar.Block's. Spec: spec/block/storaged.md (BLK-SD-001 to BLK-SD-018).
using System;
using System.Collections.Generic;
using System.Linq;
using Ashlar.Block;
using Ashlar.Tools.Chardevs;
using Ashlar.Tools.Options;

namespace Ashlar.Tools.Storaged;

/// <summary>One run of the daemon.</summary>
internal sealed class StorageDaemon : IDisposable
{
    /// <summary>Nobody but the owner: sockets have mode 0700, the pidfile 0600.</summary>
    private const uint ModeMask = 0x3f;

    private readonly ExitRequest _exit = new();
    private readonly Dictionary<string, Chardev> _chardevs = new(StringComparer.Ordinal);
    private readonly List<Monitor> _monitors = [];
    private readonly StorageService _service = new();
    private readonly bool _isDaemon;
    private PidFile? _pidFile;

    private StorageDaemon(bool isDaemon)
    {
        _isDaemon = isDaemon;
    }

    /// <summary>Runs the daemon to its end and gives the exit code (BLK-SD-005).</summary>
    /// <param name="program">The name it is called by, for texts.</param>
    /// <param name="arguments">The options.</param>
    /// <param name="commandLine">Program and arguments, to start it again.</param>
    public static int Run(string program, string[] arguments, string[] commandLine)
    {
        string location = "";
        try
        {
            if (Preview(program, arguments, out bool isDaemon, out string? pidFile))
            {
                return 0;
            }
            if (isDaemon && !Detachment.IsDetached())
            {
                return Detachment.StartAndWait(program, commandLine);
            }
            if (pidFile is not null)
            {
                PidFile.RefuseIfHeld(pidFile);
            }
            Posix.SetModeMask(ModeMask);
            using StorageDaemon daemon = new(isDaemon);
            foreach (CommandLineOption option in CommandLine.Split(arguments))
            {
                location = $"{option.Written}: ";
                if (!daemon.Take(option))
                {
                    return 0;
                }
                if (daemon._exit.IsAsked)
                {
                    return 0;
                }
            }
            location = "";
            daemon.Serve(pidFile);
            return 0;
        }
        catch (StartException error)
        {
            string hint = error.Hint is null ? "" : $"{error.Hint}\n";
            Detachment.Complain($"{program}: {location}{error.Message}\n{hint}");
            return 1;
        }
        catch (BlockException error)
        {
            Detachment.Complain($"{program}: {location}{error.Error.Text}\n");
            return 1;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // A defect of ours is told as one, in the form of every other text (BLK-SD-005).
            string kind = error.GetType().Name;
            Detachment.Complain($"{program}: {location}Internal error: {kind}: {error.Message}\n");
            return 1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _service.Dispose();
        foreach (Chardev chardev in _chardevs.Values)
        {
            chardev.Remove();
        }
        _pidFile?.Remove();
        _exit.Dispose();
    }

    /// <summary>
    /// The first look at the options: those that concern the process itself, and errors of form
    /// (BLK-SD-002). True when there is nothing more to do.
    /// </summary>
    private static bool Preview(
        string program,
        string[] arguments,
        out bool isDaemon,
        out string? pidFile
    )
    {
        isDaemon = false;
        pidFile = null;
        foreach (CommandLineOption option in CommandLine.Split(arguments))
        {
            switch (option.Name)
            {
                case OptionName.Help:
                    Console.Out.Write(HelpText.Usage(program));
                    return true;
                case OptionName.Version:
                    Console.Out.Write(HelpText.Version(StorageService.Version));
                    return true;
                case OptionName.Daemonize:
                    isDaemon = true;
                    break;
                case OptionName.Pidfile:
                    pidFile = option.Argument;
                    break;
            }
        }
        return false;
    }

    /// <summary>Carries out one option; false when the program is to end after it.</summary>
    private bool Take(CommandLineOption option)
    {
        string argument = option.Argument;
        switch (option.Name)
        {
            case OptionName.Blockdev:
                OptionValue node = OptionArgument.Read(argument, "driver", KeyvalForm.Node);
                _service.Execute("blockdev-add", node);
                return true;
            case OptionName.Export:
                OptionValue export = OptionArgument.Read(argument, "type", Forms.Export);
                _service.Execute("block-export-add", export);
                return true;
            case OptionName.NbdServer:
                OptionValue server = OptionArgument.Read(argument, null, Forms.NbdServer);
                _service.Execute("nbd-server-start", WithLegacyAddress(server));
                return true;
            case OptionName.Object:
                return AddObject(argument);
            case OptionName.Chardev:
                return AddChardev(argument);
            case OptionName.Monitor:
                AddMonitor(OptionArgument.Read(argument, "chardev", Forms.Monitor));
                return true;
            case OptionName.Trace:
                // BLK-SD-006
                throw new StartException("there is no tracing");
            case OptionName.None:
                throw new StartException("Unexpected argument");
            default:
                return true;
        }
    }

    private bool AddObject(string argument)
    {
        OptionValue? properties = OptionArgument.ReadOrHelp(
            argument,
            "qom-type",
            ObjectForms.Object,
            out OptionValue? help
        );
        if (properties is not null)
        {
            _service.Execute("object-add", properties);
            return true;
        }
        string? type = help!.Find("qom-type") is { Kind: OptionKind.String } name
            ? name.AsString
            : null;
        Console.Out.Write(
            ObjectForms.Help(type)
                ?? throw new StartException($"Parameter 'qom-type' does not accept value '{type}'")
        );
        return false;
    }

    private bool AddChardev(string argument)
    {
        ChardevOptions options = ChardevOptions.Parse(argument);
        if (options.IsHelpWanted)
        {
            Console.Out.Write("Available chardev backend types: \n  socket\n  stdio\n");
            return false;
        }
        bool isTaken =
            options.Backend == "stdio" && _chardevs.Values.Any(one => one is StdioChardev);
        if (isTaken)
        {
            throw new StartException("cannot use stdio by multiple character devices");
        }
        if (_chardevs.ContainsKey(options.Id))
        {
            throw new StartException($"duplicate chardev '{options.Id}'");
        }
        _chardevs.Add(options.Id, Chardev.Open(options, _isDaemon, _exit));
        return true;
    }

    private void AddMonitor(OptionValue options)
    {
        string id = options.Find("chardev")!.AsString;
        if (!_chardevs.TryGetValue(id, out Chardev? chardev))
        {
            throw new StartException($"chardev \"{id}\" not found");
        }
        if (options.Find("mode") is { AsString: "readline" })
        {
            throw new StartException("Only QMP is supported");
        }
        if (chardev.IsInUse)
        {
            throw new StartException($"Device '{id}' is in use");
        }
        chardev.IsInUse = true;
        bool isPretty = options.Find("pretty") is { AsBoolean: true };
        _monitors.Add(new Monitor(chardev, _service.Dispatcher, isPretty));
    }

    private void Serve(string? pidFile)
    {
        using var onQuit = _service.Dispatcher.Quit.Register(_exit.Ask);
        if (pidFile is not null)
        {
            _pidFile = PidFile.Write(pidFile);
        }
        if (_isDaemon)
        {
            Detachment.SayReady();
        }
        foreach (Monitor monitor in _monitors)
        {
            monitor.Start(_exit);
        }
        _exit.Wait();
    }

    /// <summary>
    /// The command line writes an address flat, the command puts what belongs to the type under
    /// <c>data</c>.
    /// </summary>
    private static OptionValue WithLegacyAddress(OptionValue server)
    {
        OptionValue address = server.Find("addr")!;
        var data = Enumerable
            .Range(0, address.Count)
            .Where(index => address.KeyAt(index) != "type")
            .Select(index => (address.KeyAt(index), address[index]));
        OptionValue legacy = OptionValue.Dictionary(
            ("type", address.Find("type")!),
            ("data", OptionValue.Dictionary([.. data]))
        );
        return FlatOptions.Join(
            server,
            OptionValue.Dictionary(("addr", legacy)),
            overwrite: true,
            out _
        );
    }
}
