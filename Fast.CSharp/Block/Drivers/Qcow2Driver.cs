// qcow2, control side: child, backing and header at open; the tables are in Formats/Qcow2. Spec:
// spec/block/open.md (BLK-OPEN-011, BLK-OPEN-012, BLK-OPEN-021, BLK-OPEN-022), permissions.md
// (BLK-PERM-021).
namespace Ashlar.Block;

/// <summary>The format driver <c>qcow2</c> (BLK-PERM-021, BLK-OPEN-011, BLK-OPEN-012).</summary>
public sealed partial class Qcow2Driver : BlockDriver
{
    // The image behind another file child, while a reopen is in flight (BLK-OPEN-022).
    private Qcow2Image? _pendingImage;

    internal Qcow2Driver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => Image?.GuestLengthBytes ?? 0;

    /// <summary>The image; null before the open succeeded and after the close.</summary>
    internal Qcow2Image? Image { get; private set; }

    internal override string? HeaderBackingFile => Image?.BackingFileName;

    internal override string? HeaderBackingFormat => Image?.BackingFormat;

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        BlockError? error = opener.AttachFile(Node, ChildRoles.Image);
        if (error is not null)
        {
            return error;
        }
        error = Read(Node.Writable, out Qcow2Image? image);
        Image = image;
        if (error is null && Node.Writable && !Node.Graph.Options.IsForCheck)
        {
            // FMT-QCOW2-311; after a reopen the first change does it.
            error = IoThread.Await(image!.RepairDirtyAsync);
        }
        if (error is null && definition.TryFindChild(OptionSchema.DataFile, out _))
        {
            error = new BlockError(
                BlockErrorKind.InvalidArgument,
                "'data-file' can only be set for images with an external data file"
            );
        }
        return error;
    }

    internal override BlockError? PrepareReopen(ReopenEntry entry) =>
        entry.Writable && !Node.Writable ? Image!.CheckWritable() : null;

    internal override BlockError? PrepareNewFile(ReopenEntry entry)
    {
        BlockError? error = Read(entry.Writable, out _pendingImage);
        return error;
    }

    internal override void CommitReopen(ReopenEntry entry)
    {
        if (_pendingImage is not null)
        {
            Image?.Dispose();
            Image = _pendingImage;
            _pendingImage = null;
        }
    }

    internal override void AbortReopen(ReopenEntry entry)
    {
        _pendingImage?.Dispose();
        _pendingImage = null;
    }

    internal override BlockError? WriteBack()
    {
        if (Image is null || !Node.Writable)
        {
            return null;
        }
        return IoThread.Await(Image.CompleteAsync);
    }

    internal override void Close()
    {
        _pendingImage?.Dispose();
        Image?.Dispose();
        _pendingImage = null;
        Image = null;
    }

    // BLK-OPEN-011, then BLK-OPEN-021 for a node that is to be read-write.
    private BlockError? Read(bool isWritable, out Qcow2Image? image)
    {
        bool isForCheck = Node.Graph.Options.IsForCheck;
        BlockError? error = Qcow2Image.Open(Node.File!, isForCheck, out image);
        if (error is null && isWritable && !isForCheck)
        {
            error = image!.CheckWritable();
        }
        if (error is not null)
        {
            image?.Dispose();
            image = null;
        }
        return error;
    }
}
