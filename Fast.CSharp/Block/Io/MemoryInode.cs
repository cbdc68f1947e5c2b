// One file of MemoryHostFiles: content, mode, who has it open and which lock bytes are held.
using System;
using System.Collections.Generic;
using System.Threading;

namespace Ashlar.Block;

/// <summary>The lock bytes 0 to 255 of a file, as a set (BLK-FILE-010).</summary>
public struct LockBytes : IEquatable<LockBytes>
{
    /// <summary>Bytes from here on are no lock bytes.</summary>
    public const int Count = 256;

    private ulong _first;
    private ulong _second;
    private ulong _third;
    private ulong _fourth;

    /// <summary>True when no byte is in the set.</summary>
    public readonly bool IsEmpty => (_first | _second | _third | _fourth) == 0;

    /// <summary>True when the byte is in the set.</summary>
    public readonly bool Contains(int byteOffset) =>
        (Word(byteOffset >> 6) & (1ul << (byteOffset & 63))) != 0;

    /// <summary>Puts a byte in or takes it out.</summary>
    public void Set(int byteOffset, bool isHeld)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(byteOffset, Count);
        ulong bit = 1ul << (byteOffset & 63);
        switch (byteOffset >> 6)
        {
            case 0:
                _first = isHeld ? _first | bit : _first & ~bit;
                break;
            case 1:
                _second = isHeld ? _second | bit : _second & ~bit;
                break;
            case 2:
                _third = isHeld ? _third | bit : _third & ~bit;
                break;
            default:
                _fourth = isHeld ? _fourth | bit : _fourth & ~bit;
                break;
        }
    }

    /// <inheritdoc/>
    public readonly bool Equals(LockBytes other) =>
        _first == other._first
        && _second == other._second
        && _third == other._third
        && _fourth == other._fourth;

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is LockBytes other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() =>
        HashCode.Combine(_first, _second, _third, _fourth);

    private readonly ulong Word(int index) =>
        index switch
        {
            0 => _first,
            1 => _second,
            2 => _third,
            3 => _fourth,
            _ => 0,
        };
}

/// <summary>A file in memory, whatever its name is now.</summary>
public sealed class MemoryInode
{
    internal const int OwnerRead = 0x100;
    internal const int OwnerWrite = 0x80;

    private readonly List<MemoryHostFile> _open = [];
    private readonly MemoryContent _contentAtStart;
    private readonly int _modeAtStart;
    private LockBytes _foreignLocks;
    private bool _isTouched;

    internal MemoryInode(ulong number, MemoryContent content, int mode)
    {
        Number = number;
        _contentAtStart = content;
        _modeAtStart = mode;
        Mode = mode;
        Content.Reset(content);
    }

    /// <summary>The inode number: 1 for the first file made.</summary>
    public ulong Number { get; }

    /// <summary>The permission bits; only the owner's two count.</summary>
    public int Mode { get; internal set; }

    /// <summary>Whether it is a directory and can only be found, not opened.</summary>
    public bool IsDirectory { get; internal set; }

    /// <summary>The length in bytes.</summary>
    public long LengthBytes => Content.LengthBytes;

    /// <summary>How many descriptors are open.</summary>
    public int OpenCount => _open.Count;

    /// <summary>How many of them are writable.</summary>
    public int WritableOpenCount
    {
        get
        {
            int count = 0;
            foreach (MemoryHostFile file in _open)
            {
                count += file.IsWritable ? 1 : 0;
            }
            return count;
        }
    }

    internal SparseChunks Content { get; } = new();

    /// <summary>Held by each transfer; threads may have some at once, as of a host.</summary>
    internal Lock Transfers { get; } = new();

    /// <summary>
    /// True when an open descriptor of ours (not another process) holds the lock byte.
    /// </summary>
    public bool IsLockedByUs(int byteOffset) => IsLocked(byteOffset, null);

    /// <summary>True when "another process" holds the lock byte.</summary>
    public bool IsLockedByAnotherProcess(int byteOffset) => _foreignLocks.Contains(byteOffset);

    /// <summary>A copy of what the file holds now, from which other files can be made.</summary>
    public MemoryContent Freeze() => Content.Freeze();

    /// <summary>
    /// Reads the file as an outsider does, whatever its mode; zeroes beyond the end.
    /// </summary>
    public void ReadAsOutsider(long offsetBytes, Span<byte> buffer) =>
        Content.Read(offsetBytes, buffer);

