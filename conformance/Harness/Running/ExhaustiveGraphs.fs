/// The graphs that the exhaustive lane starts from: every one that the oracle accepts for sure.
namespace Ashlar.Conformance

open Ashlar.Reference.Block

/// A graph to start from: its commands, and where the oracle is after them.
type ExhaustiveGraph = {
    /// Counts from 0; `--script` of a replay.
    Number: int
    /// Where it is under, and what it starts in.
    World: Script
    Profile: Profile
    /// Oldest first.
    Nodes: Alphabet.Built list
    /// Where the oracle is once the nodes are added.
    At: World
    State: State
}

/// Building them.
module ExhaustiveGraphs =
    let private names = [| "n0"; "n1"; "n2" |]

    /// Every node that the alphabet has for the graph, accepted or not. A graph that is full has
    /// none.
    let nextNodes (graph: ExhaustiveGraph) : Alphabet.Built list =
        if graph.Nodes.Length = Alphabet.nodesMax then
            []
        else
            let name = names[graph.Nodes.Length]

            [
                for brick in Alphabet.bricks do
                    let children =
                        if brick.OverChild then
                            graph.Nodes |> List.map _.Name
                        else
                            [ "" ]

                    for child in children do
                        {
                            Alphabet.Built.Name = name
                            Alphabet.Built.Options = brick.Options name child
                        }
            ]

    /// The command that adds a node.
    let add (node: Alphabet.Built) : Command = BlockdevAdd(Value.Dict node.Options)

    /// The commands that build the graph.
    let commands (graph: ExhaustiveGraph) : Command list =
        Alphabet.opening @ List.map add graph.Nodes

    /// Where an accepted command leads; nowhere if the oracle leaves open whether it is accepted.
    let private after (profile: Profile) world state command =
        match Oracle.step profile world state command with
        | [ { Result = Ok _ } as outcome ] -> Some outcome
        | _ -> None

    let private empty (policy: Policy) : ExhaustiveGraph =
        let world = Alphabet.world policy

        let profile = Script.profile world.Header |> Option.defaultValue Profile.ashlar

        let start: ExhaustiveGraph = {
            Number = 0
            World = world
            Profile = profile
            Nodes = []
            At = Script.world world
            State = Graph.empty
        }

        (start, Alphabet.opening)
        ||> List.fold (fun graph command ->
            match after profile graph.At graph.State command with
            | Some outcome -> { graph with At = outcome.World; State = outcome.State }
            | None -> graph)

    let private grown (graph: ExhaustiveGraph) = [
        for node in nextNodes graph do
            match after graph.Profile graph.At graph.State (add node) with
            | Some outcome -> {
                graph with
                    Nodes = graph.Nodes @ [ node ]
                    At = outcome.World
                    State = outcome.State
              }
            | None -> ()
    ]

    let rec private levels graphs =
        match List.collect grown graphs with
        | [] -> graphs
        | larger -> graphs @ levels larger

    /// Every graph under both policies, the empty ones and smaller ones first.
    let all () : ExhaustiveGraph array =
        [ Policy.Dynamic; Policy.Static ]
        |> List.collect (fun policy -> levels [ empty policy ])
        |> List.mapi (fun number graph -> { graph with Number = number })
        |> Array.ofList
