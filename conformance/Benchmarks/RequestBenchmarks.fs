/// Requests of a user in the steady state, where nothing is allocated any more: through a null
/// device, a raw window and a qcow2 image, all in memory so that only our own code is measured.
namespace Ashlar.Conformance.Benchmarks

open System
open System.Threading.Tasks
open BenchmarkDotNet.Attributes
open Ashlar.Block
open Ashlar.Conformance
open Ashlar.Reference.Block

/// Reads and writes of one size over a driver.
[<MemoryDiagnoser>]
type Requests() =
    let diskBytes = 8L * 1024L * 1024L

    let mutable side = Unchecked.defaultof<FastSide>
    let mutable backend = Unchecked.defaultof<BlockBackend>
    let mutable buffer: byte[] = [||]
    let mutable offset = 0L

    /// What the user sits on.
    [<Params("null-co", "raw", "qcow2")>]
    member val Driver = "" with get, set

    /// Bytes of one request.
    [<Params(4096, 65536)>]
    member val Bytes = 0 with get, set

    member private _.World: Script =
        let file name format = {
            Name = name
            Format = format
            SizeBytes = diskBytes
            Mode = 0o644
            Owned = true
            Locks = []
        }

        {
            Script.empty with
                Files = [ file "disk" Format.Raw; file "image" (Format.Qcow2 World.plainHeader) ]
        }

    member private this.Options =
        let dict members = Value.Dict members
        let str = Value.Str

        let fileNode path = dict [ "driver", str "file"; "filename", str path ]

        match this.Driver with
        | "null-co" ->
            dict [ "driver", str "null-co"; "node-name", str "n"; "size", Value.Int diskBytes ]
        | "raw" -> dict [ "driver", str "raw"; "node-name", str "n"; "file", fileNode "disk" ]
        | _ -> dict [ "driver", str "qcow2"; "node-name", str "n"; "file", fileNode "image" ]

    member private _.Finish(task: ValueTask<BlockError | null>) =
        let error =
            if task.IsCompletedSuccessfully then
                task.Result
            else
                task.AsTask().GetAwaiter().GetResult()

        match error with
        | null -> ()
        | error -> invalidOp error.Text

    member private this.Next() =
        offset <- (offset + int64 this.Bytes) % diskBytes
        offset

    [<GlobalSetup>]
    member this.Setup() =
        use maker = new MemoryWorldMaker()
        let world = maker.Make this.World
        side <- new FastSide([], world.Files)
        side.Add(Options.ofValue this.Options)
        backend <- side.Attach("user", "n", Perm.CR ||| Perm.W, Perm.All)
        buffer <- Array.create this.Bytes 0x5Auy

        // The steady state: every cluster is there.
        for _ in 1L .. diskBytes / int64 this.Bytes do
            this.Write()

    [<GlobalCleanup>]
    member this.Cleanup() = (side :> IDisposable).Dispose()

    [<Benchmark>]
    member this.Read() = this.Finish(backend.TryReadAsync(this.Next(), Memory buffer))

    [<Benchmark>]
    member this.Write() = this.Finish(backend.TryWriteAsync(this.Next(), ReadOnlyMemory buffer))
