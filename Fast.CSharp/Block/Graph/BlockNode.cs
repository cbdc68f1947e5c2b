// A node of the graph: a driver instance with a name, flags and two ordered lists of edges.
// Spec: spec/block/graph.md, read-only.md.
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>One node. Owned by its graph; seen from outside it is read-only.</summary>
public sealed partial class BlockNode
{
    internal BlockEdge? FirstChild { get; set; }
    internal BlockEdge? FirstParent { get; set; }
    internal bool Writable { get; set; }

    internal BlockNode(BlockGraph graph, BlockDriver driver, string name)
    {
        Graph = graph;
        Driver = driver;
        Name = name;
        driver.Node = this;
    }

    /// <summary>The graph that owns the node.</summary>
    public BlockGraph Graph { get; }

    /// <summary>Unique within the graph (BLK-GRAPH-001); generated when none was given (BLK-GRAPH-003).</summary>
    public string Name { get; internal set; }

    /// <summary>The driver instance, which holds the node's driver state.</summary>
    public BlockDriver Driver { get; }

    /// <summary>The driver's name as in the option <c>driver</c>.</summary>
    public string DriverName => Driver.Descriptor.Name;

    /// <summary>What query-named-block-nodes calls <c>ro</c>: not read-write (BLK-RO-001).</summary>
    public bool IsReadOnly => !Writable;

    /// <summary>The guest-visible length in bytes now.</summary>
    public long LengthBytes => Driver.LengthBytes;

    /// <summary>The head of the children list; follow <see cref="BlockEdge.NextChildEdge"/>.</summary>
    public BlockEdge? FirstChildEdge => FirstChild;

    /// <summary>The head of the parents list; follow <see cref="BlockEdge.NextParentEdge"/>.</summary>
    public BlockEdge? FirstParentEdge => FirstParent;

    /// <summary>The driver's main storage child (<c>file</c>, blkdebug's <c>image</c>), if it has one.</summary>
    public BlockEdge? File { get; internal set; }

    /// <summary>The backing child, if there is one.</summary>
    public BlockEdge? Backing { get; internal set; }

    /// <summary>
    /// Sets the length of the node in bytes, after the caller made sure of RZ (BLK-SIZE-003): read-only nodes
    /// and drivers without <see cref="ITruncater"/> refuse; a filter hands it on to its child.
    /// </summary>
    internal ValueTask<BlockError?> Truncate(long lengthBytes)
    {
        if (!Writable)
        {
            return new(
                new BlockError(BlockErrorKind.ReadOnly, "Image is read-only") { NodeName = Name }
            );
        }
        return Driver is ITruncater truncater
            ? truncater.TruncateAsync(lengthBytes)
            : new(
                new BlockError(
                    BlockErrorKind.NotSupported,
                    "Image format driver does not support resize"
                )
                {
                    NodeName = Name,
                }
            );
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({DriverName})";
}
