/// The program ashlar-conform: reads the command line and hands over to the harness. Exit codes:
/// 0 in agreement, 1 a disagreement, 2 misuse or a machine that refuses what a run needs.
module Ashlar.Conformance.Cli.Program

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance
open Ashlar.Conformance.Cli

let private runOptions: Option list = [
    Arguments.lane
    Arguments.sut
    Arguments.seed
    Arguments.steps
    Arguments.seconds
    Arguments.profile
    Arguments.script
    Arguments.accept
    Arguments.workers
    Arguments.json
    Arguments.html
    Arguments.out
    Arguments.record
]

let private command
    (name: string)
    (meaning: string)
    (parts: Symbol list)
    (act: ParseResult -> int)
    =
    let command = Command(name, meaning)

    for part in parts do
        match part with
        | :? Option as option -> command.Options.Add option
        | :? Argument as argument -> command.Arguments.Add argument
        | _ -> ()

    command.SetAction act
    command

let private symbols (options: Option list) : Symbol list = options |> List.map (fun o -> o)

let private file = Argument<string>("FILE", Description = "a script")

let private replay () =
    let files =
        Argument<string[]>("FILE", Description = "scripts", Arity = ArgumentArity.OneOrMore)

    command
        "replay"
        "Run scripts and compare every step."
        [ files; Arguments.realFiles; Arguments.sut; Arguments.profile; Arguments.accept ]
        (fun parsed ->
            match parsed.GetValue files with
            | null -> Arguments.misuse "which script?"
            | files -> ScriptCommands.replay files parsed)

let private given (parsed: ParseResult) (argument: Argument<string>) : string =
    match parsed.GetValue argument with
    | null -> Arguments.misuse "which file?"
    | path -> path

let private explain () =
    let step = Option<string>("--step", Description = "only this step, counted from 1")

    command
        "explain"
        "Say requirement by requirement why the oracle decides as it does."
        [ file; step ]
        (fun parsed -> ScriptCommands.explain (given parsed file) (Arguments.numberOf parsed step))

let private shrink () =
    command
        "shrink"
        "Make a script that disagrees as short as it goes."
        [
            file
            Arguments.realFiles
            Arguments.sut
            Arguments.profile
            Arguments.workers
            Arguments.scriptOut
        ]
        (fun parsed -> ScriptCommands.shrink (given parsed file) parsed)

let private replayTrace () =
    let trace = Argument<string>("FILE", Description = "a recorded trace, JSON lines")

    command
        "replay-trace"
        "Compare a recorded trace of a QEMU with a profile."
        [ trace; Arguments.profile; Arguments.accept; Arguments.json ]
        (fun parsed -> TraceCommand.run (given parsed trace) parsed)

let private tables () =
    let directory =
        Argument<string>(
            "DIRECTORY",
            Description = "where the pages go",
            DefaultValueFactory = (fun _ -> Path.Combine("docs", "tables"))
        )

    command "tables" "Write the generated pages of docs/tables." [ directory ] (fun parsed ->
        Tables.write (given parsed directory))

let private oracle () =
    command
        "oracle"
        "Serve the specification itself over QMP, on files that are looked at and never written."
        [ OracleCommand.socket; OracleCommand.directory; Arguments.profile ]
        OracleCommand.run

let private mutants () =
    command
        "mutants"
        "Hunt every bug planted in the engine, one at a time."
        (symbols [
            Arguments.seed
            Arguments.steps
            Arguments.json
            MutantsCommand.table
            MutantsCommand.corpus
        ])
        MutantsCommand.run

/// The commands, by name.
let root () =
    let root = RootCommand "Checks a block layer against the Ashlar oracle."

    [
        command "run" "Run lanes of random scripts." (symbols runOptions) RunCommand.run
        replay ()
        explain ()
        shrink ()
        command
            "coverage"
            "Run lanes and list every requirement with its counts."
            (symbols runOptions)
            RunCommand.coverage
        replayTrace ()
        oracle ()
        command "list" "List lanes, profiles and planted bugs." [] (fun _ -> Tables.list ())
        mutants ()
        tables ()
        E2kCommand.command ()
        ImageCommand.command ()
        command "about" "Say what this build is." [] (fun _ ->
            Console.WriteLine $"ashlar-conform ({Build.kind})"
            0)
    ]
    |> List.iter root.Subcommands.Add

    root

let private complain (message: string) =
    Console.Error.WriteLine("ashlar-conform: " + message)
    2

/// Nothing but this prints an exception, and only its message: users get no stack traces, unless
/// they ask for them.
let private guarded (act: unit -> int) : int =
    try
        act ()
    with
    | Arguments.Misuse message -> complain message
    | QmpFault reason -> complain reason
    | Libc.HostFault(operation, errno) ->
        complain $"{operation}: {Runtime.InteropServices.Marshal.GetPInvokeErrorMessage errno}"
    | :? IOException as error -> complain error.Message
    | :? UnauthorizedAccessException as error -> complain error.Message
    | error when isNull (Environment.GetEnvironmentVariable "ASHLAR_STACK_TRACE") ->
        complain
            $"internal error, {error.GetType().Name}: {error.Message} \
              (ASHLAR_STACK_TRACE=1 shows where)"

let private invoke arguments =
    let parsed = (root ()).Parse(E2kArguments.separated arguments)

    if parsed.Errors.Count > 0 then
        // The first is the mistake; the others follow from it.
        let errors = parsed.Errors |> Seq.map (fun error -> error.Message) |> List.ofSeq

        let mistake =
            errors
            |> List.tryFind (fun text -> text.Contains('\''))
            |> Option.defaultValue errors.Head

        complain mistake
    else
        parsed.Invoke(InvocationConfiguration(EnableDefaultExceptionHandler = false))

[<EntryPoint>]
let main arguments = guarded (fun () -> invoke arguments)
