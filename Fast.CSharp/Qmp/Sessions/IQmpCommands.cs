// What a QMP server executes: the seam between conversations and whatever answers them.
// Spec: spec/block/qmp.md (BLK-QMP-001).
using System;
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>
/// The commands of a server, except qmp_capabilities, which is the conversation's own. The
/// dispatcher calls <see cref="Execute"/> for one command at a time.
/// </summary>
public interface IQmpCommands
{
    /// <summary>The names, as query-commands lists them beside qmp_capabilities.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>
    /// Executes one of the names. Arguments are a dictionary, empty when the client gave none.
    /// </summary>
    QmpAnswer Execute(string command, OptionValue arguments);

    /// <summary>
    /// Called once, before any command: where to tell every event of the server, from any thread.
    /// </summary>
    void Listen(Action<QmpEvent> listener);
}

/// <summary>What a command comes to.</summary>
public readonly struct QmpAnswer
{
    private QmpAnswer(OptionValue? result, string? errorClass, string? errorText, bool endsServer)
    {
        Result = result;
        ErrorClass = errorClass;
        ErrorText = errorText;
        EndsServer = endsServer;
    }

    /// <summary>The answer of a command that has nothing to say.</summary>
    public static readonly QmpAnswer Done = Of(OptionValue.Dictionary());

    /// <summary>The value of <c>return</c>, or null for an error.</summary>
    public OptionValue? Result { get; }

    /// <summary>The class of an error, one of <see cref="QmpErrorClass"/>.</summary>
    public string? ErrorClass { get; }

    /// <summary>The text of an error.</summary>
    public string? ErrorText { get; }

    /// <summary>True for quit: the server ends once the reply is sent.</summary>
    public bool EndsServer { get; }

    public static QmpAnswer Of(OptionValue result) => new(result, null, null, false);

    public static QmpAnswer Error(string errorClass, string text) =>
        new(null, errorClass, text, false);

    /// <summary>An error of the class that says nothing of itself.</summary>
    public static QmpAnswer Error(string text) => Error(QmpErrorClass.GenericError, text);

    /// <summary>The refusal's class and text, or an empty return for null.</summary>
    public static QmpAnswer Of(BlockError? error) =>
        error is null ? Done : Error(error.QmpClass, error.Text);

    /// <summary>The answer to quit.</summary>
    public static QmpAnswer Quit() => new(OptionValue.Dictionary(), null, null, true);
}

/// <summary>An event; the conversation adds the time.</summary>
public readonly record struct QmpEvent(string Name, OptionValue Data);

/// <summary>What a greeting and query-version say of the server.</summary>
public sealed record QmpVersion(int Major, int Minor, int Micro, string Package)
{
    /// <summary>The value of query-version.</summary>
    public OptionValue ToValue() =>
        OptionValue.Dictionary(
            (
                "qemu",
                OptionValue.Dictionary(
                    ("micro", OptionValue.Of(Micro)),
                    ("minor", OptionValue.Of(Minor)),
                    ("major", OptionValue.Of(Major))
                )
            ),
            ("package", OptionValue.Of(Package))
        );
}
