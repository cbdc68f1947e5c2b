// A check of the whole image, alone with it (FMT-QCOW2-801), its repair (FMT-QCOW2-810), and the
// bit that says that it needs one (FMT-QCOW2-311, FMT-QCOW2-314).
using System.Buffers.Binary;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>
    /// Counts all references anew, compares and repairs what is asked for; an error when that
    /// cannot be done. What is held back is not looked at: a writer writes back before. A repair
    /// comes before any other change of the image, which it reads anew.
    /// </summary>
    internal async ValueTask<(Qcow2CheckResult Result, BlockError? Error)> CheckAsync(
        Qcow2Fixes fixes = Qcow2Fixes.None
    )
    {
        // Their clusters would look like leaks.
        if (_tables.Header.HasBitmaps)
        {
            return (new(), Qcow2Header.Refused("qcow2: Image has persistent bitmaps"));
        }
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            return await CheckHeldAsync(fixes).ConfigureAwait(false);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Repairs an image that is dirty, before anything else is done to it.</summary>
    internal ValueTask<BlockError?> RepairDirtyAsync() => HoldAsync(RepairDirtyHeldAsync);

    /// <summary>
    /// Writes the tables that are held back, and says that the image is complete. The next change
    /// says the opposite again.
    /// </summary>
    internal ValueTask<BlockError?> CompleteAsync() =>
        HoldAsync(async () =>
        {
            BlockError? error = await WriteBackHeldAsync().ConfigureAwait(false);
            if (error is not null || !_hasSetDirtyBit || _isDamaged)
            {
                return error;
            }
            ulong rest = _tables.Header.IncompatibleFeatures & ~Qcow2Header.DirtyBit;
            error =
                await _tables.BarrierAsync().ConfigureAwait(false)
                ?? await WriteFeaturesAsync(rest).ConfigureAwait(false);
            _hasSetDirtyBit = error is not null;
            return error;
        });

    // FMT-QCOW2-314. Counts are kept up to date nevertheless: what is gained by letting them lag is
    // lost by the next repair.
    private async ValueTask<BlockError?> SayDirtyAsync()
    {
        if (!HasLazyRefcounts || IsDirty)
        {
            return null;
        }
        ulong features = _tables.Header.IncompatibleFeatures | Qcow2Header.DirtyBit;
        BlockError? error = await WriteFeaturesAsync(features).ConfigureAwait(false);
        _hasSetDirtyBit = error is null;
        return error;
    }

    // FMT-QCOW2-311. Once this image has set the bit, nobody else has.
    private async ValueTask<BlockError?> RepairDirtyHeldAsync()
    {
        if (!IsDirty || _hasSetDirtyBit)
        {
            return null;
        }
        (Qcow2CheckResult result, BlockError? error) = await CheckHeldAsync(Qcow2Fixes.All)
            .ConfigureAwait(false);
        error ??= result.CheckErrors > 0 ? HostErrors.OfRequest(HostErrno.Io, -1) : null;
        return error?.WithPrefix("Could not repair dirty image: ");
    }

    private async ValueTask<(Qcow2CheckResult Result, BlockError? Error)> CheckHeldAsync(
        Qcow2Fixes fixes
    )
    {
        BlockError? error =
            fixes == Qcow2Fixes.None ? null : await ClearAutoclearAsync().ConfigureAwait(false);
        if (error is not null)
        {
            return (new(), error);
        }
        Qcow2Checker checker = new(_tables.Storage, _tables.Header, fixes);
        (Qcow2CheckResult result, error) = await checker.RunAsync().ConfigureAwait(false);
        if (fixes != Qcow2Fixes.None)
        {
            _tables.Cache.Clear();
            _tables.ExtendTo(_geometry.ClusterEnd(_tables.Storage.LengthBytes));
            if (error is null && result is { Corruptions: 0, CheckErrors: 0 })
            {
                error = await SayConsistentAsync().ConfigureAwait(false);
            }
        }
        return (result, error);
    }

    // FMT-QCOW2-813: what the bits warned of is durably gone before they are.
    private async ValueTask<BlockError?> SayConsistentAsync()
    {
        Qcow2Header header = _tables.Header;
        ulong rest = header.IncompatibleFeatures & ~(Qcow2Header.DirtyBit | Qcow2Header.CorruptBit);
        BlockError? error = await _tables.Storage.FlushAsync().ConfigureAwait(false);
        return rest == header.IncompatibleFeatures
            ? error
            : error ?? await WriteFeaturesAsync(rest).ConfigureAwait(false);
    }

    private async ValueTask<BlockError?> WriteFeaturesAsync(ulong features)
    {
        byte[] field = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(field, features);
        BlockError? error =
            await _tables
                .WriteAsync(Qcow2Header.IncompatibleFieldOffset, field)
                .ConfigureAwait(false)
            ?? await _tables.BarrierAsync().ConfigureAwait(false);
        if (error is null)
        {
            _tables.Header.IncompatibleFeatures = features;
        }
        return error;
    }
}
