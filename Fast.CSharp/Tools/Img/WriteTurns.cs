// Pieces of a copy come in any order and are written in that of their offsets, by whoever brings
// the one that is next: nobody waits for a turn, and what is ready behind it goes along.
// Spec: spec/block/img.md (BLK-IMG-012).
using System;
using System.Collections.Generic;
using System.Threading;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

/// <summary>A piece in memory, of which zeroes need none.</summary>
internal readonly record struct ReadPiece(long Offset, Extent Extent, AlignedBuffer? Buffer)
{
    public Memory<byte> Bytes =>
        Buffer is null ? default : Buffer.Memory[..(int)Extent.LengthBytes];

    public long End => Offset + Extent.LengthBytes;
}

/// <summary>Who writes which piece.</summary>
internal sealed class WriteTurns
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, ReadPiece> _ready = [];
    private long _next;
    private bool _isWriting;

    /// <summary>
    /// Leaves a piece here, or has the caller write it now and then ask for the next: false when
    /// another does that in its turn.
    /// </summary>
    public bool TryBegin(ReadPiece piece)
    {
        lock (_lock)
        {
            if (_isWriting || piece.Offset != _next)
            {
                _ready.Add(piece.Offset, piece);
                return false;
            }
            _isWriting = true;
            return true;
        }
    }

    /// <summary>The piece behind a written one, if it is there; else the turn ends.</summary>
    public bool TryGoOn(ReadPiece written, out ReadPiece next)
    {
        lock (_lock)
        {
            _next = written.End;
            _isWriting = _ready.Remove(_next, out next);
            return _isWriting;
        }
    }
}
