/// The generated tables: what the programs can do stands in docs/tables, and nowhere by hand.
/// `dotnet fsi build.fsx tables` writes them; each maker of names is listed here, once.
module Ashlar.Conformance.Tests.Tidy.Tables

open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Proofs
open Ashlar.Conformance.Tests.Tidy.Repository

/// A table: its file, and the names that it must have a row for.
type private Table = { Path: string; Names: unit -> string list }

let private bugs () = PlantedBugs.all |> List.map _.Name

let private tables = [
    { Path = "docs/tables/lanes.md"; Names = fun () -> Lane.all |> List.map _.Name }
    { Path = "docs/tables/planted-bugs.md"; Names = bugs }
    { Path = PlantedBugs.tablePath; Names = bugs }
]

/// A row begins with its name, in backquotes.
let private missing table =
    let full = Path.Combine(root, table.Path)
    let lines = if File.Exists full then File.ReadAllLines full else [||]

    table.Names()
    |> List.filter (fun name ->
        not (lines |> Array.exists (fun line -> line.StartsWith $"| `{name}` |")))
    |> List.map (fun name -> {
        Place = table.Path
        Line = 1
        What = $"no row for {name}; run `dotnet fsi build.fsx tables`"
    })

let private requirementsTable = "docs/tables/requirements.md"

let private staleRequirements () =
    let full = Path.Combine(root, requirementsTable)

    if File.Exists full && File.ReadAllText full = Traceability.page root then
        []
    else
        [
            {
                Place = requirementsTable
                Line = 1
                What = "is not what the sources say; run `dotnet fsi build.fsx tables`"
            }
        ]

let tests =
    testList "tables" [
        test "every lane and every planted bug has a row in its generated table" {
            tables |> List.collect missing |> expectNone "Rows missing"
        }
        test "the table of requirements is what pages, rooms and proofs say" {
            staleRequirements () |> expectNone "Stale tables"
        }
    ]
