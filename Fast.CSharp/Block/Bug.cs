// The list of planted bugs; the places are found by their names. See Planted.cs.
namespace Ashlar.Block;

/// <summary>Defects a Planted build can switch on.</summary>
public enum Bug
{
    /// <summary>No bug is on.</summary>
    None = 0,

    [PlantedBug("An inline child does not inherit auto-read-only.")]
    AutoReadOnlyNotInherited,

    [PlantedBug("A reopen sets auto-read-only but never clears it.")]
    AutoReadOnlySticky,

    [PlantedBug("A backing edge that shares write does not share resize.")]
    BackingSharesWriteOnly,

    [PlantedBug("A qcow2 node that grows shows what a longer backing has there.")]
    BackingShowsBeyondOldEnd,

    [PlantedBug("A backing edge does not share write-unchanged.")]
    BackingUnsharesWriteUnchanged,

    [PlantedBug("blkdebug ignores unshare-child-perms.")]
    BlkdebugSharesAll,

    [PlantedBug("blkdebug ignores take-child-perms.")]
    BlkdebugTakesNothing,

    [PlantedBug("A rollback puts an edge at the head of its parent's children list.")]
    ChildrenOrderNotRestored,

    [PlantedBug("Of two users only the older one's refusal to share is looked at.")]
    ConflictTestOneSided,

    [PlantedBug("Reading through copy-on-read copies nothing.")]
    CopyOnReadCopiesNothing,

    [PlantedBug("copy-on-read does not take write-unchanged.")]
    CopyOnReadForgetsWriteUnchanged,

    [PlantedBug("copy-on-read shares write-unchanged only if its users do.")]
    CopyOnReadUnsharesWriteUnchanged,

    [PlantedBug("A write into a new qcow2 cluster does not copy what follows it.")]
    CopyOnWriteForgetsTail,

    [PlantedBug("An inline backing child is opened read-write by default.")]
    CowChildDefaultsToReadWrite,

    [PlantedBug("A qcow2 node that shrank within a cluster and grows again shows the old bytes.")]
    CutBytesComeBack,

    [PlantedBug("A raw window lets others resize its file.")]
    DataSharesResize,

    [PlantedBug("Under the static policy a file that cannot be written stays read-write.")]
    DegradedNodeStaysReadWrite,

    [PlantedBug("blockdev-del drops the monitor's reference of a node that has parents.")]
    DeleteIgnoresParents,

    [PlantedBug("After a backend is detached the permissions below stay.")]
    DetachDoesNotRefresh,

    [PlantedBug("A child that a reopen replaced is never closed.")]
    DroppedNodeLeaked,

    [PlantedBug("An export's root goes on sharing resize.")]
    ExportKeepsSharingResize,

    [PlantedBug("A filter does not pass resize on to its child.")]
    FilterDropsResize,

    [PlantedBug("An edge to a force-share node does not share everything.")]
    ForceShareIgnored,

    [PlantedBug("An inline child does not inherit force-share.")]
    ForceShareNotInherited,

    [PlantedBug("A rollback leaves inherits_from as the refused command set it.")]
    InheritanceNotRestored,

    [PlantedBug("A reopened child named by its parent loses its own options to inherited ones.")]
    KeptChildForgetsExplicitOptions,

    [PlantedBug("A rollback leaves a new edge linked.")]
    LinkNotUndone,

    [PlantedBug("The lock byte of an unshared permission is that of the next one.")]
    LockByteOffByOne,

    [PlantedBug("Lock bytes taken for a refused change stay locked.")]
    LocksKeptAfterAbort,

    [PlantedBug("A format node does not ask its file for consistent-read.")]
    MetadataForgetsConsistentRead,

    [PlantedBug("A writable format node asks its file for write only when its users write.")]
    MetadataNeedsNoWrite,

    [PlantedBug("A format node lets others write its file.")]
    MetadataSharesWrite,

