// The work of a conversion: several pieces at a time are read, looked through for zeroes and
// written.
// Spec: spec/block/img.md (BLK-IMG-012).
using System;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

/// <summary>A copy of all that one image shows into another.</summary>
internal sealed class ImageCopy(OpenedImage source, OpenedImage target) : IDisposable
{
    private const int PieceBytes = 2 << 20;

    // What is zero goes in one step, but not so far that a progress line stands still.
    private const long LongestZeroBytes = 1L << 30;

    private readonly SemaphoreSlim _claim = new(1, 1);
    private long _next;
    private long _done;
    private Task _written = Task.CompletedTask;

    /// <summary>True when the target reads as zeroes wherever nothing was written.</summary>
    public bool IsTargetZero { get; init; }

    /// <summary>Runs of zeroes at least so long are not written; 0 writes all.</summary>
    public int SparseBytes { get; init; }

    public BlockWriteFlags WriteFlags { get; init; }

    /// <summary>Pieces begin and end at multiples of this, or at the end.</summary>
    public int UnitBytes { get; init; } = 1;

    /// <summary>Whether pieces are written in the order they lie in.</summary>
    public bool IsInOrder { get; init; }

    /// <summary>Copies all of it with so many pieces at a time.</summary>
    public async Task RunAsync(int tasks, Progress progress)
    {
        progress.Show(0, source.User.LengthBytes);
        Task[] workers = new Task[tasks];
        for (int index = 0; index < tasks; index++)
        {
            workers[index] = Task.Run(() => WorkAsync(progress));
        }
        await Task.WhenAll(workers).ConfigureAwait(false);
        await EndSectorAsync().ConfigureAwait(false);
        progress.Show(source.User.LengthBytes, source.User.LengthBytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _claim.Dispose();

    // A raw file may end within a sector; what the last one lacks is zero.
    private async ValueTask EndSectorAsync()
    {
        const long SectorMask = 511;
        long length = source.User.LengthBytes;
        long end = Math.Min(target.User.LengthBytes, (length + SectorMask) & ~SectorMask);
        if (end > length)
        {
            await ZeroAsync(length, end - length).ConfigureAwait(false);
        }
    }

    private async Task WorkAsync(Progress progress)
    {
        using AlignedBuffer buffer = AlignedBuffer.Rent(PieceBytes);
        while (await ClaimAsync().ConfigureAwait(false) is { } piece)
        {
            try
            {
                await CopyAsync(piece, buffer.Memory).ConfigureAwait(false);
                piece.Written.SetResult();
            }
            catch (Exception error)
            {
                // Who waits for its turn behind this piece learns of it too.
                piece.Written.SetException(error);
                throw;
            }
            long done = Interlocked.Add(ref _done, piece.Extent.LengthBytes);
            lock (progress)
            {
                progress.Show(done, source.User.LengthBytes);
            }
        }
    }

    private async ValueTask<Piece?> ClaimAsync()
    {
        await _claim.WaitAsync().ConfigureAwait(false);
        try
        {
            long left = source.User.LengthBytes - _next;
            if (left <= 0 || _written.IsFaulted)
            {
                return null;
            }
            Extent extent = await Extent
                .FindAsync(source, _next, Math.Min(left, LongestZeroBytes))
                .ConfigureAwait(false);
            extent = ToUnits(extent, left);
            Piece piece = new(_next, extent, _written);
            _next += extent.LengthBytes;
            _written = piece.Written.Task;
            return piece;
        }
        finally
        {
            _claim.Release();
        }
    }

    // Whole units; one that is zero in part is data.
    private Extent ToUnits(Extent extent, long left)
    {
        long length = extent.LengthBytes;
        if (extent.IsZero && (length == left || length >= UnitBytes))
        {
            return extent with
            {
                LengthBytes = length == left ? length : length - (length % UnitBytes),
            };
        }
        length = Math.Min(length + UnitBytes - 1, PieceBytes);
        return new(false, Math.Min(length - (length % UnitBytes), left));
    }

    private async Task CopyAsync(Piece piece, Memory<byte> buffer)
    {
        Memory<byte> bytes = piece.Extent.IsZero
            ? default
            : buffer[..(int)piece.Extent.LengthBytes];
        if (!bytes.IsEmpty)
        {
            await piece.Extent.ReadAsync(source, piece.Offset, bytes).ConfigureAwait(false);
        }
        if (IsInOrder)
        {
            await piece.Before.ConfigureAwait(false);
        }
        if (bytes.IsEmpty)
        {
            await ZeroAsync(piece.Offset, piece.Extent.LengthBytes).ConfigureAwait(false);
            return;
        }
        int place = 0;
        while (place < bytes.Length)
        {
            bool isZero = false;
            int length =
                SparseBytes == 0
                    ? bytes.Length
                    : ZeroBytes.RunLength(
                        bytes.Span[place..],
                        Math.Max(SparseBytes, UnitBytes),
                        out isZero
                    );
            if (isZero)
            {
                await ZeroAsync(piece.Offset + place, length).ConfigureAwait(false);
            }
            else
            {
                long offset = piece.Offset + place;
                BlockError? error = await target
                    .User.TryWriteAsync(offset, bytes.Slice(place, length), WriteFlags)
                    .ConfigureAwait(false);
                ImgException.ThrowIf(error, $"error while writing at byte {offset}: ");
            }
            place += length;
        }
    }

    private async ValueTask ZeroAsync(long offset, long length)
    {
        if (IsTargetZero && SparseBytes > 0)
        {
            return;
        }
        BlockWriteFlags mayUnmap = SparseBytes > 0 ? BlockWriteFlags.MayUnmap : 0;
        BlockError? error = await target
            .User.TryWriteZeroesAsync(offset, length, WriteFlags | mayUnmap)
            .ConfigureAwait(false);
        ImgException.ThrowIf(error, $"error while writing at byte {offset}: ");
    }

    private sealed class Piece(long offset, Extent extent, Task before)
    {
        public long Offset => offset;

        public Extent Extent => extent;

        /// <summary>Ends when all before it is written.</summary>
        public Task Before => before;

        public TaskCompletionSource Written { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
