// The objects of a graph: one space of ids, and which of them are in use.
// Spec: spec/block/objects.md.
using System;
using System.Collections.Generic;
using System.Security.Cryptography;
using System.Text.Unicode;

namespace Ashlar.Block;

public sealed partial class BlockGraph
{
    private readonly List<BlockObject> _objects = [];
    private readonly Dictionary<string, byte[]> _secrets = new(StringComparer.Ordinal);

    /// <summary>All objects, oldest first (BLK-OBJ-001).</summary>
    public IReadOnlyList<BlockObject> Objects => _objects;

    /// <summary>object-add (BLK-OBJ-002).</summary>
    public BlockError? TryObjectAdd(BlockObjectKind kind, string id)
    {
        if (!NodeOpener.IsWellFormed(id))
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                "Parameter 'id' expects an identifier"
            );
        }
        if (FindObject(id) >= 0)
        {
            return new BlockError(
                BlockErrorKind.AlreadyExists,
                $"attempt to add duplicate property '{id}' to object (type 'container')"
            );
        }
        _objects.Add(new BlockObject(kind, id));
        return null;
    }

    /// <summary>
    /// What a secret keeps (BLK-OBJ-007); given once, after its object was added. It is copied, and
    /// cleared when the object goes.
    /// </summary>
    public void SetSecret(string id, ReadOnlySpan<byte> data) => _secrets[id] = data.ToArray();

    /// <summary>
    /// object-del: a group with members and a thread with exports cannot go (BLK-OBJ-003).
    /// </summary>
    public BlockError? TryObjectDel(string id)
    {
        int index = FindObject(id);
        if (index < 0)
        {
            return new BlockError(BlockErrorKind.NotFound, $"object '{id}' not found");
        }
        if (IsInUse(_objects[index]))
        {
            return new BlockError(
                BlockErrorKind.InUse,
                $"object '{id}' is in use, can not be deleted"
            );
        }
        _objects.RemoveAt(index);
        if (_secrets.Remove(id, out byte[]? data))
        {
            CryptographicOperations.ZeroMemory(data);
        }
        return null;
    }

    /// <summary>The passphrase that an option names (BLK-OBJ-007).</summary>
    internal BlockError? TryFindPassphrase(string id, out ReadOnlyMemory<byte> passphrase)
    {
        passphrase = default;
        int index = FindObject(id);
        if (index < 0)
        {
            return new BlockError(BlockErrorKind.NotFound, $"No secret with id '{id}'");
        }
        if (_objects[index].Kind != BlockObjectKind.Secret)
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                $"Object with id '{id}' is not a secret"
            );
        }
        byte[] data = _secrets.GetValueOrDefault(id, []);
        // In QEMU a passphrase is text that ends before a zero, so that none has one.
        if (!Utf8.IsValid(data) || data.AsSpan().Contains((byte)0))
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                $"Data from secret {id} is not valid UTF-8"
            );
        }
        passphrase = data;
        return null;
    }

    /// <summary>Whether there is a throttle group of that name (BLK-OPEN-013).</summary>
    internal bool HasThrottleGroup(string id)
    {
        int index = FindObject(id);
        return index >= 0 && _objects[index].Kind == BlockObjectKind.ThrottleGroup;
    }

    private int FindObject(string id)
    {
        for (int index = 0; index < _objects.Count; index++)
        {
            if (string.Equals(_objects[index].Id, id))
            {
                return index;
            }
        }
        return -1;
    }

    // A node's group is what its last command that succeeded says.
    private bool IsInUse(in BlockObject found)
    {
        if (found.Kind == BlockObjectKind.IoThread)
        {
            return IsThreadInUse(found.Id) && !Planted.Is(Bug.UsedThreadDeleted);
        }
        if (found.Kind != BlockObjectKind.ThrottleGroup)
        {
            return false;
        }
        foreach (BlockNode node in Nodes)
        {
            if (
                node.Driver is ThrottleDriver throttle
                && string.Equals(throttle.GroupName, found.Id)
            )
            {
                return true;
            }
        }
        return false;
    }
}
