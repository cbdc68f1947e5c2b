/// The fuzzer: random programs on reference and engine, stepped and freely, until so many wide
/// instructions have been compared. A program that differs is shrunk. Requirements:
/// spec/e2k/step.md, E2K-STEP.
module Ashlar.Conformance.E2k.Fuzzing.Fuzz

open System
open Ashlar.Reference.E2k
open Ashlar.Conformance.E2k
open Ashlar.Conformance.E2k.Fuzzing.Programs

/// A program that the two carry out differently.
type Finding = {
    /// The number of the program in the run, which with the seed is all of it.
    Number: int
    Seed: int
    Program: Program
    IsFree: bool
    Difference: Lockstep.Difference
}

/// What a run came to.
type Report = {
    /// Wide instructions that were compared.
    Bundles: int64
    Programs: int
    /// Programs that ended with a trap.
    Trapped: int
    Finding: Finding option
}

/// Wide instructions of one program at most.
let private limit = 30_000L

let private setting (program: Program) : Lockstep.Setting = {
    Version = Some program.Version
    Tags = program.Tags
    Arguments = [ "fuzz" ]
    Environment = []
    Input = [||]
    Limit = limit
    Taken = System.Int32.MaxValue
    Pages = Process.pagesMax
    Every = 1024L
    Ranges = ranges
    Files = Hosts.sandbox
}

let private host () : Linux.Host = Hosts.reference (Hosts.Streams [||]) Hosts.sandbox

/// The line at which a program traps on the reference, if it does so in its first turns.
let private trappingLine (program: Program) (file: byte[]) : int option =
    let version = Some program.Version

    match Process.start Table.specification version program.Tags (host ()) file [ "fuzz" ] [] with
    | Error _ -> None
    | Ok running ->
        let mutable last = running.State.Ip

        match Process.watch (fun change -> last <- change.After.Ip) 2000L running with
        | Killed _, _ ->
            let addresses, _ = layOut program
            let line = Array.IndexOf(addresses, last)
            if line >= 0 then Some line else None
        | _ -> None

/// Times that a program is mended before it is taken as it is.
let private mendingsMax = 60

/// Replaces lines that trap at once, so that most programs get far; a few keep their trap.
let private mended (random: Random) (program: Program) =
    let rec mend (program: Program) left =
        let file = image program

        match trappingLine program file with
        | Some line when left > 0 && program.Body.Contains line && not (Bundles.chance random 2) ->
            let lines = Array.copy program.Lines
            let fresh () = Bundles.draw random program.Room []

            lines[line] <-
                match lines[line] with
                | Plain [ { Name = "call" } ] -> Plain []
                | Plain _ -> Plain(if left % 3 = 0 then [] else fresh ())
                | Branching(_, guard, target) when left % 3 = 0 ->
                    Branching([], [ { guard[0] with Negated = not guard[0].Negated } ], target)
                | Branching(_, _, target) ->
                    Branching(fresh (), [ Bundles.condition random ], target)
                | Preparing(_, target) -> Preparing([], target)

            mend { program with Lines = lines } (left - 1)
        | _ -> program, file

    mend program mendingsMax

/// The program of a number in a run.
let programOf (seed: int) (number: int) : Program * byte[] =
    let random = Random(seed * 1_000_003 + number)
    let version = 2 + random.Next 5
    let tags = Bundles.chance random 60
    mended random (draw random version tags)

/// How a program differs, stepped or run freely; else the wide instructions compared and its end.
let check (program: Program) (file: byte[]) =
    let setting = setting program

    match Lockstep.run setting file with
    | Lockstep.Differed difference -> Error(false, difference)
    | Lockstep.Refused reason -> Error(false, { Before = 0L; What = reason; Window = [] })
    | Lockstep.Agreed(bundles, ending) ->
        match Lockstep.runFree setting file with
        | Lockstep.Differed difference -> Error(true, difference)
        | _ -> Ok(bundles, ending)

/// Lines emptied one after the other, and then operations left out, as long as it still differs.
let private shrunk (program: Program) =
    let differs (candidate: Program) =
        match check candidate (image candidate) with
        | Error(isFree, difference) -> Some(isFree, difference)
        | Ok _ -> None

    let without index (program: Program) =
        let lines = Array.copy program.Lines

        lines[index] <-
            match lines[index] with
            | Plain _ -> Plain []
            | Branching _ -> Plain []
            | Preparing(_, target) -> Preparing([], target)

        { program with Lines = lines }

    let keepIfDiffers program candidate =
        match differs candidate with
        | Some _ -> candidate
        | None -> program

    let emptied =
        (program, Set.toList program.Body)
        ||> List.fold (fun program index -> keepIfDiffers program (without index program))

    let dropped =
        (emptied, Set.toList emptied.Body)
        ||> List.fold (fun program index ->
            match program.Lines[index] with
            | Plain operations ->
                (program, operations)
                ||> List.fold (fun program operation ->
                    match program.Lines[index] with
                    | Plain now ->
                        let lines = Array.copy program.Lines
                        lines[index] <- Plain(now |> List.filter ((<>) operation))
                        keepIfDiffers program { program with Lines = lines }
                    | _ -> program)
            | _ -> program)

    dropped, differs dropped

/// Programs of a seed until so many wide instructions agree or one differs.
let run (seed: int) (steps: int64) (report: Report -> unit) : Report =
    let rec go (sofar: Report) =
        if sofar.Bundles >= steps then
            sofar
        else
            report sofar
            let program, file = programOf seed sofar.Programs

            match check program file with
            | Ok(bundles, ending) ->
                go {
                    sofar with
                        Bundles = sofar.Bundles + bundles
                        Programs = sofar.Programs + 1
                        Trapped =
                            sofar.Trapped
                            + (match ending with
                               | Killed _ -> 1
                               | _ -> 0)
                }
            | Error(isFree, difference) ->
                let smaller, again = shrunk program
                let isFree, difference = again |> Option.defaultValue (isFree, difference)

                {
                    sofar with
                        Finding =
                            Some {
                                Number = sofar.Programs
                                Seed = seed
                                Program = smaller
                                IsFree = isFree
                                Difference = difference
                            }
                }

    go { Bundles = 0L; Programs = 0; Trapped = 0; Finding = None }
