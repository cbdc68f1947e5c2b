/// Whole programs on the engine: what they write and how they end, stepped and translated.
module Ashlar.Conformance.Tests.E2k.EngineProgramTests

open System
open System.IO
open System.IO.Compression
open Ashlar.Conformance.E2k
open Ashlar.E2k
open Expecto

/// Bundles that a program may take.
let private bundlesMax = 20_000_000L

let private bytesOf (entry: ZipArchiveEntry) =
    use stream = entry.Open()
    use copy = new MemoryStream()
    stream.CopyTo copy
    copy.ToArray()

let private programs: Lazy<(ProgramVectors.Expectation * byte[]) list> =
    lazy
        (match
            Reflection.Assembly.GetExecutingAssembly().GetManifestResourceStream "e2k-programs"
         with
         | null -> failwith "the programs are not in the assembly"
         | stream ->
             use archive = new ZipArchive(stream)

             [
                 for entry in archive.Entries do
                     if entry.Name.EndsWith ".expect" then
                         let text = Text.Encoding.UTF8.GetString(bytesOf entry)
                         let expectation = ProgramVectors.parse text

                         match archive.GetEntry(entry.FullName.Replace(".expect", ".elf")) with
                         | null -> failwith $"{expectation.Name} has no program"
                         | program -> expectation, bytesOf program
             ])

let private endOf (ending: Ending) =
    match ending.Kind, ending.Trap.Kind with
    | EndingKind.Exited, _ -> string ending.Status
    | EndingKind.Killed, (TrapKind.IllegalOperation | TrapKind.InvalidOperand) -> "SIGILL"
    | EndingKind.Killed, TrapKind.DivisionByZero -> "SIGFPE"
    | EndingKind.Killed, _ -> "SIGSEGV"
    | _ -> "not ended"

let private run translates (expectation: ProgramVectors.Expectation) (file: byte[]) =
    let streams = Hosts.Streams expectation.Input

    let options =
        GuestOptions(
            Version = Nullable expectation.Version,
            Translates = translates,
            Arguments = ResizeArray expectation.Arguments,
            Environment = ResizeArray expectation.Environment
        )

    use running = GuestProcess.Start(ReadOnlySpan file, options, streams)
    let ending = running.Run bundlesMax
    Convert.ToHexString(streams.Output.ToArray()), endOf ending, running.Retired

/// What the engine does with programs.
let tests =
    testList "programs on the engine" [
        test "E2K-RUN-003, E2K-SYS-001, E2K-TRAP-003: the vectors end as they must" {
            Expect.isGreaterThan programs.Value.Length 20 "there are programs"

            for expectation, file in programs.Value do
                for translates in [ false; true ] do
                    let output, ending, _ = run translates expectation file
                    let name = $"{expectation.Name}, translated: {translates}"
                    Expect.equal output (Convert.ToHexString expectation.Output) name
                    Expect.equal ending expectation.End name
        }

        test "E2K-RUN-004: translated or not, as many wide instructions are carried out" {
            for expectation, file in programs.Value do
                let stepped = run false expectation file
                Expect.equal (run true expectation file) stepped expectation.Name
        }
    ]
