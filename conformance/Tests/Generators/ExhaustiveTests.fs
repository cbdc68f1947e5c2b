/// The exhaustive lane: it visits what it says, under both policies, and one graph replays alone.
module Ashlar.Conformance.Tests.Generators.ExhaustiveTests

open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block

let private graphs = lazy (ExhaustiveGraphs.all ())

let private part (only: int64 option) =
    Plan.parts None {
        Lane = Lane.exhaustive
        Sut = Lane.exhaustive.Sut
        PartName = None
        Seed = 0UL
        Budget = Lane.exhaustive.Budget
        Profile = Profile.ashlar
        Workers = 1
        Only = only
    }
    |> List.head

/// Graphs spread over the list, both policies among them.
let private sample = [ 0; 1; 7; 40; 700; 1_700; 2_500; 3_200 ]

/// How many scripts a graph has.
let private words =
    let letters = int64 Alphabet.letters.Length
    Seq.init Alphabet.commandsMax (fun i -> pown letters (i + 1)) |> Seq.sum

let tests =
    testList "exhaustive" [
        test "no graph comes twice" {
            let seen =
                graphs.Value
                |> Array.countBy (fun g -> g.Profile.Name, ExhaustiveGraphs.commands g)
                |> Array.filter (fun (_, times) -> times > 1)

            Expect.isEmpty seen "each graph is another"
        }

        test "graphs have up to three nodes under both policies" {
            let sizes =
                graphs.Value
                |> Array.map (fun g -> g.Profile.Name, g.Nodes.Length)
                |> Array.distinct
                |> Set.ofArray

            let wanted =
                Set.ofList [
                    for profile in [ Profile.ashlar; Profile.ashlarStatic ] do
                        for nodes in 0 .. Alphabet.nodesMax do
                            profile.Name, nodes
                ]

            Expect.equal sizes wanted "sizes of graphs"
        }

        for number in sample do
            test $"every script of graph {number} agrees" {
                let graph = graphs.Value[number]
                let result, counts = Exhaustive.run (Progress()) (part (Some(int64 number)))
                let adds = int64 (ExhaustiveGraphs.nextNodes graph).Length
                let scripts = if graph.Nodes.IsEmpty then 0L else words
                Expect.isEmpty result.Found "disagreements"
                Expect.equal counts.Graphs 1L "one graph"
                Expect.equal counts.Scripts (adds + scripts) "each script counts once"
            }
    ]
