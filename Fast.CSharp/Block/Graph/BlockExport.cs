// An export as far as the graph is concerned: an id, a name, and a root of its own.
namespace Ashlar.Block;

/// <summary>An NBD export (BLK-EXPORT-001 to -006). Serving it is another package's.</summary>
public sealed class BlockExport
{
    internal BlockExport(string id, string name, bool isWritable, BlockBackend backend)
    {
        Id = id;
        Name = name;
        IsWritable = isWritable;
        Backend = backend;
    }

    /// <summary>
    /// The id of the iothread it was given, or null for the main thread (BLK-OBJ-005). Requests run
    /// on the threads of their connections whatever it says; the graph keeps the promise that it
    /// stands for.
    /// </summary>
    public string? IoThread { get; internal init; }

    /// <summary>Whether its node stays in that thread (BLK-OBJ-006).</summary>
    public bool IsFixedThread { get; internal init; }

    /// <summary>The id the user chose.</summary>
    public string Id { get; }

    /// <summary>The name clients ask for.</summary>
    public string Name { get; }

    /// <summary>Whether clients may write.</summary>
    public bool IsWritable { get; }

    /// <summary>The export's own unnamed backend, through which requests go.</summary>
    public BlockBackend Backend { get; }
}
