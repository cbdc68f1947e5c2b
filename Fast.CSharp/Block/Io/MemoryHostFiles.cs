// A host without a kernel: paths, inodes, modes and lock bytes in memory, for worlds that are made
// and thrown away thousands of times a second. One thread at a time. Spec: spec/block/file.md,
// read-only.md.
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>
/// Files in memory behind the same seam as the kernel's: missing names, modes (of the owner),
/// renamed and unlinked files, lock bytes of every open file description and of "another process".
/// </summary>
public sealed class MemoryHostFiles : IHostFiles
{
    /// <summary>The longest path the host takes, in bytes of UTF-8 (BLK-FILE-020).</summary>
    public const int LongestPathBytes = 4095;

    private readonly Dictionary<string, MemoryInode> _names = new(StringComparer.Ordinal);
    private readonly List<MemoryInode> _inodes = [];
    private readonly List<(string Path, MemoryInode Inode)> _namesAtStart = [];
    private bool _namesChanged;

    /// <summary>All files ever made, in the order they were made, unlinked ones too.</summary>
    public IReadOnlyList<MemoryInode> Inodes => _inodes;

    /// <summary>
    /// Makes a file, which is part of what <see cref="Reset"/> comes back to. A file of that name
    /// is replaced.
    /// </summary>
    public MemoryInode Create(string path, MemoryContent content, int mode = 0x1A4)
    {
        MemoryInode inode = new((ulong)_inodes.Count + 1, content, mode);
        _inodes.Add(inode);
        _names[path] = inode;
        _namesAtStart.RemoveAll(entry => string.Equals(entry.Path, path, StringComparison.Ordinal));
        _namesAtStart.Add((path, inode));
        return inode;
    }

    /// <summary>Makes a directory, which no node can open (BLK-FILE-020).</summary>
    public MemoryInode CreateDirectory(string path, int mode = 0x1A4)
    {
        MemoryInode inode = Create(path, MemoryContent.Zeroes(0), mode);
        inode.IsDirectory = true;
        return inode;
    }

    /// <summary>The file of that name, or null.</summary>
    public MemoryInode? Find(string path) => _names.GetValueOrDefault(path);

    /// <inheritdoc/>
    public HostErrno Open(string path, HostFileMode mode, out HostFile? file)
    {
        file = null;
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            return HostErrno.Invalid;
        }
        if (!_names.TryGetValue(path, out MemoryInode? inode))
        {
            bool isTooLong =
                path.Length > LongestPathBytes / 3
                && System.Text.Encoding.UTF8.GetByteCount(path) > LongestPathBytes;
            return isTooLong ? HostErrno.NameTooLong : HostErrno.NoEntry;
        }
        int needed = mode.Writable
            ? MemoryInode.OwnerRead | MemoryInode.OwnerWrite
            : MemoryInode.OwnerRead;
        // As the kernel: a directory is looked at before its mode for writing, after it for
        // reading.
        if (inode.IsDirectory && (mode.Writable || (inode.Mode & needed) == needed))
        {
            return HostErrno.IsDirectory;
        }
        if ((inode.Mode & needed) != needed)
        {
            return HostErrno.AccessDenied;
        }
        file = new MemoryHostFile(inode, mode.Writable);
        return HostErrno.None;
    }

    /// <summary>
    /// Changes the permission bits; descriptors that are open keep what they have.
    /// </summary>
    public HostErrno Chmod(string path, int mode)
    {
        if (!_names.TryGetValue(path, out MemoryInode? inode))
        {
            return HostErrno.NoEntry;
        }
        inode.Mode = mode;
        return HostErrno.None;
    }

    /// <summary>Renames a file, replacing what has the new name.</summary>
    public HostErrno Rename(string from, string to)
    {
        if (!_names.TryGetValue(from, out MemoryInode? inode))
        {
            return HostErrno.NoEntry;
        }
        if (!string.Equals(from, to, StringComparison.Ordinal))
        {
            _names.Remove(from);
            _names[to] = inode;
            _namesChanged = true;
        }
        return HostErrno.None;
    }

    /// <summary>Takes the name away; open descriptors keep the file.</summary>
    public HostErrno Unlink(string path)
    {
        if (!_names.Remove(path))
        {
            return HostErrno.NoEntry;
        }
        _namesChanged = true;
        return HostErrno.None;
    }

    /// <summary>Another process takes a shared lock on one byte of the file.</summary>
    public HostErrno TakeLock(string path, int byteOffset) =>
        ChangeForeignLock(path, byteOffset, isHeld: true);

    /// <summary>The other process gives the lock on the byte up; not held is fine.</summary>
    public HostErrno DropLock(string path, int byteOffset) =>
        ChangeForeignLock(path, byteOffset, isHeld: false);

    /// <summary>
    /// Brings every file back to how it was made: names, modes, content, no foreign locks.
    /// Descriptors still open are cut off from their file's locks and must not be used any more.
    /// </summary>
    public void Reset()
    {
        foreach (MemoryInode inode in _inodes)
        {
            inode.Reset();
        }
        if (_namesChanged)
        {
            _names.Clear();
            foreach ((string path, MemoryInode inode) in _namesAtStart)
            {
                _names.Add(path, inode);
            }
            _namesChanged = false;
        }
    }

    private HostErrno ChangeForeignLock(string path, int byteOffset, bool isHeld)
    {
        if (!_names.TryGetValue(path, out MemoryInode? inode))
        {
            return HostErrno.NoEntry;
        }
        inode.SetForeignLock(byteOffset, isHeld);
        return HostErrno.None;
    }
}
