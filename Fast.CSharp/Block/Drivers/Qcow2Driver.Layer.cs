// qcow2, what it holds: every cluster that is not its backing's. Spec: spec/block/data.md
// (BLK-DATA-021, BLK-DATA-023).
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class Qcow2Driver : ILayerStatus
{
    private bool? _hasPreparedTables;

    /// <inheritdoc/>
    public async ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes)
    {
        Qcow2Image image = Connected();
        MappingResult run = await image.FindAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        if (run.Error is not null)
        {
            return new LayerExtent(BlockExtentFlags.None, false, 0, run.Error);
        }
        switch (run.Kind)
        {
            case ClusterKind.Unallocated:
                bool isCovered = Node.Backing?.Child.LengthBytes > offsetBytes;
                return new LayerExtent(
                    isCovered ? BlockExtentFlags.None : BlockExtentFlags.Zero,
                    false,
                    run.LengthBytes
                );
            case ClusterKind.Compressed:
                return new LayerExtent(BlockExtentFlags.Data, true, run.LengthBytes);
            case ClusterKind.Zero:
                return Stored(BlockExtentFlags.Zero, run, run.LengthBytes);
            default:
                return await DataAsync(image, run).ConfigureAwait(false);
        }
    }

    // Where tables were prepared for space that the file has not got, only the file knows that the
    // space is empty.
    private async ValueTask<LayerExtent> DataAsync(Qcow2Image image, MappingResult run)
    {
        _hasPreparedTables ??= await HasPreparedTablesAsync(image).ConfigureAwait(false);
        if (_hasPreparedTables != true)
        {
            return Stored(BlockExtentFlags.Data, run, run.LengthBytes);
        }
        BlockExtent below = await Node.File!.StatusAsync(run.HostOffset, run.LengthBytes)
            .ConfigureAwait(false);
        return below.Error is not null
            ? Stored(BlockExtentFlags.Data, run, run.LengthBytes)
            : Stored(
                BlockExtentFlags.Data | (below.Flags & BlockExtentFlags.Zero),
                run,
                below.LengthBytes
            );
    }

    private ValueTask<bool> HasPreparedTablesAsync(Qcow2Image image) =>
        (Node.File!.Child.Driver as FileDriver)?.AllocatedBytes is long bytes
            ? image.CountsMoreThanAsync(bytes)
            : new(false);

    private LayerExtent Stored(BlockExtentFlags flags, MappingResult run, long lengthBytes) =>
        run.HostOffset == 0
            ? new LayerExtent(flags, true, lengthBytes)
            : new LayerExtent(flags, true, lengthBytes)
            {
                Storage = Node.File!.Child,
                StorageOffsetBytes = run.HostOffset,
            };
}
