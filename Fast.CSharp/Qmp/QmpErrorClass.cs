// The classes of QMP's errors. Source: QEMU 7.2, QapiErrorClass (qapi/error.json).
namespace Ashlar.Qmp;

/// <summary>The names of the classes as they stand in a reply.</summary>
public static class QmpErrorClass
{
    /// <summary>Every error without a class of its own.</summary>
    public const string GenericError = "GenericError";

    /// <summary>No command of that name, or not in the present mode.</summary>
    public const string CommandNotFound = "CommandNotFound";

    /// <summary>No device, node or backend of that name.</summary>
    public const string DeviceNotFound = "DeviceNotFound";
}
