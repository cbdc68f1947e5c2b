/// The arguments of the commands, parsed into what the harness takes. Misuse is told in one line.
module Ashlar.Conformance.Cli.Arguments

open System
open System.CommandLine
open System.CommandLine.Parsing
open Ashlar.Conformance
open Ashlar.Reference.Block

/// What a person got wrong; ends the program with exit code 2.
exception Misuse of message: string

/// Refuses with one line.
let misuse (message: string) = raise (Misuse message)

let private option<'a> (name: string) (meaning: string) : Option<'a> =
    Option<'a>(name, Description = meaning)

/// --lane
let lane: Option<string> =
    option
        "--lane"
        "smoke, exhaustive, memory, files, soak, canary, model, qemu or crash; \
         default: files, then memory"

/// --seed
let seed: Option<string> =
    option "--seed" "the number that fixes every script; drawn and printed when absent"

/// --steps
let steps: Option<string> = option "--steps" "stop after so many transitions"

/// --seconds
let seconds: Option<string> = option "--seconds" "stop after so many seconds"

/// --profile
let profile: Option<string> =
    option
        "--profile"
        "ashlar (default), ashlar-static, qemu-7.2, qemu-3.1 or qemu-seed; \
         qemu-7.2-without-DD-FD-FLAGS does not expect that difference, and so finds it"

/// --script
let script: Option<string> =
    option "--script" "only the script of that number, as a replay line says it"

/// --workers
let workers: Option<string> = option "--workers" "worker threads; default: one for each core"

/// --json
let json: Option<string> = option "--json" "write the report as JSON to this file"

/// --html
let html: Option<string> = option "--html" "write the report as one HTML page to this file"

/// --out
let out: Option<string> =
    option "--out" "where shrunk scripts go; default: conformance/corpus/found, or here without it"

/// --out of one script
let scriptOut: Option<string> =
    option "--out" "write the script to this file instead of standard output"

/// --record
let record: Option<string> =
    option "--record" "keep what a QMP server does as traces in this directory, for replay-trace"

/// --files
let realFiles: Option<bool> = option "--files" "run on real files instead of files in memory"

/// --sut
let sut: Option<string> =
    option
        "--sut"
        "the system: memory (default) or files for the engine; model for the proved one; a QMP \
         server: qemu, storaged, 'exec:COMMAND' or unix:SOCKET"

/// --accept
let accept: Option<string> =
    option "--accept" "a reviewed list of declared differences (docs/accept.md)"

let private text (parsed: ParseResult) (option: Option<string>) : string option =
    match parsed.GetValue option with
    | null -> None
    | value -> Some value

let private number (parsed: ParseResult) (option: Option<string>) : int64 option =
    text parsed option
    |> Option.map (fun digits ->
        match Int64.TryParse digits with
        | true, n -> n
        | _ -> misuse $"{option.Name} is a whole number, not '{digits}'")

/// Whether a switch without a value is there.
let isGiven (parsed: ParseResult) (option: Option<bool>) : bool =
    match parsed.GetResult option with
    | null -> false
    | result -> not result.Implicit

/// The whole number given for an option.
let numberOf = number

/// The value of a text option.
let textOf = text

/// The profile asked for.
let profileOf (parsed: ParseResult) : Profile =
    match text parsed profile with
    | None -> Profile.ashlar
    | Some name ->
        match Profile.ofName name with
        | Some profile -> profile
        | None ->
            let names = Profile.all |> List.map _.Name |> String.concat ", "
            misuse $"there is no profile '{name}'; there are {names}"

/// The system under test asked for.
let sutOf (parsed: ParseResult) : Sut =
    match text parsed sut with
    | None when isGiven parsed realFiles -> Sut.EngineOnFiles
    | Some name when isGiven parsed realFiles && name <> "files" ->
        misuse $"--files is the system 'files'; with --sut {name} it says two things"
    | None
    | Some "memory" -> Sut.EngineInMemory
    | Some "files" -> Sut.EngineOnFiles
    | Some "model" -> Sut.Model
    | Some name ->
        match ServerKind.ofWord name with
        | Some kind -> Sut.Server kind
        | None ->
            misuse
                $"there is no system '{name}'; there are memory, files, model, qemu, storaged, \
                  exec:COMMAND, unix:SOCKET"

/// What a lane shall check: a QMP server that was asked for, or its own system.
let sutFor (parsed: ParseResult) (lane: Lane) : Sut =
    match text parsed sut, Lane.isServer lane.Sut with
    | None, _ -> lane.Sut
    | Some _, true when Lane.isServer (sutOf parsed) -> sutOf parsed
    | Some word, true -> misuse $"the lane {lane.Name} checks QMP servers, not {word}"
    | Some "model", false when lane.Name = Lane.exhaustive.Name -> Sut.Model
    | Some word, false ->
        if sutOf parsed <> lane.Sut then
            misuse $"the lane {lane.Name} does not run on {word}; --lane qemu takes any QMP server"

        lane.Sut

