// A node of the graph: a driver instance with a name, flags and two ordered lists of edges.
// Spec: spec/block/graph.md, read-only.md.

namespace Ashlar.Block;

/// <summary>One node. Owned by its graph; seen from outside it is read-only.</summary>
public sealed partial class BlockNode
{
    private BlockNode? _inheritsFrom;

    internal BlockNode(BlockGraph graph, BlockDriver driver)
    {
        Graph = graph;
        Driver = driver;
        driver.Node = this;
    }

    /// <summary>The graph that owns the node.</summary>
    public BlockGraph Graph { get; }

    /// <summary>
    /// Unique within the graph (BLK-GRAPH-001); generated when none was given (BLK-GRAPH-003).
    /// </summary>
    public string Name { get; internal set; } = "";

    /// <summary>The driver instance, which holds the node's driver state.</summary>
    public BlockDriver Driver { get; }

    /// <summary>The driver's name as in the option <c>driver</c>.</summary>
    public string DriverName => Driver.Descriptor.Name;

    /// <summary>
    /// What query-named-block-nodes calls <c>ro</c>: not read-write (BLK-RO-001).
    /// </summary>
    public bool IsReadOnly => !Writable;

    /// <summary>The guest-visible length in bytes now.</summary>
    public long LengthBytes => Driver.LengthBytes;

    /// <summary>
    /// The head of the children list; follow <see cref="BlockEdge.NextChildEdge"/>.
    /// </summary>
    public BlockEdge? FirstChildEdge => FirstChild;

    /// <summary>
    /// The head of the parents list; follow <see cref="BlockEdge.NextParentEdge"/>.
    /// </summary>
    public BlockEdge? FirstParentEdge => FirstParent;

    /// <summary>
    /// The driver's main storage child (<c>file</c>, blkdebug's <c>image</c>), if it has one.
    /// </summary>
    public BlockEdge? File { get; internal set; }

    /// <summary>The backing child, if there is one.</summary>
    public BlockEdge? Backing { get; internal set; }

    /// <summary>Owned by the monitor: added by blockdev-add (BLK-GRAPH-004).</summary>
    public bool IsMonitorOwned { get; internal set; }

    /// <summary>The node this one was opened inline for, or null (BLK-GRAPH-005).</summary>
    public BlockNode? InheritsFrom
    {
        get => _inheritsFrom;
        internal set
        {
            if (_inheritsFrom is not null)
            {
                _inheritsFrom.InheritorCount--;
            }
            _inheritsFrom = value;
            if (value is not null)
            {
                value.InheritorCount++;
            }
        }
    }

    /// <summary>
    /// How many nodes inherit from this one. A refused open does not count down; its parent goes
    /// with it.
    /// </summary>
    internal int InheritorCount { get; private set; }

    /// <summary>What the user said (BLK-REOPEN-006).</summary>
    internal OptionSet Explicit;

    /// <summary>That, with what was inherited and the defaults.</summary>
    internal OptionSet Effective;

    internal BlockEdge? FirstChild { get; set; }

    internal BlockEdge? FirstParent { get; set; }

    /// <summary>RDWR (BLK-RO-001).</summary>
    internal bool Writable { get; set; }

    internal bool AutoReadOnly { get; set; }

    /// <summary>Fixed at open; edges to the node share everything (BLK-PERM-014).</summary>
    internal bool ForceShare { get; set; }

    /// <summary>RDWR as it will be when the command in flight is committed.</summary>
    internal bool WritableAfter => ReopenEntry is null ? Writable : ReopenEntry.Writable;

    /// <summary>auto-read-only as it will be when the command in flight is committed.</summary>
    internal bool AutoReadOnlyAfter =>
        ReopenEntry is null ? AutoReadOnly : ReopenEntry.AutoReadOnly;

    /// <summary>The node's place in the reopen in flight, or null.</summary>
    internal ReopenEntry? ReopenEntry { get; set; }

    /// <summary>The <c>file</c> child between its own open and its attach (BLK-OPEN-006).</summary>
    internal BlockNode? PendingFile { get; set; }

    /// <summary>The transaction whose next refresh has to test the node.</summary>
    internal long TouchedIn { get; set; }

    /// <summary>The last walk that met the node, and what that walk keeps here.</summary>
    internal long VisitedIn { get; set; }

    internal BlockEdge? WalkPosition { get; set; }

    internal int WalkLength { get; set; }

    /// <summary>Set when the node is on its way out; never cleared.</summary>
    internal bool IsClosing { get; set; }

    internal bool IsUnreferenced => FirstParent is null && !IsMonitorOwned;

    /// <summary>The union of perm and the intersection of shared (BLK-PERM-002).</summary>
    internal void Cumulative(out BlockPermissions perm, out BlockPermissions shared)
    {
        perm = BlockPermissions.None;
        shared = BlockPermissions.All;
        for (BlockEdge? edge = FirstParent; edge is not null; edge = edge.NextInParents)
        {
            perm |= edge.Perm;
            shared &= edge.SharedPerm;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({DriverName})";
}
