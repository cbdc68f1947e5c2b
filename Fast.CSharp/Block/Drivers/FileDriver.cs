// file: a host file through two descriptors, a reader always and a writer while it is wanted.
// Spec: spec/block/file.md, read-only.md.
namespace Ashlar.Block;

/// <summary>The protocol driver <c>file</c> (BLK-FILE-001 to -020).</summary>
public sealed partial class FileDriver : BlockDriver
{
    internal FileDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The path as given.</summary>
    public string Path { get; private set; } = "";

    /// <summary>The read-only descriptor, which also holds the locks; never null while the node lives.</summary>
    internal HostFile Reader { get; private set; } = null!;

    /// <summary>The writable descriptor, exactly while BLK-FILE-002 wants it.</summary>
    internal HostFile? Writer { get; private set; }

    /// <inheritdoc/>
    public override long LengthBytes => Reader.Length;
}
