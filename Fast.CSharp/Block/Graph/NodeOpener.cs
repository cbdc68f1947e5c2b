// Opens nodes: the order of the tests, inline children before or inside their parent, attach.
// Spec: spec/block/open.md (BLK-OPEN-002 to -009, -012, -023, -024), permissions.md (BLK-PERM-040).

namespace Ashlar.Block;

/// <summary>
/// Opens the nodes of one command inside its transaction. A refusal leaves what was opened on the
/// way to the transaction's abort (BLK-OPEN-009).
/// </summary>
internal sealed class NodeOpener
{
    /// <summary>
    /// The longest chain of backing files that headers name (BLK-OPEN-012), as QEMU.
    /// </summary>
    public const int MaximumHeaderChain = 200;

    /// <summary>The longest node name in characters (BLK-GRAPH-002).</summary>
    public const int MaximumNameLength = 31;

    private readonly BlockGraph _graph;
    private int _headerChain;

    public NodeOpener(BlockGraph graph)
    {
        _graph = graph;
    }

    private GraphTransaction Transaction => _graph.Transaction;

    /// <summary>Opens the root of a blockdev-add.</summary>
    public BlockError? OpenRoot(NodeDefinition definition, out BlockNode? node)
    {
        _headerChain = 0;
        return Open(definition, null, ChildRoles.None, out node);
    }

    /// <summary>
    /// Opens an inline child or looks a referenced one up (BLK-OPEN-005, BLK-OPEN-025).
    /// </summary>
    public BlockError? OpenChild(
        BlockNode parent,
        in ChildDefinition child,
        ChildRoles roles,
        out BlockNode? node
    )
    {
        if (child.Inline is not null)
        {
            return Open(child.Inline, parent, roles, out node);
        }
        node = _graph.FindNode(child.Reference!);
        return node is null ? NoSuchNode(child.Reference!) : null;
    }

    /// <summary>Opens or looks up a child and attaches it (BLK-PERM-040).</summary>
    public BlockError? OpenAndAttach(
        BlockNode parent,
        in ChildDefinition child,
        ChildRoles roles,
        out BlockEdge? edge
    )
    {
        edge = null;
        return OpenChild(parent, child, roles, out BlockNode? node)
            ?? Attach(parent, node!, child.Name, roles, out edge);
    }

    /// <summary>Attaches the <c>file</c> child that was opened before the driver's open.</summary>
    public BlockError? AttachFile(BlockNode parent, ChildRoles roles) =>
        Attach(parent, parent.PendingFile!, OptionSchema.File, roles, out _);

    /// <summary>The text for a reference in options (BLK-OPEN-005).</summary>
    public static BlockError NoSuchNode(string name) =>
        new(BlockErrorKind.NotFound, $"Cannot find device='{name}' nor node-name='{name}'")
        {
            NodeName = name,
        };

