/// Open, reopen and permission refresh on chains: what they cost must grow with the number of nodes
/// they touch and with nothing else.
namespace Ashlar.Conformance.Benchmarks

open System
open BenchmarkDotNet.Attributes
open Ashlar.Block
open Ashlar.Conformance
open Ashlar.Reference.Block

/// A chain of so many nodes on both sides, and one operation on it.
[<AbstractClass; MemoryDiagnoser>]
type ChainBenchmark() =
    let mutable engine: IDisposable option = None
    let mutable reference: unit -> unit = ignore
    let mutable fast: unit -> unit = ignore

    /// Nodes that one operation touches.
    [<Params(1, 10, 100, 1000)>]
    member val Nodes = 0 with get, set

    /// What is there before the first operation.
    abstract Commands: Command list

    /// One operation, everything it needs made beforehand.
    abstract OnReference: ReferenceSide -> (unit -> unit)

    /// The same operation.
    abstract OnFast: FastSide -> (unit -> unit)

    [<GlobalSetup>]
    member this.Setup() =
        let oracle = ReferenceSide this.Commands
        let graph = new FastSide(this.Commands, MemoryHostFiles())
        oracle.Build()
        graph.Build()
        engine <- Some graph
        reference <- this.OnReference oracle
        fast <- this.OnFast graph

    [<GlobalCleanup>]
    member _.Cleanup() = engine |> Option.iter _.Dispose()

    [<Benchmark(Baseline = true)>]
    member _.Reference() = reference ()

    [<Benchmark>]
    member _.Fast() = fast ()

/// One node is opened over a chain and deleted again.
type Open() =
    inherit ChainBenchmark()
    // The node that comes and goes is one of those touched; a chain has at least one.
    member private this.Height = max 1 (this.Nodes - 1)
    override this.Commands = Chains.build this.Height

    override this.OnReference oracle =
        let add = BlockdevAdd(Chains.node this.Height)
        let delete = BlockdevDel(Chains.name this.Height)

        fun () ->
            oracle.Do add
            oracle.Do delete

    override this.OnFast engine =
        let options = Options.ofValue (Chains.node this.Height)
        let name = Chains.name this.Height

        fun () ->
            engine.Add options
            engine.Delete name

/// The top of a chain with a user is reopened with its own options.
type Reopen() =
    inherit ChainBenchmark()
    override this.Commands = Chains.build this.Nodes @ [ Chains.attach this.Nodes ]

    override this.OnReference oracle =
        let command = BlockdevReopen [ Chains.node (this.Nodes - 1) ]
        fun () -> oracle.Do command

    override this.OnFast engine =
        let options = [| Options.ofValue (Chains.node (this.Nodes - 1)) |]
        fun () -> engine.Reopen options

/// All nodes of a chain with a user are reopened by one command.
type ReopenAll() =
    inherit ChainBenchmark()
    override this.Commands = Chains.build this.Nodes @ [ Chains.attach this.Nodes ]

    override this.OnReference oracle =
        let command = BlockdevReopen(List.init this.Nodes Chains.node)
        fun () -> oracle.Do command

    override this.OnFast engine =
        let options = Array.init this.Nodes (Chains.node >> Options.ofValue)
        fun () -> engine.Reopen options

/// Zero and one in turn.
[<Sealed>]
type Turn() =
    let mutable turn = 0

    /// The other one than last time.
    member _.Next() =
        turn <- 1 - turn
        turn

/// The user of a chain changes what it asks for, up and down.
type Refresh() =
    inherit ChainBenchmark()
    override this.Commands = Chains.build this.Nodes @ [ Chains.attach this.Nodes ]

    override _.OnReference oracle =
        let turn = Turn()

        let set =
            Chains.masks
            |> Array.map (fun (struct (perm, shared)) -> BackendSet(Chains.user, perm, shared))

        fun () -> oracle.Do set[turn.Next()]

    override _.OnFast engine =
        let turn = Turn()

        fun () ->
            let struct (perm, shared) = Chains.masks[turn.Next()]
            engine.Set(Chains.user, perm, shared)
