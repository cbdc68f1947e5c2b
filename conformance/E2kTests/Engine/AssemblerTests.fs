/// The engine's assembler beside the reference's: sources of programs, sources that were mangled,
/// and what is refused have the same files or messages. Requirements: spec/e2k/assembly.md,
/// E2K-ASM.
module Ashlar.Conformance.Tests.E2k.Engine.AssemblerTests

open System
open System.IO
open System.Reflection
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.E2k
open Ashlar.Conformance.Tests.Generators

/// Sources of the corpus, of which some include others.
let private corpus =
    lazy
        (let assembly = Assembly.GetExecutingAssembly()
         let folder = "e2k-corpus/"

         [
             for name in assembly.GetManifestResourceNames() do
                 if name.StartsWith folder then
                     match assembly.GetManifestResourceStream name with
                     | null -> ()
                     | stream ->
                         use reader = new StreamReader(stream)
                         name.Substring folder.Length, reader.ReadToEnd()
         ])

/// A source of the corpus with all that it may include.
let private ofCorpus version (name: string) : EngineAssembly.Case =
    let first, others = corpus.Value |> List.partition (fun (known, _) -> known = name)
    { Version = version; Files = first @ others; Defined = [] }

let private cases =
    lazy
        [|
            for _, source, _ in AssemblyTests.programs.Value do
                EngineAssembly.alone 3 source

            for name, _ in corpus.Value do
                if name.EndsWith ".S" then
                    ofCorpus 5 name
        |]

