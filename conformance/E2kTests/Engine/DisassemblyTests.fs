/// The engine's disassembler beside the reference's: programs, programs with bytes changed, and
/// words in a row have the same source or are refused by the same requirement. Requirements:
/// spec/e2k/assembly.md, E2K-DIS and E2K-FILE.
module Ashlar.Conformance.Tests.E2k.Engine.DisassemblyTests

open System
open System.Collections.Immutable
open System.IO
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.E2k
open Ashlar.Conformance.Tests.Generators
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly

type private Fast = Ashlar.E2k.Assembly.Disassembler

/// The engine's source of a file, or the requirement that refuses it.
let private found (file: byte[]) : Result<string, string> =
    let mutable image = null

    match Ashlar.E2k.Assembly.ProgramReader.TryRead(file, &image), image with
    | null, NonNull image ->
        use text = new StringWriter()
        Fast.Write(image, text)
        Ok(text.ToString())
    | null, _ -> failtest "neither a program nor a refusal"
    | wrong, _ -> Error wrong.Rule

let private wanted (file: byte[]) : Result<string, string> =
    Elf.read file |> Result.map Disassembler.source |> Result.mapError _.Rule

/// The reference's program as the engine's.
let private engineImage (image: Elf.Image) =
    let sections = [
        for section in image.Sections ->
            Ashlar.E2k.Assembly.ProgramSection(
                section.Name,
                section.Address,
                section.Bytes,
                section.Size,
                IsExecutable = section.IsExecutable,
                IsWritable = section.IsWritable
            )
    ]

    let symbols = [
        for symbol in image.Symbols ->
            Ashlar.E2k.Assembly.ProgramSymbol(
                symbol.Name,
                symbol.Address,
                symbol.Size,
                Option.toNullable symbol.Section,
                IsGlobal = symbol.IsGlobal,
                IsFunction = symbol.IsFunction
            )
    ]

    Ashlar.E2k.Assembly.ProgramImage(
        image.Version,
        image.Entry,
        ImmutableArray.CreateRange sections,
        ImmutableArray.CreateRange symbols
    )

let private programs = lazy (Array.ofList AssemblyTests.programs.Value)

let private oneOf (random: Random) (all: 'a[]) = all[random.Next all.Length]

/// The first line that differs, with its number.
let private difference (found: Result<string, string>) (wanted: Result<string, string>) =
    match found, wanted with
    | found, wanted when found = wanted -> None
    | Ok found, Ok wanted ->
        let left, right = found.Split '\n', wanted.Split '\n'

        let at = Seq.zip left right |> Seq.takeWhile (fun (one, other) -> one = other) |> Seq.length

        let lineOf (lines: string[]) = Array.tryItem at lines |> Option.defaultValue "nothing"
        Some $"line {at + 1}: {lineOf left}, not {lineOf right}"
    | Error rule, Ok _ -> Some $"refused by {rule}"
    | Ok _, Error rule -> Some $"not refused by {rule}"
    | Error rule, Error other -> Some $"refused by {rule}, not {other}"

/// A file with some bytes changed, of which many are in its headers and tables.
let private mangle (random: Random) (file: byte[]) =
    let file = Array.copy file
    let tables = min (file.Length - 1) (int (BitConverter.ToUInt64(file, 40)))

    for _ in 0 .. random.Next 4 do
        let at =
            match random.Next 4 with
            | 0 -> random.Next 64
            | 1 -> 64 + random.Next 112
            | 2 -> random.Next(tables, file.Length)
            | _ -> random.Next file.Length

        file[at] <-
            match random.Next 3 with
            | 0 -> 0uy
            | 1 -> byte (random.Next 256)
            | _ -> file[at] ^^^ byte (1 <<< random.Next 8)

    if random.Next 10 = 0 then
        file[.. random.Next file.Length]
    else
        file

let private draws = 500

let tests =
    testList "engine's disassembly" [
        test "E2K-DIS-001 programs have the source that the reference writes" {
            for name, _, file in programs.Value do
                Expect.isOk (found file) name
                Expect.equal (difference (found file) (wanted file)) None name
        }

        let files = "E2K-FILE-004 mangled files give what the reference gives"

        test files {
            let random = Random(int (Replay.seed &&& 0x7fffffffUL))

            let results = [
                for _ in 1..draws do
                    let _, _, file = oneOf random programs.Value
                    let file = mangle random file
                    let found = found file
                    difference found (wanted file), found.IsOk
            ]

            match results |> List.choose fst with
            | [] -> ()
            | differences ->
                let some = differences |> List.truncate 20 |> String.concat "\n"
                failtest $"{differences.Length} of {draws}\n{some}\n{Replay.line files}"

            let read = results |> List.filter snd |> List.length
            Expect.isGreaterThan read (draws / 10) "many are read"
            Expect.isLessThan read (draws * 99 / 100) "some are refused"
        }

        let name = "E2K-DIS-002 words in a row give what the reference gives"

        test name {
            let random = Random(int (Replay.seed &&& 0x7fffffffUL))
            let rows = Array.ofList EncodingTests.rows.Value

            for _ in 1..draws do
                let words = [|
                    for _ in 0 .. random.Next 8 do
                        yield! (oneOf random rows).Words
                |]

                for _ in 0 .. random.Next 4 do
                    let at = random.Next words.Length
                    words[at] <- words[at] ^^^ (1u <<< random.Next 32)

                let version = random.Next(2, 7)
                let found = List.ofSeq (Fast.Statements(version, words))
                Expect.equal found (Disassembler.words version words) (Replay.line name)
        }

        test "E2K-FILE-003 what is written is what the reference writes" {
            for name, source, file in programs.Value do
                let images = [
                    AssemblyTests.imageOf 3 source
                    AssemblyTests.readFile file
                    // Without data there is one segment, and no names.
                    { AssemblyTests.imageOf 5 "{ nop 1 }" with Symbols = [] }
                ]

                for image in images do
                    let wanted = Elf.write (uint64 Assembler.firstAddress) image

                    let found =
                        Ashlar.E2k.Assembly.ProgramWriter.Write(
                            uint64 Assembler.firstAddress,
                            engineImage image
                        )

                    Expect.isTrue (found.AsSpan().SequenceEqual(ReadOnlySpan wanted)) name

            for isWritable in [ false; true ] do
                Expect.equal
                    (int64 (Ashlar.E2k.Assembly.ProgramWriter.HeadersSize isWritable))
                    (Elf.headersSize isWritable)
                    "headers"
        }

        test "E2K-DIS-004 prefetch programs are fetch instructions" {
            let pair = [| 0x88000000u; 0u; 0u; 0u |]
            // ldisp of what follows, and a pair that is the last.
            let words = Array.append [| 0x00004001u; 0x50000001u |] pair
            let found = List.ofSeq (Fast.Statements(3, words))
            Expect.equal found.Length 2 "two pieces"
            Expect.stringContains found[1] "fapb ct=1" "a fetch"
            Expect.equal found (Disassembler.words 3 words) "as the reference"
        }
    ]
