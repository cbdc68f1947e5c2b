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
open Ashlar.Reference.E2k
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

/// E2K-ELF-005: the end of the user stack.
let private stackEnd = 0x3ff00000000UL

/// Lines about a program that are compared.
let private linesMax = 20_000L

let private setting version tags arguments input : Lockstep.Setting = {
    Version = version
    Tags = tags
    Arguments = arguments
    Environment = []
    Input = input
    Limit = 400_000L
    Taken = System.Int32.MaxValue
    Pages = Process.pagesMax
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

/// Lines about a program on the engine.
let private traceOf (file: byte[]) =
    let lines = ResizeArray<string>()
    let options = Ashlar.E2k.GuestOptions()

    use running = Ashlar.E2k.GuestProcess.Start(ReadOnlySpan file, options, Hosts.Streams([||]))

    running.Trace(linesMax, (fun line -> lines.Add line)) |> ignore
    List.ofSeq lines

/// The same lines from the reference.
let private traces (expectation: ProgramVectors.Expectation) =
    let file = programs.Value[expectation.Name + ".elf"]
    let host = Hosts.reference (Hosts.Streams [||]) Hosts.sandbox
    let lines = ResizeArray<string>()

    match Process.start Table.specification None true host file [] [] with
    | Error refusal -> failtest refusal.Reason
    | Ok running ->
        Process.watch (Retired.line >> lines.Add) linesMax running |> ignore
        Expect.equal (traceOf file) (List.ofSeq lines) expectation.Name

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
        test "E2K-ELF-005, E2K-ELF-006: both lay out the same stack" {
            let file = programs.Value["hello.elf"]
            let wanted, found = Hosts.Streams [||], Hosts.Streams [||]
            let host = Hosts.reference wanted Hosts.sandbox
            let arguments, environment = [ "hello"; "world" ], [ "A=B" ]

            match
                Process.start Table.specification None true host file arguments environment,
                Engine.start None true found Hosts.sandbox file arguments environment
            with
            | Ok running, Ok engine ->
                use engine = engine
                let top = running.State.StackTop

                Expect.equal
                    (Engine.memoryDifference top (int (stackEnd - top)) running.Memory engine)
                    None
                    "words of the stack"

                // argc, two arguments and one of the environment, each list with its end.
                let header = running.Memory.TryRead (top + 48UL) 8
                let address = running.Memory.TryRead (top + 56UL) 8
                Expect.equal header (ValueSome 3UL) "headers come first"

                let kind = BitConverter.ToUInt32(file, BitConverter.ToInt32(file, 32))

                Expect.equal
                    (address |> ValueOption.bind (fun at -> running.Memory.TryRead at 4))
                    (ValueSome(uint64 kind))
                    "the first header's kind"
            | _ -> failtest "it is refused"
        }
        test "E2K-RUN-005: both write the same lines about programs of the vectors" {
            for expectation in vectors () do
                traces expectation
        }
        test "E2K-RUN-005: a line" {
            let lines = traceOf (programs.Value["exit42.elf"])
            Expect.stringContains lines[0] " r32=0/5" "what comes into sight is invalid"
            Expect.stringEnds lines[1] " r32=1 r33=2a" "values"
            Expect.equal lines.Length 4 "the call is the last"
        }
        own "sum.S" "14"
        own "calls.S" "36"
        own "words.S" "7"
        own "halves.S" "60"
        fuzzes 1
        fuzzes 2
    ]
