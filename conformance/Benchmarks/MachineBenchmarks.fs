/// The e2k machine: the same turns of a loop on the engine and on the reference.
namespace Ashlar.Conformance.Benchmarks

open BenchmarkDotNet.Attributes
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly

/// How much is carried out.
module Turns =
    /// Wide instructions of one run of the reference.
    [<Literal>]
    let BundleCount = 400_000

    /// Wide instructions of one run of the engine, so many that its start does not count.
    [<Literal>]
    let FastCount = 20_000_000

/// A loop of sums, shifts and a load, assembled once.
type Wides() =
    let source =
        """
    .text
    .global _start
_start:
    { setwd wsz = 16, nfx = 0 ; disp %ctpr1, 1f }
    { addd,0 0, 10000000, %r0 ; addd,1 0, 0, %r1 ; addd,2 0, table, %r4 }
1:  { ldd,0 [ %r4 + 8 ], %r2 ; shld,1 %r1, 3, %r3 ; subd,2 %r0, 1, %r0 }
    { addd,0 %r1, %r2, %r1 ; cmpedb,1 %r0, 0, %pred0 }
    { xord,0 %r1, %r3, %r1 }
    { ct %ctpr1 ? ~%pred0 }
    { addd,0 0, 0, %r1 ; ldd,2 [ 0 ], %r1 }
    .data
    .balign 8
table:
    .dword 1, 2, 3, 4
"""

    let mutable file: byte[] = [||]
    let streams = Ashlar.Conformance.E2k.Hosts.Streams [||]
    let files = Ashlar.Conformance.E2k.Hosts.sandbox
    let host = Ashlar.Conformance.E2k.Hosts.reference streams files

    [<GlobalSetup>]
    member _.Setup() =
        let read (_: string option) (name: string) : Result<string * string, string> =
            Ok(name, source)

        match Assembler.assemble 5 read Map.empty "loop.S" with
        | Ok bytes -> file <- bytes
        | Error problem -> failwith (Assembler.say problem)

    /// One operation is one wide instruction, with the start of the program spread over all.
    [<Benchmark(OperationsPerInvoke = Turns.BundleCount, Baseline = true)>]
    member _.Reference() =
        match Process.start Table.specification None true host file [ "loop" ] [] with
        | Ok running -> Process.run (int64 Turns.BundleCount) running |> snd
        | Error refusal -> failwith refusal.Reason

    /// One operation is one wide instruction.
    [<Benchmark(OperationsPerInvoke = Turns.FastCount)>]
    member _.Engine() =
        match Ashlar.Conformance.E2k.Engine.start None true streams files file [ "loop" ] [] with
        | Ok engine ->
            use engine = engine
            engine.Run(int64 Turns.FastCount) |> ignore
            engine.Retired
        | Error reason -> failwith reason
