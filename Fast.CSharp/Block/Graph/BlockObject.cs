// An object of the user's that nodes and exports refer to by name. What is inside of it (limits,
// polling, secrets) is another package's. Spec: spec/block/objects.md.
namespace Ashlar.Block;

/// <summary>What an object is (BLK-OBJ-001).</summary>
public enum BlockObjectKind
{
    /// <summary>QAPI's <c>throttle-group</c>: throttle nodes join it.</summary>
    ThrottleGroup,

    /// <summary>QAPI's <c>iothread</c>.</summary>
    IoThread,

    /// <summary>QAPI's <c>secret</c>.</summary>
    Secret,
}

/// <summary>An object by its kind and id.</summary>
public readonly record struct BlockObject(BlockObjectKind Kind, string Id);
