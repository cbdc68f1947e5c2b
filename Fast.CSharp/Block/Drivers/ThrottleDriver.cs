// throttle: a filter that names a throttle group; the limits come with a later package.
// Spec: spec/block/open.md (BLK-OPEN-013), permissions.md (BLK-PERM-022).
namespace Ashlar.Block;

/// <summary>The filter <c>throttle</c> (BLK-PERM-022, BLK-OPEN-013).</summary>
public sealed partial class ThrottleDriver : FilterDriver
{
    internal ThrottleDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The name of the node's group.</summary>
    public string GroupName { get; private set; } = "";

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        BlockError? error =
            opener.AttachFile(Node, ChildRoles.Filtered | ChildRoles.Primary)
            ?? TestGroup(Node.Effective);
        GroupName = NameIn(Node.Effective);
        return error;
    }

    internal override bool IsAccepted(string option) =>
        string.Equals(option, OptionSchema.ThrottleGroup);

    internal override BlockError? PrepareReopen(ReopenEntry entry) => TestGroup(entry.Effective);

    internal override void CommitReopen(ReopenEntry entry) => GroupName = NameIn(entry.Effective);

    private static string NameIn(in OptionSet options) =>
        options.Find(OptionSchema.ThrottleGroup)!.AsString;

    private BlockError? TestGroup(in OptionSet options)
    {
        string name = NameIn(options);
        if (Node.Graph.HasThrottleGroup(name))
        {
            return null;
        }
        return new BlockError(BlockErrorKind.NotFound, $"Throttle group '{name}' does not exist");
    }
}