    /// <summary>BLK-GRAPH-002 without the length, which other names do not have.</summary>
    public static bool IsWellFormed(string name)
    {
        if (name.Length == 0 || !char.IsAsciiLetter(name[0]))
        {
            return false;
        }
        foreach (char character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('-' or '.' or '_'))
            {
                return false;
            }
        }
        return true;
    }

    private BlockError? Open(
        NodeDefinition definition,
        BlockNode? parent,
        ChildRoles roles,
        out BlockNode? opened
    )
    {
        opened = null;
        DriverDescriptor descriptor = definition.Options.Driver!;
        BlockNode node = new(_graph, descriptor.Create(descriptor))
        {
            InheritsFrom = parent,
            Explicit = definition.Explicit,
        };
        if (parent is null)
        {
            node.Effective = definition.Options;
            // BLK-OPEN-003: the root's defaults count as in effect, so that children inherit them.
            node.Effective.Given |= CommonFlags.RootDefaults;
        }
        else
        {
            node.Effective = parent.Effective.Inherited(definition.Options, roles);
        }
        // BLK-RO-001, BLK-RO-002: nothing but read-only decides, whatever auto-read-only says.
        node.Writable = !node.Effective.IsOn(CommonFlags.ReadOnly);
        node.AutoReadOnly = node.Effective.IsOn(CommonFlags.AutoReadOnly);
        node.ForceShare = node.Effective.IsOn(CommonFlags.ForceShare);
        BlockError? error = OpenFileFirst(node, definition) ?? TestNode(node);
        if (error is not null)
        {
            return error;
        }
        Transaction.Add(node);
        error =
            node.Driver.Open(this, definition)
            ?? (descriptor.SupportsBacking ? OpenBacking(node, definition) : null);
        if (error is null)
        {
            opened = node;
        }
        return error;
    }

    // BLK-OPEN-006. QEMU holds a temporary root (none, all) on the child until the driver's open is
    // over. It needs nothing and shares everything, so it can be in no conflict, and nobody sees
    // it: left out.
    private BlockError? OpenFileFirst(BlockNode node, NodeDefinition definition)
    {
        if (
            node.Driver.Descriptor.IsProtocol
            || !definition.TryFindChild(OptionSchema.File, out ChildDefinition file)
        )
        {
            return null;
        }
        BlockError? error = OpenChild(node, file, ChildRoles.Image, out BlockNode? child);
        node.PendingFile = child;
        return error;
    }

    /// <summary>A node's own tests, in the order of BLK-OPEN-023; gives it its name.</summary>
    private BlockError? TestNode(BlockNode node)
    {
        ref readonly OptionSet options = ref node.Effective;
        // BLK-OPEN-007
        if (node.ForceShare && node.Writable)
        {
            return Invalid("force-share=on can only be used with read-only images");
        }
        if (node.Driver is FileDriver && options.Find(OptionSchema.Filename)!.AsString.Length == 0)
        {
            return Invalid("The 'file' block driver requires a file name");
        }
        BlockError? error = TestDetectZeroes(options);
        if (error is not null)
        {
            return error;
        }
        string? name = options.NodeName;
        if (name is null)
        {
            node.Name = _graph.GenerateName();
            return null;
        }
        if (!IsWellFormed(name))
        {
            return Invalid($"Invalid node-name: '{name}'");
        }
        if (_graph.FindBackend(name) is not null)
        {
            return Taken($"node-name={name} is conflicting with a device id");
        }
        if (_graph.FindNode(name) is not null)
        {
            return Taken($"Duplicate nodes with node-name='{name}'");
        }
        if (name.Length > MaximumNameLength)
        {
            return Invalid("Node name too long");
        }
        node.Name = name;
        return null;
    }

    /// <summary>BLK-OPEN-023 and BLK-REOPEN-018.</summary>
    public static BlockError? TestDetectZeroes(in OptionSet options) =>
        options.DetectZeroes == DetectZeroesOption.Unmap && options.Discard != DiscardOption.Unmap
            ? Invalid(
                "setting detect-zeroes to unmap is not allowed without setting discard operation "
                    + "to unmap"
            )
            : null;

    private BlockError? Attach(
        BlockNode parent,
        BlockNode child,
        string name,
        ChildRoles roles,
        out BlockEdge? edge
    )
    {
        edge = null;
        BlockError? error = _graph.Walk.TestNewEdge(parent, child, name);
        if (error is not null)
        {
            return error;
        }
        edge = LinkProvisionally(parent, child, name, roles);
        return Transaction.Refresh(parent);
    }

    /// <summary>
    /// Links a new edge with the pair its rule gives now; the refresh is the caller's.
    /// </summary>
    public BlockEdge LinkProvisionally(
        BlockNode parent,
        BlockNode child,
        string name,
        ChildRoles roles
    )
    {
        BlockEdge edge = new(parent, null, child, name, roles);
        parent.Cumulative(out BlockPermissions perm, out BlockPermissions shared);
        parent.Driver.ChildPermissions(
            roles,
            perm,
            shared,
            out BlockPermissions childPerm,
            out BlockPermissions childShared
        );
        if (child.ForceShare && !Planted.Is(Bug.ForceShareIgnored))
        {
            childShared = BlockPermissions.All;
        }
        edge.Perm = childPerm;
        edge.SharedPerm = childShared;
        Transaction.Link(edge);
        return edge;
    }

    // BLK-OPEN-012
    private BlockError? OpenBacking(BlockNode node, NodeDefinition definition)
    {
        bool isFromHeader = !definition.TryFindChild(
            OptionSchema.Backing,
            out ChildDefinition backing
        );
        if (isFromHeader)
        {
            BlockError? refusal = BackingFile.Define(node, out NodeDefinition? fromHeader);
            if (refusal is not null || fromHeader is null)
            {
                return refusal;
            }
            if (++_headerChain > MaximumHeaderChain)
            {
                return Invalid(
                    BackingFile.Prefix + $"Backing chain is deeper than {MaximumHeaderChain} images"
                );
            }
            backing = new ChildDefinition(OptionSchema.Backing, null, fromHeader);
        }
        else if (backing.IsNull)
        {
            return null;
        }
        BlockError? error = OpenChild(node, backing, ChildRoles.Cow, out BlockNode? child);
        if (isFromHeader)
        {
            _headerChain--;
        }
        return error is not null
            ? error.WithPrefix(BackingFile.Prefix)
            : Attach(node, child!, OptionSchema.Backing, ChildRoles.Cow, out _);
    }

    private static BlockError Invalid(string text) => new(BlockErrorKind.InvalidArgument, text);

    private static BlockError Taken(string text) => new(BlockErrorKind.AlreadyExists, text);
}
