// One server, any number of conversations: commands one at a time, events to everybody.
// Spec: spec/block/qmp.md (BLK-QMP-001, BLK-QMP-006).
using System;
using System.Collections.Generic;
using System.Threading;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>
/// Hands the commands of all conversations to one executor, one at a time, and its events to all
/// conversations that have negotiated.
/// </summary>
public sealed class QmpDispatcher
{
    private readonly IQmpCommands _commands;
    private readonly TimeProvider _clock;
    private readonly HashSet<string> _names;
    private readonly Lock _executing = new();
    private readonly Lock _listening = new();
    private readonly List<QmpSession> _sessions = [];
    private readonly CancellationTokenSource _quit = new();

    /// <param name="commands">Who executes.</param>
    /// <param name="version">What greetings say.</param>
    /// <param name="clock">Where events get their time from; null means the system.</param>
    public QmpDispatcher(IQmpCommands commands, QmpVersion version, TimeProvider? clock = null)
    {
        _clock = clock ?? TimeProvider.System;
        _commands = commands;
        _names = new(commands.Names, StringComparer.Ordinal);
        Version = version;
        commands.Listen(Broadcast);
    }

    /// <summary>What greetings say.</summary>
    public QmpVersion Version { get; }

    /// <summary>Cancelled once a client was answered its quit.</summary>
    public CancellationToken Quit => _quit.Token;

    internal QmpAnswer Execute(string command, OptionValue arguments)
    {
        if (!_names.Contains(command))
        {
            return QmpAnswer.Error(
                QmpErrorClass.CommandNotFound,
                $"The command {command} has not been found"
            );
        }
        lock (_executing)
        {
            try
            {
                return _commands.Execute(command, arguments);
            }
            catch (BlockException error)
            {
                return QmpAnswer.Of(error.Error);
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                // A defect of ours must not end a server that others use; it is told as one.
                return QmpAnswer.Error(
                    $"Internal error in {command}: {error.GetType().Name}: {error.Message}"
                );
            }
        }
    }

    internal void RequestQuit() => _quit.Cancel();

    internal void Join(QmpSession session)
    {
        lock (_listening)
        {
            _sessions.Add(session);
        }
    }

    internal void Leave(QmpSession session)
    {
        lock (_listening)
        {
            _sessions.Remove(session);
        }
    }

    private void Broadcast(QmpEvent raised)
    {
        DateTimeOffset now = _clock.GetUtcNow();
        lock (_listening)
        {
            foreach (QmpSession session in _sessions)
            {
                session.Tell(raised, now);
            }
        }
    }
}
