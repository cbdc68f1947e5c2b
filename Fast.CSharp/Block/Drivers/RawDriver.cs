// raw: a window on the child, the whole of it without options.
// Spec: spec/block/open.md (BLK-OPEN-010), permissions.md (BLK-PERM-020), data.md (BLK-DATA-004).
namespace Ashlar.Block;

/// <summary>The format driver <c>raw</c> (BLK-PERM-020, BLK-OPEN-010, BLK-DATA-004).</summary>
public sealed partial class RawDriver : BlockDriver
{
    private const long SectorBytes = 512;

    private const BlockPermissions WriteAndResize =
        BlockPermissions.Write | BlockPermissions.Resize;

    internal RawDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>Where the window begins in the child, in bytes.</summary>
    internal long WindowOffsetBytes { get; private set; }

    /// <summary>The option <c>size</c> in bytes; null when the window goes to the end.</summary>
    internal long? WindowSizeBytes { get; private set; }

    /// <inheritdoc/>
    public override long LengthBytes
    {
        get
        {
            long child = Node.File?.Child.LengthBytes ?? 0;
            long rest = long.Max(0, child - WindowOffsetBytes);
            return WindowSizeBytes is long size && size < rest ? size : rest;
        }
    }

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        BlockError? error = ReadOptions(Node.Effective, out long offset, out long? size);
        if (error is not null)
        {
            return error;
        }
        bool isWindow = offset != 0 || size is not null;
        // BLK-PERM-020: the role is fixed here, also over a reopen.
        ChildRoles role =
            isWindow || Planted.Is(Bug.RawIsAlwaysData) ? ChildRoles.Data : ChildRoles.Filtered;
        error = opener.AttachFile(Node, role | ChildRoles.Primary);
        // Lengths are looked up through all raw nodes below, so only where one decides.
        if (error is null && isWindow)
        {
            error = TestBounds(offset, size, Node.File!.Child.LengthBytes);
        }
        WindowOffsetBytes = offset;
        WindowSizeBytes = size;
        return error;
    }

    internal override void ChildPermissions(
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        ChildPermissionRules.ByRole(Node, roles, perm, shared, out childPerm, out childShared);
        if (!Planted.Is(Bug.RawWidensToWrite))
        {
            childPerm = (childPerm & ~WriteAndResize) | (perm & WriteAndResize);
        }
    }

    internal override bool IsMutable(string option) =>
        string.Equals(option, OptionSchema.Offset) || string.Equals(option, OptionSchema.Size);

    internal override BlockError? PrepareReopen(ReopenEntry entry)
    {
        BlockError? error = ReadOptions(entry.Effective, out long offset, out long? size);
        if (error is null && (offset != 0 || size is not null))
        {
            error = TestBounds(offset, size, entry.FileLengthBefore);
        }
        entry.RawOffsetBytes = offset;
        entry.RawSizeBytes = size;
        return error;
    }

    internal override void CommitReopen(ReopenEntry entry)
    {
        if (Planted.Is(Bug.RawWindowNotReopened))
        {
            return;
        }
        WindowOffsetBytes = entry.RawOffsetBytes;
        WindowSizeBytes = entry.RawSizeBytes;
    }

    private static BlockError? ReadOptions(in OptionSet options, out long offset, out long? size)
    {
        offset = options.Find(OptionSchema.Offset)?.AsInteger ?? 0;
        size = options.Find(OptionSchema.Size)?.AsInteger;
        return offset < 0 ? Negative(OptionSchema.Offset)
            : size < 0 ? Negative(OptionSchema.Size)
            : null;
    }

    // BLK-OPEN-010
    private static BlockError? TestBounds(long offset, long? size, long childLength)
    {
        if (offset > childLength)
        {
            return Invalid(
                $"Offset ({offset}) cannot be greater than size of the containing file "
                    + $"({childLength})"
            );
        }
        if (size > childLength - offset)
        {
            return Invalid(
                $"The sum of offset ({offset}) and size ({size}) has to be smaller or equal to the "
                    + $" actual size of the containing file ({childLength})"
            );
        }
        return size is long bytes && bytes % SectorBytes != 0
            ? Invalid($"Specified size is not multiple of {SectorBytes}")
            : null;
    }

    private static BlockError Negative(string option) =>
        Invalid($"Parameter '{option}' expects a non-negative number below 2^64");

    private static BlockError Invalid(string text) => new(BlockErrorKind.InvalidArgument, text);
}
