/// `ashlar-prove --mutants`: makes each planted change and sees whether its theorem fails.
module Ashlar.Conformance.Proofs.Mutants

open System
open System.IO
open Ashlar.Conformance.Proofs

/// How a planted change ended.
[<RequireQualifiedAccess>]
type Fate =
    /// The theorem failed there.
    | Broken of Fault
    /// It still holds: the theorem says less than it seems to.
    | Survived
    /// The limit was reached: nobody knows whether it holds.
    | Undecided
    /// The place is not there, or Dafny could not even read the change.
    | Misplaced of why: string

let private times (text: string) (part: string) = text.Split(part).Length - 1

/// The file's text with the change in it.
let applied (text: string) (change: PlantedChange) : Result<string, string> =
    match times text change.Old with
    | 1 -> Ok(text.Replace(change.Old, change.New))
    | n -> Error $"its place is {n} times in {change.File}"

let private copy (directory: string) (target: string) =
    for file in Theorems.files directory do
        let path = Path.Combine(target, file)
        Directory.CreateDirectory(nonNull (Path.GetDirectoryName path)) |> ignore
        File.Copy(Path.Combine(directory, file), path)

/// Whether Dafny gave up there instead of finding a fault.
let isOvertime (fault: Fault) : bool =
    fault.Text.Contains "out of resource" || fault.Text.Contains "timed out"

let private verified (scratch: string) (limit: int64) (change: PlantedChange) =
    let ran =
        Verification.run scratch change.ProvedIn [
            "--resource-limit"
            string limit
            // a dot at the end: the whole name and not one that begins with it
            "--filter-symbol"
            change.Breaks + "."
        ]

    if ran.Verified + ran.Errors = 0 then
        Fate.Misplaced $"there is no {change.Breaks} in {change.ProvedIn}"
    elif ran.Errors = 0 then
        Fate.Survived
    else
        // one that ran out of resources proves nothing, but beside it another may have failed
        ran.Faults
        |> List.tryFind (fun fault -> not (isOvertime fault))
        |> Option.map Fate.Broken
        |> Option.defaultValue Fate.Undecided

/// Makes one change in a copy and verifies the theorem there.
let fate (directory: string) (limit: int64) (change: PlantedChange) : Fate =
    let scratch = Directory.CreateTempSubdirectory("ashlar-prove-").FullName

    try
        copy directory scratch
        let path = Path.Combine(scratch, change.File)

        match applied (File.ReadAllText path) change with
        | Error why -> Fate.Misplaced why
        | Ok text ->
            File.WriteAllText(path, text)

            try
                verified scratch limit change
            with Unfit why ->
                Fate.Misplaced why
    finally
        Directory.Delete(scratch, true)

/// Tries every change; the exit code is 0 when each broke its theorem.
let run (directory: string) : int =
    let limit = Prove.limitOf directory
    Toolchain.z3 () |> ignore
    let lemmas = Theorems.all directory
    let mutable broken = 0

    for change in PlantedChanges.all do
        let ids =
            lemmas
            |> List.tryFind (fun lemma -> lemma.Name = change.Breaks)
            |> Option.map _.Cites
            |> Option.defaultValue []

        let theorem =
            if ids.IsEmpty then
                change.Breaks
            else
                $"""{change.Breaks} ({String.concat ", " ids})"""

        match fate directory limit change with
        | Fate.Broken fault ->
            broken <- broken + 1
            Console.WriteLine $"{change.Name}: breaks {theorem}"
            Console.WriteLine $"    {fault.File}:{fault.Line}:{fault.Column}: {fault.Text}"
        | Fate.Survived -> Console.WriteLine $"{change.Name}: NOT NOTICED by {theorem}"
        | Fate.Undecided ->
            Console.WriteLine $"{change.Name}: UNDECIDED within the limit by {theorem}"
        | Fate.Misplaced why -> Console.WriteLine $"{change.Name}: NOT TRIED, {why}"

    Console.WriteLine
        $"planted changes: {broken} of {PlantedChanges.all.Length} break their theorem"

    if broken = PlantedChanges.all.Length then 0 else 1
