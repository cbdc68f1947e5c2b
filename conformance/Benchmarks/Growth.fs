/// What the figures of a run say: cost per node on chains, steps a second, bytes a request.
module Ashlar.Conformance.Benchmarks.Growth

open BenchmarkDotNet.Reports

/// Nanoseconds of one operation; the median, because a shared machine has slow moments.
let private cost (report: BenchmarkReport) =
    match report.ResultStatistics with
    | null -> nan
    | statistics -> statistics.Median

let private parameter (name: string) (report: BenchmarkReport) : string option =
    report.BenchmarkCase.Parameters.Items
    |> Seq.tryFind (fun item -> item.Name = name)
    |> Option.bind (fun item -> Option.ofObj (string item.Value))

/// The length whose cost per node the others are compared with: there, what an operation costs
/// besides the nodes no longer shows.
let private yardstick = 100

/// One side of one operation: lengths with their cost.
let private line (operation: string) (side: string) (costs: (int * float) list) =
    let perNode nodes ns = ns / float nodes

    let yard =
        costs |> List.tryPick (fun (n, ns) -> if n = yardstick then Some(perNode n ns) else None)

    for nodes, ns in costs do
        let ratio =
            match yard with
            | Some yard -> perNode nodes ns / yard
            | None -> nan

        printfn
            "%-10s %-10s %6d nodes %12.2f us %10.1f ns/node  x%.2f"
            operation
            side
            nodes
            (ns / 1000.0)
            (perNode nodes ns)
            ratio

/// Prints what grows with the nodes, a line for each length, and what runs a second.
let print (summaries: Summary seq) =
    let reports = summaries |> Seq.collect _.Reports |> List.ofSeq

    let chains =
        reports
        |> List.choose (fun report ->
            parameter "Nodes" report |> Option.map (fun nodes -> int nodes, report))
        |> List.groupBy (fun (_, report) ->
            let case = report.BenchmarkCase.Descriptor
            case.Type.Name, case.WorkloadMethod.Name)

    if not chains.IsEmpty then
        printfn ""
        printfn "Cost per node, compared with a chain of %d; linear stays near 1:" yardstick

        for (operation, side), lengths in chains do
            lengths
            |> List.map (fun (nodes, report) -> nodes, cost report)
            |> List.sortBy fst
            |> line operation side

    for report in reports do
        if report.BenchmarkCase.Descriptor.Type = typeof<Steps> then
            printfn ""
            printfn "The oracle alone: %.0f steps/s on one core." (1e9 / cost report)
