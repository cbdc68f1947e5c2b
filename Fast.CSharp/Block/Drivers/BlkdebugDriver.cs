// blkdebug, as far as permissions go: it takes and unshares what it is told to.
// What it does with requests is in the .Data part.
// Spec: spec/block/permissions.md (BLK-PERM-024), open.md (BLK-OPEN-024).
using System;

namespace Ashlar.Block;

/// <summary>
/// A filter, opened as protocol drivers are, with its child in <c>image</c> (BLK-PERM-024,
/// BLK-DATA-009).
/// </summary>
public sealed partial class BlkdebugDriver : FilterDriver
{
    private BlockPermissions _taken;
    private BlockPermissions _unshared;

    internal BlkdebugDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        // The rule for the child needs the lists; an empty one is refused at the very end.
        BlockError? refusal = ReadPermissions(OptionSchema.TakeChildPerms, out _taken);
        refusal = ReadPermissions(OptionSchema.UnshareChildPerms, out _unshared) is { } second
            ? refusal ?? second
            : refusal;
        definition.TryFindChild(OptionSchema.Image, out ChildDefinition image);
        return opener.OpenAndAttach(Node, image, ChildRoles.Filtered | ChildRoles.Primary, out _)
            ?? refusal
            ?? Configure();
    }

    internal override void Close() => ResumeAll();

    // BLK-DEBUG-006
    private BlockError? Configure()
    {
        if (Node.Graph.Debugging.TryGetValue(Node.Name, out BlkdebugSettings? settings))
        {
            _limits = settings;
            _state = new BlkdebugState(settings);
            _ = _state.RaiseAsync(BlockDebugEvent.None);
        }
        return _limits.Test();
    }

    internal override void ChildPermissions(
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        childPerm = Planted.Is(Bug.BlkdebugTakesNothing) ? perm : perm | _taken;
        childShared = Planted.Is(Bug.BlkdebugSharesAll) ? shared : shared & ~_unshared;
    }

    private BlockError? ReadPermissions(string option, out BlockPermissions set)
    {
        set = BlockPermissions.None;
        foreach (ref readonly OptionEntry entry in Node.Effective.Own.AsSpan())
        {
            if (string.Equals(entry.Name, option))
            {
                // Nobody uses an empty list up (BLK-OPEN-024).
                return new BlockError(
                    BlockErrorKind.InvalidArgument,
                    $"Block protocol 'blkdebug' doesn't support the option '{option}'"
                );
            }
            if (
                entry.Name.Length > option.Length
                && entry.Name[option.Length] == '.'
                && entry.Name.StartsWith(option, StringComparison.Ordinal)
            )
            {
                int index = Array.IndexOf(OptionSchema.PermissionWords, entry.Value.AsString);
                set |= (BlockPermissions)(1 << index);
            }
        }
        return null;
    }
}