    [PlantedBug("A reopen that does not say backing is accepted.")]
    MissingBackingAccepted,

    [PlantedBug("A refused command uses up generated names.")]
    NameCounterNotRestored,

    [PlantedBug("The name of a closed node stays taken.")]
    NameNotFreed,

    [PlantedBug("Reopening a degraded nbd node makes it read-write.")]
    NbdReopenForgetsServer,

    [PlantedBug("A new edge goes to the tail of its parent's children list.")]
    NewEdgeAtTail,

    [PlantedBug("A rollback puts an edge at the head of its child's parents list.")]
    ParentsOrderNotRestored,

    [PlantedBug("The writable descriptor of a refused change stays open.")]
    PendingWriterKeptAfterAbort,

    [PlantedBug("A rollback leaves the pairs of edges as the refused command set them.")]
    PermissionsNotRestored,

    [PlantedBug("quorum shares write and resize of its children as its users do.")]
    QuorumSharesWrite,

    [PlantedBug("quorum returns what its first child holds without a vote.")]
    QuorumTakesFirstAnswer,

    [PlantedBug("quorum writes to its first child only.")]
    QuorumWritesFirstOnly,

    [PlantedBug("raw without a window does not treat its file as filtered.")]
    RawIsAlwaysData,

    [PlantedBug("A raw window turns write-unchanged into write and write into resize.")]
    RawWidensToWrite,

    [PlantedBug("A reopen accepts raw's new offset and size but does not apply them.")]
    RawWindowNotReopened,

    [PlantedBug("A write through a raw window goes to the same offset of the file.")]
    RawWriteForgetsOffset,

    [PlantedBug("A reopen is tested with the flags from before it.")]
    ReadOnlyTestUsesOldFlags,

    [PlantedBug("A refresh tests only the first two nodes that it should.")]
    RefreshStopsAfterTwoNodes,

    [PlantedBug("A reopen does not take the new read-only flag over.")]
    ReopenForgetsFlags,

    [PlantedBug("The list of a reopen is worked from its end.")]
    ReopenListReversed,

    [PlantedBug("A reopened inline child does not inherit from its parent.")]
    ReopenedChildInheritsNothing,

    [PlantedBug("The child that a reopen replaced keeps its permissions below.")]
    ReplacedChildNotRefreshed,

    [PlantedBug("A request may reach one byte beyond the end of the node.")]
    RequestBoundsOffByOne,

    [PlantedBug("A user without write permission may write.")]
    RequestNeedsNoPermission,

    [PlantedBug("A read-only node grants resize.")]
    ResizeAllowedOnReadOnly,

    [PlantedBug("The temporary root of block_resize is not detached.")]
    ResizeRootLeaked,

    [PlantedBug("After a snapshot the old node is not made read-only.")]
    SnapshotLeavesBaseReadWrite,

    [PlantedBug("A snapshot leaves the oldest parent at the old node.")]
    SnapshotMovesOneParentTooFew,

    [PlantedBug("Nodes that exports keep in different threads can be joined.")]
    ThreadsNotTested,

    [PlantedBug("Nobody tests whether another process uses an unshared permission.")]
    UnsharedLocksNotTested,

    [PlantedBug("An iothread that an export runs in can be deleted.")]
    UsedThreadDeleted,

    [PlantedBug("A read-only node grants write-unchanged.")]
    WriteUnchangedAllowedOnReadOnly,

    [PlantedBug("auto-read-only opens no writable descriptor for write-unchanged.")]
    WriteUnchangedNeedsNoWriter,

    [PlantedBug("The writable descriptor stays open after the last writer left.")]
    WriterKeptAfterLastWriter,

    [PlantedBug("The writable descriptor may lead to another file of the same name.")]
    WriterMayBeAnotherFile,

    [PlantedBug("A zero write of whole qcow2 clusters shows the backing again.")]
    ZeroWriteShowsBacking,
}
