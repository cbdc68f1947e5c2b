/// Nodes that nobody named: the block layer draws their names, so two of them are compared by the
/// place they have in the graph.
namespace Ashlar.Conformance

open System.Text.RegularExpressions

/// Names made up, and the places that stand for them.
module Places =
    let private generated = Regex("#block[0-9]+", RegexOptions.Compiled)

    /// A text with every generated node name replaced by one.
    let renamed (text: string) : string = generated.Replace(text, "#block")

    /// Nobody can give such a name (BLK-GRAPH-003).
    let private isGenerated (name: string) = name.StartsWith '#'

    /// The names made up by the block layer, each with the node's place: the path to it from a node
    /// that somebody named; where only users of the graph are left, from the export.
    let private places (o: Observation) : Map<string, string> =
        let nodes = o.Nodes |> List.map (fun n -> n.Name, n) |> Map.ofList

        let rec place (name: string) : string =
            if not (isGenerated name) then
                name
            else
                let parents = nodes.TryFind name |> Option.map _.Parents |> Option.defaultValue []

                let above =
                    parents
                    |> List.choose (fun edge ->
                        match edge.Holder with
                        | Holder.Node parent -> Some(place parent + "." + edge.Name)
                        | Holder.Backend _ -> None)

                let users = [
                    for id, node in o.Exports do
                        if node = name then
                            "export " + id
                ]

                let others = parents |> List.map (fun edge -> nodes[name].Driver + "." + edge.Name)

                [ above; users; others ]
                |> List.tryFind (List.isEmpty >> not)
                |> Option.map (List.sortWith (fun a b -> System.String.CompareOrdinal(a, b)))
                |> Option.map List.head
                |> Option.defaultValue name

        o.Nodes
        |> List.filter (fun n -> isGenerated n.Name)
        |> List.map (fun n -> n.Name, place n.Name)
        |> Map.ofList

    /// The nodes with names made up, paired by their place: the name in one observation and the
    /// name in the other.
    let pairs (expected: Observation) (actual: Observation) : (string * string) list =
        let there =
            places actual |> Map.toList |> List.map (fun (name, at) -> at, name) |> Map.ofList

        places expected
        |> Map.toList
        |> List.choose (fun (name, at) -> there.TryFind at |> Option.map (fun other -> name, other))

    /// The observation with places instead of names made up.
    let placed (o: Observation) : Observation =
        let places = places o
        let name (old: string) = places.TryFind old |> Option.defaultValue old

        let edge (e: ObservedEdge) = {
            e with
                Child = name e.Child
                Holder =
                    match e.Holder with
                    | Holder.Node parent -> Holder.Node(name parent)
                    | backend -> backend
        }

        {
            o with
                Nodes =
                    o.Nodes
                    |> List.map (fun n -> {
                        n with
                            Name = name n.Name
                            Children = List.map edge n.Children
                            Parents = List.map edge n.Parents
                    })
                    |> List.sortWith (fun a b -> System.String.CompareOrdinal(a.Name, b.Name))
                Backends = o.Backends |> List.map (fun b -> { b with Node = name b.Node })
                Exports = o.Exports |> List.map (fun (id, node) -> id, name node)
        }
