/// `e2k lockstep`: a program on reference and engine, compared after every wide instruction.
module Ashlar.Conformance.Cli.E2kEngineCommand

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance.E2k

let private complain (text: string) = Console.Error.WriteLine $"ashlar-conform: {text}"

/// All registers are compared after so many wide instructions.
let private every = 4096L

/// 0 where both agree, 1 where they differ, 2 where there is no program.
let private run (asked: E2kArguments.Run) =
    match E2kArguments.read asked.Path with
    | Error reason ->
        complain $"{asked.Path} cannot be read: {reason}"
        2
    | Ok file ->
        let setting: Lockstep.Setting = {
            Version = asked.Version
            Tags = asked.Tags
            Arguments = asked.Path :: asked.Given
            Environment = []
            Input = [||]
            Taken = Int32.MaxValue
            Pages = asked.Pages
            Limit = asked.Limit
            Every = every
            Ranges = []
            Files = Hosts.sandbox
        }

        match Lockstep.run setting file with
        | Lockstep.Agreed(bundles, ending) ->
            Console.WriteLine
                $"{bundles} wide instructions alike, then {ProgramVectors.endOf ending}"

            0
        | Lockstep.Differed difference ->
            Console.WriteLine(Lockstep.say difference)
            1
        | Lockstep.Refused reason ->
            complain $"{asked.Path}: {reason}"
            2

/// `e2k lockstep PROGRAM`
let lockstep () =
    let command =
        Command("lockstep", "Run an e2k program on reference and engine and compare each step.")

    E2kArguments.addTo command
    command.SetAction(fun parsed -> run (E2kArguments.runOf parsed))
    command

let private seed =
    Option<string>("--seed", Description = "the number that fixes every program; 1 when absent")

let private steps =
    Option<string>("--steps", Description = "wide instructions to compare; a million when absent")

let private save =
    Option<string>("--save", Description = "a folder where a program that differs is kept")

/// Programs between two lines that say how far a run is.
let private programsPerLine = 100

/// The program of a finding as a file, and beside it how to run it again and what it shows.
let private kept (directory: string) (finding: Fuzzing.Fuzz.Finding) (replay: string) =
    Directory.CreateDirectory directory |> ignore
    let name = Path.Combine(directory, $"e2k-{finding.Seed}-{finding.Number}")
    File.WriteAllBytes(name + ".elf", Fuzzing.Programs.image finding.Program)
    let tags = if finding.Program.Tags then "on" else "off"
    let version = finding.Program.Version

    File.WriteAllLines(
        name + ".txt",
        [
            replay
            $"ashlar-conform e2k lockstep --cpu v{version} --tags {tags} {name}.elf"
            Lockstep.say finding.Difference
        ]
    )

    Console.WriteLine $"kept as {name}.elf"

let private fuzzed (seed: int) (count: int64) (directory: string option) =
    let replay = $"Replay: ashlar-conform e2k fuzz --seed {seed} --steps {count}"
    Console.WriteLine replay

    let report =
        Fuzzing.Fuzz.run seed count (fun report ->
            if report.Programs % programsPerLine = 0 && report.Programs > 0 then
                Console.Error.WriteLine
                    $"{report.Programs} programs, {report.Bundles} wide instructions")

    match report.Finding with
    | None ->
        Console.WriteLine
            $"{report.Bundles} wide instructions of {report.Programs} programs alike, \
{report.Trapped} programs trapped"

        0
    | Some finding ->
        Console.WriteLine $"program {finding.Number} of seed {finding.Seed} differs"
        Console.WriteLine(Lockstep.say finding.Difference)
        directory |> Option.iter (fun directory -> kept directory finding replay)
        Console.WriteLine replay
        1

/// `e2k fuzz`
let fuzz () =
    let command = Command("fuzz", "Run random e2k programs on reference and engine.")
    command.Options.Add seed
    command.Options.Add steps
    command.Options.Add save

    command.SetAction(fun parsed ->
        let number = E2kArguments.numberOf "--seed" 1L (parsed.GetValue seed)
        let count = E2kArguments.numberOf "--steps" 1_000_000L (parsed.GetValue steps)
        fuzzed (int number) count (Option.ofObj (parsed.GetValue save)))

    command
