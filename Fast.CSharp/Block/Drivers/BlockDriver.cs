// The base of all drivers: one instance a node, holding the node's driver state, and the hooks the
// control side calls.
namespace Ashlar.Block;

/// <summary>
/// A driver instance. The control hooks (permissions, open, reopen) are internal and called by the
/// control thread inside one transaction; the data path is the capability interfaces a driver
/// implements (<see cref="IBlockReader"/> and its siblings), in its <c>.Data.cs</c> part.
/// </summary>
public abstract partial class BlockDriver
{
    private protected BlockDriver(DriverDescriptor descriptor)
    {
        Descriptor = descriptor;
    }

    /// <summary>The row of <see cref="DriverRegistry"/> this driver comes from.</summary>
    public DriverDescriptor Descriptor { get; }

    /// <summary>The node this instance drives; set when the node is made.</summary>
    public BlockNode Node { get; internal set; } = null!;

    /// <summary>The guest-visible length in bytes now (BLK-DATA-011).</summary>
    public abstract long LengthBytes { get; }

    /// <summary>Set while the transaction in flight will call commit or abort.</summary>
    internal bool IsInTransaction { get; set; }

    /// <summary>The backing file an image's header names; null for drivers without.</summary>
    internal virtual string? HeaderBackingFile => null;

    /// <summary>The format the header gives for it, or null.</summary>
    internal virtual string? HeaderBackingFormat => null;

    /// <summary>
    /// False when the driver would have to write zeroes as bytes; where it is true the driver knows
    /// <see cref="BlockWriteFlags.NoFallback"/> (BLK-DATA-017).
    /// </summary>
    internal virtual bool CanZeroFast(long offsetBytes, long lengthBytes) => false;

    /// <summary>
    /// What the node asks of a child with these roles when (perm, shared) is asked of the node. A
    /// pure function of the arguments, the driver's settings and the node's flags after the
    /// command; the force-share of the child is the caller's (BLK-PERM-014).
    /// </summary>
    internal virtual void ChildPermissions(
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    ) => ChildPermissionRules.ByRole(Node, roles, perm, shared, out childPerm, out childShared);

    /// <summary>
    /// The driver's open (BLK-OPEN-024): the node has its name and flags. Children are attached
    /// here; what is acquired is given back by <see cref="Close"/>, also after a refusal.
    /// </summary>
    internal abstract BlockError? Open(NodeOpener opener, NodeDefinition definition);

    /// <summary>
    /// Prepares for a cumulative pair and enlists for commit or abort if there is something to do.
    /// Called again in the same transaction when the pair changes again.
    /// </summary>
    internal virtual BlockError? CheckPermissions(
        GraphTransaction transaction,
        BlockPermissions perm,
        BlockPermissions shared
    ) => null;

    /// <summary>Takes over what the checks prepared; cannot fail.</summary>
    internal virtual void CommitPermissions() { }

    /// <summary>Gives back what the checks prepared; harmless after <see cref="Close"/>.</summary>
    internal virtual void AbortPermissions() { }

    /// <summary>
    /// Whether a reopen may leave the option out (BLK-REOPEN-012). Whatever can be left out is also
    /// accepted with any value (BLK-REOPEN-013).
    /// </summary>
    internal virtual bool IsMutable(string option) => false;

    /// <summary>
    /// Whether a reopen accepts any value for the option, the driver having tested it.
    /// </summary>
    internal virtual bool IsAccepted(string option) => IsMutable(option);

    /// <summary>
    /// The driver's own tests in a reopen (BLK-REOPEN-013). It may lower the entry's
    /// <see cref="ReopenEntry.Writable"/>; it changes nothing else.
    /// </summary>
    internal virtual BlockError? PrepareReopen(ReopenEntry entry) => null;

    /// <summary>
    /// After the refresh was accepted: the <c>file</c> child is another than before (BLK-OPEN-022).
    /// </summary>
    internal virtual BlockError? PrepareNewFile(ReopenEntry entry) => null;

    /// <summary>
    /// Takes the new options over; cannot fail. The node's flags are set already.
    /// </summary>
    internal virtual void CommitReopen(ReopenEntry entry) { }

    /// <summary>Gives back what the two prepare hooks acquired.</summary>
    internal virtual void AbortReopen(ReopenEntry entry) { }

    /// <summary>
    /// Writes back what the driver holds, while its children can still be written.
    /// </summary>
    internal virtual BlockError? WriteBack() => null;

    /// <summary>
    /// Gives everything back. Called once for each node, also for one that never opened.
    /// </summary>
    internal virtual void Close() { }
}