    internal void SetForeignLock(int byteOffset, bool isHeld)
    {
        _foreignLocks.Set(byteOffset, isHeld);
        _isTouched = true;
    }

    internal bool IsLockedByOthers(MemoryHostFile asker, int byteOffset) =>
        _foreignLocks.Contains(byteOffset) || IsLocked(byteOffset, asker);

    internal void MarkTouched() => _isTouched = true;

    internal void Add(MemoryHostFile file) => _open.Add(file);

    internal void Remove(MemoryHostFile file) => _open.Remove(file);

    internal void Reset()
    {
        Mode = _modeAtStart;
        _open.Clear();
        if (_isTouched)
        {
            _foreignLocks = default;
            Content.Reset(_contentAtStart);
            _isTouched = false;
        }
    }

    private bool IsLocked(int byteOffset, MemoryHostFile? except)
    {
        foreach (MemoryHostFile file in _open)
        {
            if (!ReferenceEquals(file, except) && file.Holds(byteOffset))
            {
                return true;
            }
        }
        return false;
    }
}

/// <summary>One open file description of a <see cref="MemoryInode"/>.</summary>
internal sealed class MemoryHostFile : HostFile
{
    // As the kernel's largest file: a longer one is EFBIG.
    private const long LongestFileBytes = long.MaxValue;

    private readonly MemoryInode _inode;
    private LockBytes _locks;

    internal MemoryHostFile(MemoryInode inode, bool isWritable)
    {
        _inode = inode;
        IsWritable = isWritable;
        inode.Add(this);
    }

    public override FileIdentity Identity => new(0, _inode.Number);

    public override long Length => _inode.LengthBytes;

    public override bool IsWritable { get; }

    public override HostErrno Read(long offsetBytes, Span<byte> buffer)
    {
        lock (_inode.Transfers)
        {
            _inode.Content.Read(offsetBytes, buffer);
        }
        return HostErrno.None;
    }

    public override HostErrno Write(long offsetBytes, ReadOnlySpan<byte> buffer)
    {
        HostErrno errno = BeginChange(offsetBytes, buffer.Length);
        if (errno == HostErrno.None && buffer.Length > 0)
        {
            lock (_inode.Transfers)
            {
                _inode.Content.Write(offsetBytes, buffer);
            }
        }
        return errno;
    }

    public override HostErrno WriteZeroes(long offsetBytes, long lengthBytes)
    {
        HostErrno errno = BeginChange(offsetBytes, lengthBytes);
        if (errno == HostErrno.None && lengthBytes > 0)
        {
            long end = offsetBytes + lengthBytes;
            lock (_inode.Transfers)
            {
                _inode.Content.Clear(offsetBytes, end);
                if (end > _inode.LengthBytes)
                {
                    _inode.Content.SetLength(end);
                }
            }
        }
        return errno;
    }

    public override HostErrno ZeroFast(long offsetBytes, long lengthBytes) =>
        WriteZeroes(offsetBytes, lengthBytes);

    public override HostErrno Flush() => HostErrno.None;

    public override HostErrno Truncate(long lengthBytes)
    {
        if (!IsWritable || lengthBytes < 0)
        {
            return HostErrno.Invalid;
        }
        _inode.MarkTouched();
        lock (_inode.Transfers)
        {
            _inode.Content.SetLength(lengthBytes);
        }
        return HostErrno.None;
    }

    public override HostErrno LockShared(int byteOffset)
    {
        _locks.Set(byteOffset, true);
        return HostErrno.None;
    }

    public override void Unlock(int byteOffset) => _locks.Set(byteOffset, false);

    public override bool IsLockedByOthers(int byteOffset) =>
        _inode.IsLockedByOthers(this, byteOffset);

    public override void Dispose() => _inode.Remove(this);

    /// <summary>A copy of what the file holds now.</summary>
    internal MemoryContent Freeze() => _inode.Content.Freeze();

    internal bool Holds(int byteOffset) => _locks.Contains(byteOffset);

    private HostErrno BeginChange(long offsetBytes, long lengthBytes)
    {
        if (!IsWritable)
        {
            return HostErrno.BadDescriptor;
        }
        if (offsetBytes < 0 || lengthBytes < 0)
        {
            return HostErrno.Invalid;
        }
        if (offsetBytes > LongestFileBytes - lengthBytes)
        {
            return HostErrno.FileTooBig;
        }
        _inode.MarkTouched();
        return HostErrno.None;
    }
}
