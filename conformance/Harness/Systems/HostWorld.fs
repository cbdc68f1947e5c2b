/// The environment of a system under test: the files of a world as some host has them.
namespace Ashlar.Conformance

open System
open Ashlar.Block
open Ashlar.Reference.Block

/// A world made real for one script. Inodes are numbered as `World.addFile` numbers them: from 1,
/// in the order of the script's files.
[<AbstractClass>]
type HostWorld() =
    /// The host's files as the engine gets to see them.
    abstract Files: WatchedFiles

    /// The environment's move.
    abstract Move: Move -> unit

    /// Lock bytes that the engine holds on a file, asked from outside it: bits as in ObservedFile.
    abstract LocksHeld: inode: int -> int

    abstract Dispose: unit -> unit
    default _.Dispose() = ()

    interface IDisposable with
        member this.Dispose() = this.Dispose()

/// Makes worlds; owned by one worker thread.
[<AbstractClass>]
type HostWorldMaker() =
    abstract Make: Script -> HostWorld
    abstract Dispose: unit -> unit
    default _.Dispose() = ()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
