/// What the figures of a run say: cost per node on chains and how it grows, steps a second.
module Ashlar.Conformance.Benchmarks.Growth

open System
open System.Globalization
open BenchmarkDotNet.Reports

/// Nanoseconds of one operation; the least, because a shared machine only ever adds to it.
let private cost (report: BenchmarkReport) : float =
    report.ResultStatistics |> Option.ofObj |> Option.map _.Median |> Option.defaultValue nan

/// The length of the chain, for benchmarks that have one.
let private nodes (report: BenchmarkReport) : int option =
    report.BenchmarkCase.Parameters.Items
    |> Seq.tryFind (fun item -> item.Name = "Nodes")
    |> Option.map (fun item -> Convert.ToInt32(item.Value, CultureInfo.InvariantCulture))

/// One side of one operation: lengths, shortest first, with their costs.
type private Line = { Operation: string; Side: string; Costs: (int * float) list }

let private lines (reports: BenchmarkReport list) : Line list =
    reports
    |> List.choose (fun report -> nodes report |> Option.map (fun n -> report, n))
    |> List.groupBy (fun (report, _) ->
        let case = report.BenchmarkCase.Descriptor
        case.Type.Name, case.WorkloadMethod.Name)
    |> List.map (fun ((operation, side), group) -> {
        Operation = operation
        Side = side
        Costs = group |> List.map (fun (report, n) -> n, cost report) |> List.sortBy fst
    })

/// The power of the length with which the cost grows from one length to the next: 1 is linear, 2
/// quadratic, 0 does not depend on the length.
let private exponents (line: Line) : float list =
    line.Costs
    |> List.pairwise
    |> List.map (fun ((n, ns), (n', ns')) -> log (ns' / ns) / log (float n' / float n))

/// A sorted map of 1,000 is half as deep again as one of 100, so a walk that looks each node up in
/// it grows with the power 1.18; a thousand nodes also fit a cache less well than a hundred. With
/// 1.4 two thirds of the cost at 1,000 would be quadratic.
let private linearUpTo = 1.4

/// Judged by the last exponent: at lengths before, what an operation costs besides the nodes shows.
let private verdict (line: Line) : string =
    match List.tryLast (exponents line) with
    | None -> ""
    | Some last when Double.IsNaN last -> "not measured"
    | Some last when last > linearUpTo -> "NOT LINEAR"
    | Some last when last < 0.5 -> "does not grow"
    | Some _ -> "linear"

let private text (format: string) (x: float) = x.ToString(format, CultureInfo.InvariantCulture)

let private row (cells: string list) = "| " + String.Join(" | ", cells) + " |"

let private header (lengths: int list) =
    let cells =
        [ "operation"; "side" ]
        @ (lengths |> List.map (fun n -> n.ToString("N0", CultureInfo.InvariantCulture)))
        @ [ "exponents"; "verdict" ]

    [ row cells; row (cells |> List.map (fun _ -> "---")) ]

let private shown (line: Line) =
    [ line.Operation; line.Side ]
    @ (line.Costs |> List.map (fun (n, ns) -> text "N0" (ns / float n)))
    @ [ String.Join(", ", exponents line |> List.map (text "0.00")); verdict line ]
    |> row

/// How many times the cost of Fast the cost of Reference is.
let private ratios (all: Line list) =
    all
    |> List.groupBy _.Operation
    |> List.choose (fun (operation, sides) ->
        let side name = sides |> List.tryFind (fun line -> line.Side = name)

        match side "Fast", side "Reference" with
        | Some fast, Some reference when fast.Costs.Length = reference.Costs.Length ->
            let times =
                List.map2
                    (fun (_, f) (_, r) -> "1 : " + text "0.#" (r / f))
                    fast.Costs
                    reference.Costs

            Some(row ([ operation; "Fast : Reference" ] @ times @ [ ""; "" ]))
        | _ -> None)

/// Prints, as Markdown, what each operation costs per node and how that grows; then what runs a
/// second.
let print (summaries: Summary list) : unit =
    let reports = summaries |> List.collect (fun summary -> List.ofSeq summary.Reports)
    let all = lines reports

    match all with
    | [] -> ()
    | first :: _ ->
        printfn ""
        printfn "Nanoseconds per node on a chain of so many, the least of the iterations:"
        printfn ""

        header (List.map fst first.Costs) @ List.map shown all @ ratios all
        |> List.iter (printfn "%s")

    let steps =
        reports
        |> List.filter (fun report -> report.BenchmarkCase.Descriptor.Type = typeof<Steps>)

    for report in steps do
        printfn ""
        printfn "The oracle alone: %s steps/s on one core." (text "N0" (1e9 / cost report))
