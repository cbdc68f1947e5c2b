/// Programs on reference and engine, compared after every wide instruction and, run freely, at the
/// end. Requirements: spec/e2k/step.md, E2K-STEP, E2K-RUN-003.
module Ashlar.Conformance.Tests.E2k.Engine.LockstepTests

open System
open System.IO
open System.IO.Compression
open System.Reflection
open System.Text
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Conformance.E2k.Fuzzing
open Ashlar.Conformance.Tests.Generators
open Ashlar.Reference.E2k.Assembly

let private resource (name: string) =
    match Assembly.GetExecutingAssembly().GetManifestResourceStream name with
    | null -> failwith $"{name} is not embedded"
    | stream -> stream

/// The files of the embedded programs, by name.
let private programs =
    lazy
        (use archive = new ZipArchive(resource "e2k-programs", ZipArchiveMode.Read)

         archive.Entries
         |> Seq.map (fun entry ->
             use stream = entry.Open()
             use bytes = new MemoryStream()
             stream.CopyTo bytes
             entry.FullName, bytes.ToArray())
         |> Map.ofSeq)

let private setting version tags arguments input : Lockstep.Setting = {
    Version = version
    Tags = tags
    Arguments = arguments
    Environment = []
    Input = input
    Limit = 400_000L
    Every = 512L
    Ranges = []
    Files = Hosts.sandbox
}

let private expectAgreed way (verdict: Lockstep.Verdict) =
    match verdict with
    | Lockstep.Agreed(_, ending) -> ending
    | Lockstep.Differed difference -> failtest $"{way}: {Lockstep.say difference}"
    | Lockstep.Refused reason -> failtest $"{way}: {reason}"

let private both setting file =
    let ending = Lockstep.run setting file |> expectAgreed "stepped"
    Lockstep.runFree setting file |> expectAgreed "run freely" |> ignore
    ending

let private vectors () =
    programs.Value
    |> Map.toList
    |> List.filter (fun (name, _) -> name.EndsWith ".expect")
    |> List.map (fun (_, bytes) -> ProgramVectors.parse (Encoding.UTF8.GetString bytes))

let private vector (expectation: ProgramVectors.Expectation) tags =
    let arguments = expectation.Name :: expectation.Arguments
    let given = setting (Some expectation.Version) tags arguments expectation.Input

    both
        { given with Environment = expectation.Environment }
        programs.Value[expectation.Name + ".elf"]
    |> ignore

/// A source of the corpus and how its program ends.
let private own (name: string) (ending: string) =
    test $"{name} of the corpus ends with {ending} on both" {
        let read (_: string option) (path: string) : Result<string * string, string> =
            use stream = resource $"e2k-corpus/{path}"
            use reader = new StreamReader(stream)
            Ok(path, reader.ReadToEnd())

        match Assembler.assemble 5 read Map.empty name with
        | Error problem -> failtest (Assembler.say problem)
        | Ok file ->
            for tags in [ true; false ] do
                let found = both (setting None tags [ name ] [||]) file
                Expect.equal (ProgramVectors.endOf found) ending $"{name}, tags {tags}"
    }

/// Wide instructions of a smoke run.
let private steps = 60_000L

let private fuzzes seed =
    let name = $"random programs of seed {seed} agree"

    test name {
        match (Fuzz.run seed steps ignore).Finding with
        | None -> ()
        | Some finding ->
            failtest
                $"{Lockstep.say finding.Difference}\n\
Replay: ashlar-conform e2k fuzz --seed {seed} --steps {steps}\n{Replay.line name}"
    }

let tests =
    testList "lockstep" [
        test "programs of the vectors, with tags and without" {
            for expectation in vectors () do
                vector expectation true
                vector expectation false
        }
        own "sum.S" "14"
        own "calls.S" "36"
        own "words.S" "7"
        own "halves.S" "60"
        fuzzes 1
        fuzzes 2
    ]
