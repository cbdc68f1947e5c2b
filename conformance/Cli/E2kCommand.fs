/// `e2k vectors`: directories of e2k vectors against the reference: encodings, operations and
/// programs. `e2k run`: a program on the reference.
module Ashlar.Conformance.Cli.E2kCommand

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance.E2k
open Ashlar.E2k
open Ashlar.Reference.E2k

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

/// The programs of a directory that do what is expected, of all.
let private programs (directory: string) =
    let expectations =
        if Directory.Exists directory then
            Directory.GetFiles(directory, "*.expect") |> Array.sort |> List.ofArray
        else
            []

    let judged =
        expectations
        |> List.map (fun path ->
            let expectation = ProgramVectors.parse (File.ReadAllText path)
            let program = Path.Combine(directory, expectation.Name + ".elf")

            let wrong =
                if File.Exists program then
                    ProgramVectors.check expectation (File.ReadAllBytes program)
                else
                    Some $"{program} is not there"

            expectation.Name, wrong)

    for name, wrong in judged do
        wrong |> Option.iter (fun wrong -> Console.WriteLine $"program {name}: {wrong}")

    judged |> List.filter (fun (_, wrong) -> wrong.IsNone) |> List.length, judged.Length

/// Operations of the table without a meaning, by the reason that stands there.
let private showMissing () =
    let reasons = [
        "none:protected", "descriptors and pointers of the protected mode"
        "none:tags", "tags in memory and copies that check tags"
        "none:unknown", "no source says what they do"
    ]

    let rows = Table.specification.ByName.Values |> Seq.distinct |> List.ofSeq

    for reason, words in reasons do
        let names = rows |> List.filter (fun one -> one.Semantics = reason) |> List.map _.Mnemonic

        let list = String.concat " " names
        Console.WriteLine $"not implemented, {words}: {names.Length}: {list}"

/// Checks a directory of vectors; 0 when nothing undisputed fails, 1 when something does, 2 where
/// there are none.
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
        let rightPrograms, programs = programs (Path.Combine(directory, "programs"))
        showMissing ()

        Console.WriteLine
            $"encoding {right checkedRows}/{rows.Length}, \
ops {operations.Right}/{operations.Undisputed}, programs {rightPrograms}/{programs}"

        if
            right checkedRows = rows.Length
            && operations.Right = operations.Undisputed
            && rightPrograms = programs
        then
            0
        else
            1

/// Exit codes of a program that a signal ended, as a shell has them.
let private codeOf (signal: string) =
    match signal with
    | "SIGILL" -> 132
    | "SIGFPE" -> 136
    | _ -> 139

/// Why a trap came, in the words of the engine's program.
let private because (trap: Trap) =
    match trap with
    | IllegalOperation wrong -> $"illegal: {wrong.Reason} ({wrong.Rule})"
    | InvalidOperand -> "an invalid value where a number is wanted"
    | WindowBounds -> "a register outside the window"
    | StackBounds -> "a stack ends"
    | PageFault address -> $"no access to address {address:x}"
    | DivisionByZero -> "division by zero"

let private complain (text: string) = Console.Error.WriteLine $"ashlar-conform: {text}"

/// Runs a program on the reference; its exit code, or 2 where it is none.
let private run (asked: E2kArguments.Run) (retired: Change -> unit) =
    let path = asked.Path

    match E2kArguments.read path with
    | Error reason ->
        complain $"{path} cannot be read: {reason}"
        2
    | Ok file ->
        let table, pages = Table.specification, asked.Pages
        let host = Hosts.referenceWithin pages (ConsoleHost()) Hosts.sandbox
        let given = path :: asked.Given

        match Process.startWithin pages table asked.Version asked.Tags host file given [] with
        | Error refusal ->
            complain $"{path}: {refusal.Reason} ({refusal.Rule})"
            2
        | Ok running ->
            match Process.follow retired asked.Limit running with
            | Exited code, _, _ -> code
            | Killed(signal, trap), _, state ->
                complain $"{path}: {signal}, {because trap} at {state.Ip:x}"
                codeOf signal
            // Whoever closed the pipe knows, as after any command of a shell.
            | Signalled 13, _, _ -> 128 + 13
            | Signalled signal, _, state ->
                let name = Linux.nameOf signal
                complain $"{path}: {name}, sent by the program itself at {state.Ip:x}"
                128 + signal
            | Stopped, _, _ ->
                complain $"{path}: the limit was reached"
                124

/// Runs a program with a line on each wide instruction.
let private traced asked (path: string) =
    try
        use lines = new StreamWriter(path)
        run asked (fun change -> lines.WriteLine(Retired.line change))
    with
    | :? IOException
    | :? UnauthorizedAccessException ->
        complain $"{path} cannot be written"
        2

let private runCommand () =
    let command = Command("run", "Run an e2k program on the reference.")
    E2kArguments.addTo command
    command.Options.Add E2kArguments.trace

    command.SetAction(fun parsed ->
        let asked = E2kArguments.runOf parsed

        match parsed.GetValue E2kArguments.trace with
        | null -> run asked ignore
        | path -> traced asked path)

    command

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
    command.Subcommands.Add(runCommand ())
    command.Subcommands.Add(E2kEngineCommand.lockstep ())
    command.Subcommands.Add(E2kEngineCommand.fuzz ())
    command.Subcommands.Add(E2kTextCommand.asm ())
    command.Subcommands.Add(E2kTextCommand.dis ())
    command