let private oneOf (random: Random) (all: 'a[]) = all[random.Next all.Length]

/// Lines and pieces of lines that sources have, and some that they have not.
let private pieces = [|
    ""
    " "
    "{"
    "}"
    ";"
    ","
    ":"
    "="
    "\""
    "("
    ")"
    "\\"
    "\\a"
    "#"
    "/*"
    "*/"
    "//"
    "1:"
    "1b"
    "1f"
    "x:"
    "x"
    "x = 5"
    "x = . - 8"
    "_start:"
    "{ nop 1 }"
    "{ addd,0 %r1, x, %r2 }"
    "{ addd,0 %r1, _f32s 1b, %r2 ; adde }"
    "{ disp %ctpr1, 1f }"
    "{ ldisp %ctpr2, 1f }"
    "{ fapb ct=1, fmt=4, d=1, disp=x }"
    "{ fapb ct=1 ; nop 1 }"
    "{ setwd wsz = x }"
    ".text"
    ".data"
    ".rodata"
    ".bss"
    ".section .data, \"aw\""
    ".section .other"
    ".global x"
    ".type x, @function"
    ".size x, . - x"
    ".align 16"
    ".balign 3"
    ".p2align 4"
    ".byte 1, 300"
    ".word x, 1b - ."
    ".dword x + 8, -1"
    ".quad 0xffffffffffffffff"
    ".ascii \"a;\\n\\x41\\101\""
    ".asciz \"b\", \"\\q\""
    ".skip 3"
    ".skip x"
    ".fill 3, 2, 1"
    ".fill 1, 9"
    ".zero -1"
    ".org 8"
    ".macro M a, b=4"
    ".endm"
    "M 1, 2"
    "M"
    "#define x 7"
    "#define x x + 1"
    "#define F(a) a"
    "#undef x"
    "#ifdef x"
    "#ifndef x"
    "#else"
    "#endif"
    "#include \"exit.inc\""
    ".include \"none.inc\""
    "#include \"a.S\""
|]

/// A source with a line or a part of one changed, left out, said twice, or another's added.
let private mangle (random: Random) (text: string) =
    let lines = text.Split '\n'
    let at = random.Next lines.Length
    let line = lines[at]
    let place = random.Next(line.Length + 1)
    let before, behind = line[.. place - 1], line[place..]

    let changed =
        match random.Next 8 with
        | 0 -> [||]
        | 1 -> [| line; line |]
        | 2 -> [| oneOf random pieces; line |]
        | 3 -> [| before + oneOf random pieces + behind |]
        | 4 -> [| before; behind |]
        | 5 -> [| before |]
        | 6 -> [| oneOf random lines; line |]
        | _ ->
            let digits = [|
                for index in 0 .. line.Length - 1 do
                    if Char.IsAsciiDigit line[index] then
                        index
            |]

            if digits.Length = 0 then
                [| line |]
            else
                let digit = oneOf random digits
                [| line[.. digit - 1] + string (random.Next 10) + line[digit + 1 ..] |]

    Array.concat [ lines[.. at - 1]; changed; lines[at + 1 ..] ] |> String.concat "\n"

let private mangled (random: Random) : EngineAssembly.Case =
    let case = oneOf random cases.Value
    let name, source = case.Files.Head
    let mutable text = source

    for _ in 0 .. random.Next 4 do
        text <- mangle random text

    {
        case with
            Files = (name, text) :: case.Files.Tail
            Defined = if random.Next 4 = 0 then [ "x", "3" ] else []
    }

let private same (rule: string) (case: EngineAssembly.Case) =
    Expect.equal (EngineAssembly.difference case) None rule

let private draws = 2000

let private many count (text: string) = String.replicate count text

/// Sources at a bound and one beyond it.
let private bounds = [
    "E2K-ASM-030 conditions", many 64 "#ifdef x\n" + many 64 "#endif\n", false
    "E2K-ASM-030 more conditions", many 65 "#ifdef x\n" + many 65 "#endif\n", true
    "E2K-ASM-030 a line", ".byte 1" + many 65_529 " ", false
    "E2K-ASM-030 a longer line", ".byte 1" + many 65_530 " ", true
    "E2K-ASM-030 .data", ".data\n.skip 1 << 26", false
    "E2K-ASM-030 more .data", ".data\n.skip 1 << 26\n.byte 1", true
    "E2K-ASM-030 .bss", ".bss\n.skip 1 << 30", false
    "E2K-ASM-030 more .bss", ".bss\n.skip 1 << 30\n.skip 1", true
    "E2K-ASM-030 an operation", "{ nop " + many 2042 " " + "1 }", false
    "E2K-ASM-030 a longer expression", ".byte " + many 1024 "1+" + "1", true
]

let tests =
    testList "engine's assembler" [
        test "E2K-ASM-020 programs have the files that the reference writes" {
            for case in cases.Value do
                same (fst case.Files.Head) case
                Expect.isOk (EngineAssembly.found case) (fst case.Files.Head)
        }

        let mangledSources = "E2K-ASM-031 mangled sources give what the reference gives"

        test mangledSources {
            let random = Random(int (Replay.seed &&& 0x7fffffffUL))

            let results = [
                for _ in 1..draws do
                    let case = mangled random

                    EngineAssembly.difference case
                    |> Option.map (fun what -> $"{what}\n{snd case.Files.Head}"),
                    (EngineAssembly.found case).IsOk
            ]

            match results |> List.choose fst with
            | [] -> ()
            | differences ->
                let shortest = differences |> List.minBy _.Length
                let count = $"{differences.Length} of {draws}"
                failtest $"{count}, the shortest {shortest}\n{Replay.line mangledSources}"

            let taken = results |> List.filter snd |> List.length
            Expect.isGreaterThan taken (draws / 10) "many are taken"
            Expect.isLessThan taken (draws * 9 / 10) "many are refused"
        }

        test "E2K-DIS-001 what the engine disassembles it assembles to the same sections" {
            for case in cases.Value do
                match EngineAssembly.found case with
                | Error message -> failtest message
                | Ok file ->
                    let text = EngineAssembly.disassembled file
                    let again = EngineAssembly.found (EngineAssembly.alone case.Version text)
                    let sections = Result.map EngineAssembly.sectionsOf
                    Expect.equal (sections again) (sections (Ok file)) (fst case.Files.Head)
        }

        for name, text, isRefused in bounds do
            test name {
                let case = EngineAssembly.alone 3 $"{text}\n.text\n.balign 8\n{{ nop 1 }}\n"
                same name case
                Expect.equal (EngineAssembly.found case).IsError isRefused "whether it is refused"
            }

        test "E2K-ASM-003 names of the caller are replaced as if the source defined them" {
            let case = {
                EngineAssembly.alone 3 "{ nop 1 }\n.data\n.byte N, M\n" with
                    Defined = [ "N", "M + 1"; "M", "2" ]
            }

            same "names" case
            Expect.isOk (EngineAssembly.found case) "it is assembled"
        }

        test "E2K-ASM-002 files that include one another are refused alike" {
            let case = {
                EngineAssembly.alone 3 "#include \"b.S\"\n" with
                    Files = [ "a.S", "#include \"b.S\"\n"; "b.S", ".byte 1\n\n#include \"a.S\"\n" ]
            }

            same "files" case
            Expect.isError (EngineAssembly.found case) "it is refused"
        }
    ]
