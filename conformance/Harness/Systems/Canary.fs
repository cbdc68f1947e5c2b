/// A system that is wrong on purpose: the engine with a view that does not see one lock byte. The
/// bench must notice.
namespace Ashlar.Conformance

open Ashlar.Reference.Block

/// A world whose view of lock byte 101 (write) is blind.
[<Sealed>]
type BlindWorld(inner: HostWorld) =
    inherit HostWorld()
    override _.Files = inner.Files
    override _.Move move = inner.Move move
    override _.LocksHeld inode = inner.LocksHeld inode &&& ~~~2
    override _.Dispose() = inner.Dispose()

/// Makes blind worlds in memory.
[<Sealed>]
type BlindWorldMaker() =
    inherit HostWorldMaker()
    let inner = new MemoryWorldMaker()
    override _.Make script = new BlindWorld(inner.Make script)
    override _.Dispose() = inner.Dispose()
