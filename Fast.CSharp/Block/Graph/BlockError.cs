// The one error type: a small stable kind to switch on, QEMU's text, and a context. Inside the
// engine a refusal travels as a value (null means fine), because refusals are common and must be
// cheap.
using System;

namespace Ashlar.Block;

/// <summary>What went wrong, coarsely. Formats and drivers add texts, never kinds.</summary>
public enum BlockErrorKind
{
    /// <summary>An option or argument is malformed, unknown, missing or out of range.</summary>
    InvalidArgument,

    /// <summary>A node, group, export or backend of that name does not exist.</summary>
    NotFound,

    /// <summary>A name is already taken.</summary>
    AlreadyExists,

    /// <summary>The object is in use, so it cannot go or change.</summary>
    InUse,

    /// <summary>Permissions of two users conflict, or a request lacks its permission.</summary>
    Permission,

    /// <summary>Something read-only would have to be written.</summary>
    ReadOnly,

    /// <summary>The driver or the image cannot do that.</summary>
    NotSupported,

    /// <summary>The host refused: see <see cref="BlockError.Errno"/>.</summary>
    Host,

    /// <summary>Another process or node holds a lock on the file.</summary>
    Locked,

    /// <summary>The image's own metadata is damaged or hostile.</summary>
    Corrupt,

    /// <summary>A request failed or was out of bounds.</summary>
    Io,
}

/// <summary>A refusal. Immutable; two refusals are the same when class and text are.</summary>
public sealed class BlockError
{
    public BlockError(BlockErrorKind kind, string text)
    {
        Kind = kind;
        Text = text;
    }

    /// <summary>The kind, stable over versions.</summary>
    public BlockErrorKind Kind { get; }

    /// <summary>
    /// QEMU's text for it, without class and without a final full stop unless QEMU has one.
    /// </summary>
    public string Text { get; }

    /// <summary>QMP's error class: DeviceNotFound where QEMU says so, else GenericError.</summary>
    public string QmpClass => IsDeviceNotFound ? "DeviceNotFound" : "GenericError";

    /// <summary>The host's reason, or <see cref="HostErrno.None"/>.</summary>
    public HostErrno Errno { get; init; }

    /// <summary>The node concerned, when there is one.</summary>
    public string? NodeName { get; init; }

    /// <summary>The host path concerned, when there is one.</summary>
    public string? Path { get; init; }

    /// <summary>Guest offset in bytes of the request concerned, or -1.</summary>
    public long OffsetBytes { get; init; } = -1;

    /// <summary>True when QMP's class is DeviceNotFound.</summary>
    public bool IsDeviceNotFound { get; init; }

    /// <summary>The same refusal with a text before it, as QEMU's error_prepend does.</summary>
    public BlockError WithPrefix(string prefix) =>
        new(Kind, prefix + Text)
        {
            Errno = Errno,
            NodeName = NodeName,
            Path = Path,
            OffsetBytes = OffsetBytes,
            IsDeviceNotFound = IsDeviceNotFound,
        };

    /// <inheritdoc/>
    public override string ToString() => $"{QmpClass}: {Text}";
}

/// <summary>
/// The exception the public, throwing methods raise; it only carries a <see cref="BlockError"/>.
/// </summary>
public sealed class BlockException : Exception
{
    public BlockException(BlockError error)
        : base(error.Text)
    {
        Error = error;
    }

    /// <summary>The refusal.</summary>
    public BlockError Error { get; }

    /// <summary>The kind of the refusal.</summary>
    public BlockErrorKind Kind => Error.Kind;

    /// <summary>Throws when there is a refusal.</summary>
    public static void ThrowIf(BlockError? error)
    {
        if (error is not null)
        {
            throw new BlockException(error);
        }
    }
}
