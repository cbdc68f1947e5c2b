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
    // What is zero goes in one step, but not so far that a progress line stands still.
    private const long LongestZeroBytes = 1L << 30;

    private readonly SemaphoreSlim _claim = new(1, 1);
    private readonly WriteTurns _turns = new();

    // How many pieces may be in memory.
    private readonly SemaphoreSlim _free = new(0);
    private long _next;
    private long _done;
    private volatile bool _isFailed;

    /// <summary>True when the target reads as zeroes wherever nothing was written.</summary>
    public bool IsTargetZero { get; init; }

    /// <summary>Runs of zeroes at least so long are not written; 0 writes all.</summary>
    public int SparseBytes { get; init; }

    public BlockWriteFlags WriteFlags { get; init; }

    /// <summary>Pieces begin and end at multiples of this, or at the end.</summary>
    public int UnitBytes { get; init; } = 1;

    /// <summary>The longest piece, a multiple of a unit.</summary>
    public required int PieceBytes { get; init; }

    /// <summary>Whether pieces are written in the order they lie in.</summary>
    public bool IsInOrder { get; init; }

    /// <summary>Copies all of it with so many pieces at a time.</summary>
    public async Task RunAsync(int tasks, Progress progress)
    {
        progress.Show(0, source.User.LengthBytes);
        _ = _free.Release(tasks);
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
    public void Dispose()
    {
        _claim.Dispose();
        _free.Dispose();
    }

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
        try
        {
            while (await ReadAsync().ConfigureAwait(false) is { } piece)
            {
                if (IsInOrder && !_turns.TryBegin(piece))
                {
                    continue;
                }
                do
                {
                    await WriteAsync(piece).ConfigureAwait(false);
                    Show(piece, progress);
                } while (IsInOrder && _turns.TryGoOn(piece, out piece));
            }
        }
        catch
        {
            // The others end with what they have.
            _isFailed = true;
            _ = _free.Release();
            throw;
        }
    }

    private void Show(ReadPiece piece, Progress progress)
    {
        piece.Buffer?.Dispose();
        _ = _free.Release();
        long done = Interlocked.Add(ref _done, piece.Extent.LengthBytes);
        lock (progress)
        {
            progress.Show(done, source.User.LengthBytes);
        }
    }

    /// <summary>The next piece with its bytes; null when there is none.</summary>
    private async ValueTask<ReadPiece?> ReadAsync()
    {
        await _free.WaitAsync().ConfigureAwait(false);
        if (await ClaimAsync().ConfigureAwait(false) is not { } piece)
        {
            // Who waits for memory behind this one has nothing to do either.
            _ = _free.Release();
            return null;
        }
        if (piece.Extent.IsZero)
        {
            return piece;
        }
        piece = piece with { Buffer = AlignedBuffer.Rent(PieceBytes) };
        await piece.Extent.ReadAsync(source, piece.Offset, piece.Bytes).ConfigureAwait(false);
        return piece;
    }

    private async ValueTask<ReadPiece?> ClaimAsync()
    {
        await _claim.WaitAsync().ConfigureAwait(false);
        try
        {
            long left = source.User.LengthBytes - _next;
            if (left <= 0 || _isFailed)
            {
                return null;
            }
            Extent extent = await Extent
                .FindAsync(source, _next, Math.Min(left, LongestZeroBytes))
                .ConfigureAwait(false);
            extent = ToUnits(extent, left);
            ReadPiece piece = new(_next, extent, null);
            _next += extent.LengthBytes;
            return piece;
        }
        finally
        {
            _ = _claim.Release();
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

    private async Task WriteAsync(ReadPiece piece)
    {
        Memory<byte> bytes = piece.Bytes;
        if (piece.Extent.IsZero)
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
}
