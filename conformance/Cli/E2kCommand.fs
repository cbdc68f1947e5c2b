/// `e2k vectors`: directories of e2k vectors against the reference: encodings and operations.
/// Programs are counted, and wait for the machine.
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

/// What the operations of a file came to: rows that agree of those that are undisputed.
type private Operations = { Right: int; Undisputed: int }

let private showOperation (row: OperationVectors.Row, verdict) =
    match verdict with
    | OperationVectors.Wrong found ->
        Console.WriteLine $"  line {row.Line + 1} {row.Mnemonic}: {found}"
    | _ -> ()

/// Rows of operations by mnemonic, disputed ones apart.
let private operations (path: string) =
    let rows =
        if File.Exists path then
            File.ReadLines path |> Seq.mapi OperationVectors.parse |> Seq.choose id |> List.ofSeq
        else
            []

    let judged = rows |> List.map (fun row -> row, OperationVectors.check row)
    let isRight (_, verdict) = verdict = OperationVectors.Right

    let disputed, undisputed =
        judged |> List.partition (fun (row: OperationVectors.Row, _) -> row.Disputed.IsSome)

    for mnemonic, group in undisputed |> List.groupBy (fun (row, _) -> row.Mnemonic) do
        let wrong = group |> List.filter (isRight >> not)
        let missing = wrong |> List.filter (fun (_, v) -> v = OperationVectors.NotImplemented)

        if not missing.IsEmpty then
            Console.WriteLine $"{mnemonic}: not implemented, {group.Length} rows"
        elif not wrong.IsEmpty then
            Console.WriteLine
                $"{mnemonic}: {group.Length - wrong.Length} right, {wrong.Length} wrong"

            wrong |> List.iter showOperation

    for kind, group in disputed |> List.groupBy (fun (row, _) -> row.Disputed) do
        let agreeing = group |> List.filter isRight |> List.length

        let otherwise = group.Length - agreeing
        let what = Option.defaultValue "" kind
        Console.WriteLine $"disputed {what}: {agreeing} as the row, {otherwise} otherwise"

    {
        Right = undisputed |> List.filter isRight |> List.length
        Undisputed = undisputed.Length
    }

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
        let operations = operations (Path.Combine(directory, "ops.tsv"))
        let programs = programsIn (Path.Combine(directory, "programs"))

        Console.WriteLine
            $"encoding {right checkedRows}/{rows.Length}, \
ops {operations.Right}/{operations.Undisputed}, programs 0/{programs}"

        if
            right checkedRows = rows.Length
            && operations.Right = operations.Undisputed
            && programs = 0
        then
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
