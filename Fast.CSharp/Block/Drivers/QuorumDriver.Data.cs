// quorum, data path: every write to every child, reads by vote. Spec: spec/block/data.md
// (BLK-DATA-007).
using System;
using System.Buffers;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class QuorumDriver : IBlockReader, IBlockWriter, IZeroWriter, IBlockStatus
{
    // Kept from one request for the next, so that requests one after the other allocate nothing.
    private Ballot? _spareBallot;

    /// <inheritdoc/>
    public async ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        BlockEdge[] children = _children;
        if (children.Length == 0)
        {
            // The node is still opening its children, and one of them refers to it (BLK-OPEN-026).
            buffer.Span.Clear();
            return null;
        }
        if (IsFifo)
        {
            return await ReadFirstAsync(children, offsetBytes, buffer).ConfigureAwait(false);
        }
        if ((long)buffer.Length * children.Length > Array.MaxLength)
        {
            return HostErrors.OfRequest(HostErrno.NoMemory, offsetBytes);
        }
        byte[] copies = ArrayPool<byte>.Shared.Rent(buffer.Length * children.Length);
        Ballot ballot = TakeBallot();
        for (int index = 0; index < children.Length; index++)
        {
            Memory<byte> copy = copies.AsMemory(index * buffer.Length, buffer.Length);
            BlockError? error = await children[index]
                .ReadAsync(offsetBytes, copy)
                .ConfigureAwait(false);
            ballot.Add(index, error);
        }
        BlockError? refusal = ballot.Verdict(VoteThreshold);
        if (refusal is null)
        {
            int winner = ballot.Winner(copies, buffer.Length, out int holders);
            if (Planted.Is(Bug.QuorumTakesFirstAnswer))
            {
                winner = 0;
                holders = VoteThreshold;
            }
            if (holders < VoteThreshold)
            {
                refusal = new BlockError(BlockErrorKind.Io, "Input/output error")
                {
                    NodeName = Node.Name,
                    OffsetBytes = offsetBytes,
                };
            }
            else
            {
                copies.AsSpan(winner * buffer.Length, buffer.Length).CopyTo(buffer.Span);
                await RewriteAsync(children, ballot, winner, offsetBytes, buffer)
                    .ConfigureAwait(false);
            }
        }
        ArrayPool<byte>.Shared.Return(copies);
        _ = Close(ballot);
        return refusal;
    }

    /// <inheritdoc/>
    public async ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        BlockEdge[] children = _children;
        Ballot ballot = TakeBallot();
        for (int index = 0; index < children.Length; index++)
        {
            if (index > 0 && Planted.Is(Bug.QuorumWritesFirstOnly))
            {
                ballot.Add(index, null);
                continue;
            }
            BlockError? error = await children[index]
                .WriteAsync(offsetBytes, buffer, flags)
                .ConfigureAwait(false);
            ballot.Add(index, error);
        }
        return Close(ballot);
    }

    /// <inheritdoc/>
    public async ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        BlockEdge[] children = _children;
        Ballot ballot = TakeBallot();
        for (int index = 0; index < children.Length; index++)
        {
            BlockError? error = await children[index]
                .WriteZeroesAsync(offsetBytes, lengthBytes, flags)
                .ConfigureAwait(false);
            ballot.Add(index, error);
        }
        return Close(ballot);
    }

    /// <summary>
    /// Zero as far as all children say so, else data as far as the first of them stops saying so:
    /// which of them wins a vote is not known without reading (BLK-DATA-016).
    /// </summary>
    public async ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes)
    {
        long zeroBytes = lengthBytes;
        long dataBytes = 0;
        foreach (BlockEdge child in _children)
        {
            BlockExtent extent = await child
                .StatusAsync(offsetBytes, lengthBytes)
                .ConfigureAwait(false);
            if (extent.Error is not null)
            {
                return new BlockExtent(BlockExtentFlags.Data, lengthBytes);
            }
            if ((extent.Flags & BlockExtentFlags.Zero) != 0)
            {
                zeroBytes = Math.Min(zeroBytes, extent.LengthBytes);
            }
            else
            {
                dataBytes = Math.Min(dataBytes == 0 ? lengthBytes : dataBytes, extent.LengthBytes);
            }
        }
        return dataBytes > 0
            ? new BlockExtent(BlockExtentFlags.Data, dataBytes)
            : new BlockExtent(BlockExtentFlags.Zero, zeroBytes);
    }

    /// <summary>Flushes all children; enough of them must succeed.</summary>
    internal async ValueTask<BlockError?> FlushChildrenAsync()
    {
        BlockEdge[] children = _children;
        Ballot ballot = TakeBallot();
        for (int index = 0; index < children.Length; index++)
        {
            ballot.Add(index, await children[index].FlushAsync().ConfigureAwait(false));
        }
        return Close(ballot);
    }

    private Ballot TakeBallot()
    {
        Ballot? spare = Interlocked.Exchange(ref _spareBallot, null);
        return spare ?? new Ballot(_children.Length);
    }

    private BlockError? Close(Ballot ballot)
    {
        BlockError? verdict = ballot.Verdict(VoteThreshold);
        _spareBallot = ballot;
        return verdict;
    }

    private static async ValueTask<BlockError?> ReadFirstAsync(
        BlockEdge[] children,
        long offsetBytes,
        Memory<byte> buffer
    )
    {
        BlockError? refusal = null;
        foreach (BlockEdge child in children)
        {
            refusal = await child.ReadAsync(offsetBytes, buffer).ConfigureAwait(false);
            if (refusal is null)
            {
                break;
            }
        }
        return refusal;
    }

    // An attempt at repair: whether it succeeds shows at the next read.
    private async ValueTask RewriteAsync(
        BlockEdge[] children,
        Ballot ballot,
        int winner,
        long offsetBytes,
        ReadOnlyMemory<byte> bytes
    )
    {
        for (int index = 0; RewritesCorrupted && index < children.Length; index++)
        {
            if (ballot.DiffersFrom(index, winner))
            {
                _ = await children[index].WriteAsync(offsetBytes, bytes).ConfigureAwait(false);
            }
        }
    }

    /// <summary>What the children answered to one request.</summary>
    private sealed class Ballot(int childCount)
    {
        private readonly BlockError?[] _errors = new BlockError?[childCount];

        // The first child that holds the same bytes, or -1 for a child that failed.
        private readonly int[] _versions = new int[childCount];

        internal void Add(int index, BlockError? error) => _errors[index] = error;

        internal bool DiffersFrom(int index, int winner) =>
            _errors[index] is null && _versions[index] != winner;

        /// <summary>
        /// Null when enough children succeeded, else the text most of the others gave.
        /// </summary>
        internal BlockError? Verdict(int threshold)
        {
            int successes = 0;
            BlockError? verdict = null;
            int most = 0;
            for (int index = childCount - 1; index >= 0; index--)
            {
                BlockError? error = _errors[index];
                successes += error is null ? 1 : 0;
                bool isFirst = error is not null && Same(error, index) == 0;
                int votes = isFirst ? Same(error!, childCount) : 0;
                if (votes > most)
                {
                    most = votes;
                    verdict = error;
                }
            }
            return successes >= threshold ? null : verdict;
        }

        /// <summary>The first holder of the version that wins, and how many hold it.</summary>
        internal int Winner(byte[] copies, int lengthBytes, out int holders)
        {
            int winner = -1;
            holders = 0;
            for (int index = 0; index < childCount; index++)
            {
                _versions[index] = _errors[index] is null
                    ? FirstAlike(copies, lengthBytes, index)
                    : -1;
            }
            // From the last one down, so that among equals the later first holder stays.
            for (int index = childCount - 1; index >= 0; index--)
            {
                int votes = _versions[index] == index ? Holders(index) : 0;
                if (votes > holders)
                {
                    holders = votes;
                    winner = index;
                }
            }
            return winner;
        }

        private int FirstAlike(byte[] copies, int lengthBytes, int index)
        {
            ReadOnlySpan<byte> mine = copies.AsSpan(index * lengthBytes, lengthBytes);
            for (int other = 0; other < index; other++)
            {
                bool isFirst = _versions[other] == other;
                if (isFirst && mine.SequenceEqual(copies.AsSpan(other * lengthBytes, lengthBytes)))
                {
                    return other;
                }
            }
            return index;
        }

        private int Holders(int version)
        {
            int count = 0;
            foreach (int held in _versions)
            {
                count += held == version ? 1 : 0;
            }
            return count;
        }

        // How many of the first children failed with this text.
        private int Same(BlockError error, int count)
        {
            int same = 0;
            for (int index = 0; index < count; index++)
            {
                bool isSame = string.Equals(
                    _errors[index]?.Text,
                    error.Text,
                    StringComparison.Ordinal
                );
                same += isSame ? 1 : 0;
            }
            return same;
        }
    }
}
