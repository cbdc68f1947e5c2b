/// `e2k vectors`: directories of e2k vectors against the reference. So far the encodings;
/// operations and programs are counted, and wait for the machine.
module Ashlar.Conformance.Cli.E2kCommand

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance.E2k

/// Failures that are printed of each kind and direction.
let private shownMax = 3

let private show (failures: EncodingVectors.Failure list) =
    for (kind, direction), group in
        failures |> List.groupBy (fun one -> one.Row.Kind, one.Direction) do
        Console.WriteLine $"{kind}, {direction}: {group.Length} differ"

        for one in List.truncate shownMax group do
            let words = one.Row.Words |> Array.map (fun word -> $"{word:x8}") |> String.concat " "
            Console.WriteLine $"  words  {words}"
            Console.WriteLine $"  text   {one.Row.Text}"
            Console.WriteLine $"  source {one.Row.Source}"
            Console.WriteLine $"  found  {one.Found}"

let private rowsIn (path: string) =
    if File.Exists path then
        File.ReadLines path |> Seq.filter (fun line -> not (line.StartsWith '#')) |> Seq.length
    else
        0

let private programsIn (directory: string) =
    if Directory.Exists directory then
        Directory.GetFiles(directory, "*.expect").Length
    else
        0

/// Checks a directory of vectors; 0 when nothing in it fails, 1 when something does or is not
/// checked yet, 2 where there are none.
let private vectors (directory: string) =
    let path = Path.Combine(directory, "encoding.tsv")

    if not (File.Exists path) then
        Console.Error.WriteLine $"ashlar-conform: {path} is not there"
        2
    else
        let rows = File.ReadLines path |> Seq.choose EncodingVectors.parse |> List.ofSeq
        let checkedRows = rows |> List.map (fun row -> row, EncodingVectors.check row)
        let isRight (_, failures: EncodingVectors.Failure list) = failures.IsEmpty
        let right (some: _ list) = some |> List.filter isRight |> List.length

        for (kind, isRoundTrip), group in
            checkedRows |> List.groupBy (fun (row, _) -> row.Kind, row.IsRoundTrip) do
            let flag = if isRoundTrip then "rt" else "src"
            Console.WriteLine $"{kind} {flag}: {right group}/{group.Length}"

        show (checkedRows |> List.collect snd)
        let operations = rowsIn (Path.Combine(directory, "ops.tsv"))
        let programs = programsIn (Path.Combine(directory, "programs"))

        Console.WriteLine
            $"encoding {right checkedRows}/{rows.Length}, ops 0/{operations}, programs 0/{programs}"

        if right checkedRows = rows.Length && operations + programs = 0 then
            0
        else
            1

/// The command and what is below it.
let command () =
    let directory = Argument<string>("DIRECTORY", Description = "where encoding.tsv is")
    let vectorsOf = Command("vectors", "Check a directory of e2k vectors.")
    vectorsOf.Arguments.Add directory

    vectorsOf.SetAction(fun parsed ->
        match parsed.GetValue directory with
        | null -> Arguments.misuse "which directory?"
        | path -> vectors path)

    let command = Command("e2k", "Check the reference of the e2k machine.")
    command.Subcommands.Add vectorsOf
    command