/// The profile asked for, or the usual one of what is checked.
let profileFor (parsed: ParseResult) (lane: Lane) : Profile =
    let sut = sutFor parsed lane

    match text parsed profile with
    | None when Lane.isServer sut -> Lane.usualProfile sut
    | None -> lane.Profile
    | Some name ->
        let profile = profileOf parsed

        let isQemu72 (name: string) =
            (name + Profile.without).StartsWith(Profile.qemu72.Name + Profile.without)

        if sut = Sut.Server ServerKind.Qemu && not (isQemu72 profile.Name) then
            misuse
                $"the lane qemu judges the machine's own QEMU by the profile \
                  {Profile.qemu72.Name}, not {name}, unless --sut names another server"

        profile

/// The worker threads asked for.
let workersOf (parsed: ParseResult) : int =
    match number parsed workers with
    | None -> Environment.ProcessorCount
    | Some n when n >= 1L && n <= int64 Limits.workersMax -> int n
    | Some n -> misuse $"--workers is from 1 to {Limits.workersMax}, not {n}"

/// The lane asked for, and the part of it that a replay line may name after a slash.
let lanesOf (parsed: ParseResult) : (Lane * string option) list =
    match text parsed lane with
    | None when (text parsed sut).IsSome && Lane.isServer (sutOf parsed) -> [ Lane.qemu, None ]
    | None -> [ Lane.files, None; Lane.memory, None ]
    | Some name ->
        let name, part =
            match name.IndexOf '/' with
            | -1 -> name, None
            | at -> name.Substring(0, at), Some(name.Substring(at + 1))

        match Lane.ofName name with
        | Some lane -> [ lane, part ]
        | None ->
            let names = Lane.all |> List.map _.Name |> String.concat ", "
            misuse $"there is no lane '{name}'; there are {names}"

/// The seed asked for, or that one.
let seedOr (usual: uint64) (parsed: ParseResult) : uint64 =
    match text parsed seed with
    | Some digits ->
        match UInt64.TryParse digits with
        | true, seed -> seed
        | _ -> misuse $"--seed is a number from 0 to {UInt64.MaxValue}, not '{digits}'"
    | None -> usual

/// The seed asked for, or the lane's own, or a fresh one that the report prints.
let seedOf (parsed: ParseResult) (lane: Lane) : uint64 =
    match lane.Seed with
    | Some usual -> seedOr usual parsed
    // Short enough to be typed again.
    | None -> seedOr (uint64 (Random.Shared.Next(1, 1_000_000_000))) parsed

/// The whole number from 1 on given for an option.
let private positive (parsed: ParseResult) (option: Option<string>) (max: int64) : int64 option =
    number parsed option
    |> Option.map (fun n ->
        if n >= 1L && n <= max then
            n
        else
            misuse $"{option.Name} is from 1 to {max}, not {n}")

/// The transitions asked for.
let stepsOf (parsed: ParseResult) : int64 option = positive parsed steps Limits.stepsMax

/// The budget asked for, or the lane's own.
let budgetOf (parsed: ParseResult) (lane: Lane) : Budget =
    match stepsOf parsed, positive parsed seconds (int64 Limits.secondsMax) with
    | Some _, Some _ -> misuse "--steps and --seconds exclude each other"
    | Some n, None -> Budget.Steps n
    | None, Some s -> Budget.Seconds(int s)
    | None, None -> lane.Budget

/// The script number asked for. Numbers count within a seed, so one that nobody knows has none.
let onlyOf (parsed: ParseResult) (lane: Lane) : int64 option =
    match number parsed script with
    | Some n when n < 0L || n > Limits.stepsMax ->
        misuse $"--script is from 0 to {Limits.stepsMax}, not {n}"
    | Some _ when lane.Seed.IsNone && (text parsed seed).IsNone ->
        misuse "--script needs the --seed of the run that numbered it"
    | only -> only

/// Refuses to run a part of the lane that is whole or nothing, or to run it as another.
let refuseParts (parsed: ParseResult) (lane: Lane) : unit =
    if lane.Name = Lane.exhaustive.Name then
        for budget in [ steps; seconds ] do
            if (text parsed budget).IsSome then
                misuse
                    $"the lane exhaustive is whole or nothing and takes no {budget.Name}; \
                      --script N replays one graph"

        if (profileFor parsed lane).Name <> lane.Profile.Name then
            misuse "the lane exhaustive always runs ashlar and ashlar-static, no other --profile"

/// The file to be read, or why it is none.
let inputOf (path: string) : string =
    if path = "" then
        misuse "a path is not empty"

    if System.IO.Directory.Exists path then
        misuse $"{path}: is a directory"

    if not (System.IO.File.Exists path) then
        misuse $"{path}: there is no such file"

    path

/// The declared differences that the option names; none without it.
let acceptOf (parsed: ParseResult) : Acceptance =
    match text parsed accept with
    | None -> Acceptance.None
    | Some path ->
        let refuse (why: string) = misuse $"--accept {why}"

        if System.IO.Directory.Exists path then
            refuse $"{path}: is a directory"

        if path = "" || not (System.IO.File.Exists path) then
            refuse $"{path}: there is no such file"

        let text =
            match Inputs.text path Limits.acceptCharacters with
            | Some text -> text
            | None -> refuse $"{path}: a list has at most {Limits.acceptCharacters} characters"

        let isRequirement id = (Requirements.find id).IsSome
        let commands = List.ofArray CommandKind.names

        match AcceptanceParser.parse commands isRequirement text with
        | Ok list -> list
        | Error(line, why) -> refuse $"{path}:{line}: {why}"
