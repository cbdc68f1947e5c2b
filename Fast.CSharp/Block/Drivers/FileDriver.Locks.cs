// The lock bytes of a file node: QEMU's layout, so that it and Ashlar exclude each other.
// Spec: spec/block/file.md (BLK-FILE-010 to -014).
namespace Ashlar.Block;

public sealed partial class FileDriver
{
    /// <summary>Byte 100 + i is locked for permission i (BLK-FILE-010).</summary>
    internal const int PermissionLockBase = 100;

    /// <summary>Byte 200 + i is locked for permission i unshared (BLK-FILE-010).</summary>
    internal const int UnsharedLockBase = 200;

    // The pair as committed and as it will be; the bytes held are those of both while a change is
    // in flight: bit i for 100 + i, bit 4 + i for 200 + i.
    private BlockPermissions _lockedPerm;
    private BlockPermissions _lockedShared = BlockPermissions.All;
    private BlockPermissions _lockedPermAfter;
    private BlockPermissions _lockedSharedAfter = BlockPermissions.All;
    private int _held;

    /// <summary>False with locking=off (BLK-FILE-014).</summary>
    internal bool UsesLocks { get; private set; } = true;

    // BLK-FILE-011
    private BlockError? PrepareLocks(BlockPermissions perm, BlockPermissions shared)
    {
        bool isTightening = (perm & ~_lockedPermAfter) != 0 || (_lockedSharedAfter & ~shared) != 0;
        _lockedPermAfter = perm;
        _lockedSharedAfter = shared;
        if (!isTightening)
        {
            return null;
        }
        return Take(MaskOf(perm, shared) & ~_held) ?? Test(perm, shared);
    }

    // BLK-FILE-012
    private void CommitLocks()
    {
        _lockedPerm = _lockedPermAfter;
        _lockedShared = _lockedSharedAfter;
        Release(_held & ~MaskOf(_lockedPerm, _lockedShared));
    }

    private void AbortLocks()
    {
        if (!Planted.Is(Bug.LocksKeptAfterAbort))
        {
            Release(_held & ~MaskOf(_lockedPerm, _lockedShared));
        }
    }

    private static int MaskOf(BlockPermissions perm, BlockPermissions shared) =>
        (int)perm | ((int)(BlockPermissions.All & ~shared) << BlockPermissionNames.Count);

    private static int ByteOf(int index) =>
        index < BlockPermissionNames.Count
            ? PermissionLockBase + index
            : UnsharedLockBase
                + index
                - BlockPermissionNames.Count
                + (Planted.Is(Bug.LockByteOffByOne) ? 1 : 0);

    private BlockError? Take(int mask)
    {
        for (int index = 0; mask >> index != 0; index++)
        {
            if ((mask >> index & 1) == 0)
            {
                continue;
            }
            HostErrno errno = Reader.LockShared(ByteOf(index));
            if (errno != HostErrno.None)
            {
                return new BlockError(
                    BlockErrorKind.Locked,
                    $"Failed to lock byte {ByteOf(index)}: {HostErrnoText.Of(errno)}"
                )
                {
                    Errno = errno,
                    Path = Path,
                    NodeName = Node.Name,
                };
            }
            _held |= 1 << index;
        }
        return null;
    }

    private void Release(int mask)
    {
        for (int index = 0; mask >> index != 0; index++)
        {
            if ((mask >> index & 1) != 0)
            {
                Reader.Unlock(ByteOf(index));
            }
        }
        _held &= ~mask;
    }

    private BlockError? Test(BlockPermissions perm, BlockPermissions shared)
    {
        for (int index = 0; index < BlockPermissionNames.Count; index++)
        {
            if (
                ((int)perm >> index & 1) != 0
                && Reader.IsLockedByOthers(ByteOf(BlockPermissionNames.Count + index))
            )
            {
                return Locked($"Failed to get \"{BlockPermissionNames.Of(index)}\" lock");
            }
        }
        for (int index = 0; index < BlockPermissionNames.Count; index++)
        {
            if (
                ((int)shared >> index & 1) == 0
                && Reader.IsLockedByOthers(ByteOf(index))
                && !Planted.Is(Bug.UnsharedLocksNotTested)
            )
            {
                return Locked($"Failed to get shared \"{BlockPermissionNames.Of(index)}\" lock");
            }
        }
        return null;
    }

    private BlockError Locked(string text) =>
        new(BlockErrorKind.Locked, text) { Path = Path, NodeName = Node.Name };
}
