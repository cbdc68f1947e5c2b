/// The assembler and the disassembler of the e2k reference: directives byte by byte, what is
/// refused and where, programs of the vectors, and both directions over all encodings.
/// Requirements: spec/e2k/assembly.md.
module Ashlar.Conformance.Tests.E2k.AssemblyTests

open System
open System.IO
open System.IO.Compression
open System.Reflection
open Expecto
open Hedgehog.FSharp
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.Generators.Replay

/// Files by name, the source among them.
let private readerOf (files: (string * string) list) : Reader =
    fun _ name ->
        match files |> List.tryFind (fun (known, _) -> known = name) with
        | Some(_, text) -> Ok(name, text)
        | None -> Error "there is no such file"

let private programOf version (text: string) =
    Assembler.program version (readerOf [ "a.S", text ]) Map.empty "a.S"

let imageOf version text =
    match programOf version text with
    | Ok image -> image
    | Error problem -> failtest (Assembler.say problem)

let private sectionOf name (image: Elf.Image) =
    match image.Sections |> List.tryFind (fun section -> section.Name = name) with
    | Some section -> section
    | None -> failtest $"there is no {name}"

/// What an assembly with its sections says, apart from names.
let private contents (image: Elf.Image) =
    image.Entry,
    image.Version,
    image.Sections |> List.map (fun one -> one.Name, one.Address, one.Size, one.Bytes)

/// The engine makes the same of a source.
let private sameOnEngine text =
    let difference = EngineAssembly.difference (EngineAssembly.alone 3 text)
    Expect.equal difference None "the engine's assembler"

let private data (rule: string) (text: string) (expected: byte list) =
    test $"{rule} puts {text}" {
        let source = $".data\n{text}\n.text\n{{ nop 1 }}\n"
        Expect.equal (List.ofArray (sectionOf ".data" (imageOf 3 source)).Bytes) expected "bytes"
        sameOnEngine source
    }

let private code (rule: string) (text: string) (expected: uint32 list) =
    test $"{rule} assembles {text}" {
        let bytes = (sectionOf ".text" (imageOf 3 text)).Bytes
        let words = [ for at in 0..4 .. bytes.Length - 4 -> BitConverter.ToUInt32(bytes, at) ]
        Expect.equal words expected "words"
        sameOnEngine text
    }

let private refuses (rule: string) (line: int) (column: int) (text: string) =
    let first = text.Split('\n')[0]

    test $"{rule} refuses {first.Substring(0, min 60 first.Length)} at {line}:{column}" {
        match programOf 3 text with
        | Ok _ -> failtest "it is assembled"
        | Error problem ->
            Expect.equal problem.Wrong.Rule rule (Assembler.say problem)
            Expect.equal (problem.At.Line, problem.Column) (line, column) (Assembler.say problem)

        sameOnEngine text
    }

/// The entries of an archive that the tests carry, by name.
let private entriesOf (resource: string) =
    match Assembly.GetExecutingAssembly().GetManifestResourceStream resource with
    | null -> Map.empty
    | packed ->
        use packed = packed
        use archive = new ZipArchive(packed)

        Map.ofList [
            for entry in archive.Entries do
                use stream = entry.Open()
                use copy = new MemoryStream()
                stream.CopyTo copy
                entry.Name, copy.ToArray()
        ]

/// Programs of the vectors: the source and the file that public tools made of it.
let programs =
    lazy
        (let files = entriesOf "e2k-programs"

         [
             for KeyValue(name, source) in entriesOf "e2k-sources" do
                 name, Text.Encoding.UTF8.GetString source, files[name.Replace(".S", ".elf")]
         ])

let readFile (file: byte[]) =
    match Elf.read file with
    | Ok image -> image
    | Error wrong -> failtest $"{wrong.Reason} ({wrong.Rule})"

let private encodings =
    lazy
        (match Assembly.GetExecutingAssembly().GetManifestResourceStream "e2k-encoding" with
         | null -> []
         | packed ->
             use packed = packed
             use stream = new GZipStream(packed, CompressionMode.Decompress)
             use reader = new StreamReader(stream)
             reader.ReadToEnd().Split '\n' |> Array.choose EncodingVectors.parse |> List.ofArray)

let private codeOf version (statements: string list) =
    let image = imageOf version (String.concat "\n" statements)
    let bytes = (sectionOf ".text" image).Bytes
    Array.init (bytes.Length / 4) (fun at -> BitConverter.ToUInt32(bytes, 4 * at))

/// Of code that was disassembled what its text gives.
let private isTakenBack version (words: uint32[]) =
    codeOf version (Disassembler.words version words) = words

let private draws = 300<Hedgehog.tests>

/// Pieces of sources: what stands in them, in an order that nobody thought of.
let private noise =
    gen {
        let! parts =
            Gen.list
                (Range.linear 0 30)
                (Gen.item [
                    "{ "
                    " }"
                    " ; "
                    "\n"
                    "nop 1"
                    "addd,0 %r1, 1f, %r2"
                    "1:"
                    "x:"
                    "x = . - 1b"
                    ".macro M a"
                    ".endm"
                    "M x"
                    "\\a"
                    ".quad x, 1b"
                    ".align 16"
                    ".fill 3, 2, 1"
                    "\""
                    "/*"
                    "*/"
                    "#define x x y"
                    "#ifdef x"
                    "#endif"
                    ".include \"a.S\""
                    ".bss"
                    ".data"
                    ".text"
                    ".ascii \"\\x4\\n\""
                    "disp %ctpr1, x"
                    "("
                    "-"
                    "~0"
                    ","
                ])

        return String.concat "" parts
    }

let private patched (file: byte[]) (changes: (int * int) list) =
    let copy = Array.copy file

    for at, value in changes do
        copy[at % copy.Length] <- byte value

    copy

let private programTests = [
    test "programs of the vectors are there" {
        Expect.isGreaterThan programs.Value.Length 20 "the embedded programs"
    }

    test "E2K-ASM-020, E2K-ASM-022 programs have the bytes that public tools gave them" {
        for name, source, file in programs.Value do
            Expect.equal (contents (imageOf 3 source)) (contents (readFile file)) name
    }

    test "E2K-FILE-003 what is written is read" {
        for name, source, _ in programs.Value do
            let image = imageOf 3 source
            let again = readFile (Elf.write (uint64 Assembler.firstAddress) image)
            Expect.equal (contents again) (contents image) name
            Expect.equal (set again.Symbols) (set image.Symbols) name
    }

    test "E2K-DIS-001 programs are taken back" {
        for name, source, file in programs.Value do
            for image in [ imageOf 3 source; readFile file ] do
                let text = Disassembler.source image
                Expect.equal (contents (imageOf 3 text)) (contents image) name
    }

    test "E2K-DIS-002 programs are bundles, not numbers" {
        for name, _, file in programs.Value do
            let text = Disassembler.source (readFile file)
            Expect.isFalse (text.Contains ".word") name
    }

    test "E2K-DIS-001 every encoding is taken back, alone and in a row" {
        let rows = encodings.Value |> List.filter (fun row -> row.Kind <> "fapb")

        for version, group in rows |> List.groupBy _.Version do
            let words = group |> List.map _.Words
            let lines = words |> List.map (Disassembler.words version)
            let asNumbers = lines |> List.filter (List.exists _.StartsWith(".word"))
            Expect.isEmpty asNumbers $"bundles of version {version}"
            Expect.equal (codeOf version (List.concat lines)) (Array.concat words) "words"
    }
]

let private laws = [
    law
        draws
        "E2K-DIS-001 any words are taken back"
        (property {
            let! words = Gen.list (Range.linear 1 40) (Gen.uint32 (Range.linearBounded ()))
            let! version = Gen.int32 (Range.constant 2 6)
            return isTakenBack version (Array.ofList (0u :: 0u :: words))
         }
         |> Property.falseToFailure)

    law
        draws
        "E2K-ASM-030 any source is assembled or refused"
        (property {
            let! text = noise
            programOf 3 text |> ignore
            return true
         }
         |> Property.falseToFailure)

    law
        draws
        "E2K-FILE-004 any file is read or refused"
        (property {
            let _, _, file = programs.Value.Head

            let! places = Gen.list (Range.linear 1 6) (Gen.int32 (Range.constant 0 1_000_000))
            let! values = Gen.list (Range.singleton 6) (Gen.int32 (Range.constant 0 255))
            let changes = List.zip places (List.truncate places.Length values)

            match Elf.read (patched file changes) with
            | Error _ -> ()
            | Ok image -> Disassembler.source image |> ignore

            return true
         }
         |> Property.falseToFailure)
]

let private many count (text: string) = String.replicate count text

let tests =
    testList "assembly" [
        yield! programTests
        yield! laws

        data "E2K-ASM-012" ".byte 1, -1 ; .hword 0x1234" [ 1uy; 255uy; 0x34uy; 0x12uy ]
        data "E2K-ASM-012" ".word 5\n.dword 6" [
            5uy
            0uy
            0uy
            0uy
            6uy
            0uy
            0uy
            0uy
            0uy
            0uy
            0uy
            0uy
        ]
        data "E2K-ASM-013" ".asciz \"a;\\n\\x41\\101\"" [ 97uy; 59uy; 10uy; 65uy; 65uy; 0uy ]
        data "E2K-ASM-014" ".fill 2, 2, 3 ; .skip 1, 9 ; .zero 1" [ 3uy; 0uy; 3uy; 0uy; 9uy; 0uy ]
        data "E2K-ASM-011" ".byte 1\n.align 4\n.byte 2\n.p2align 1" [ 1uy; 0uy; 0uy; 0uy; 2uy; 0uy ]
        data "E2K-ASM-015" "a: .byte 1, 2\nb = . - a\n.byte b, . - a" [ 1uy; 2uy; 2uy; 2uy ]
        data "E2K-ASM-016" "1: .byte 1f - 1b\n1: .byte 1b - 1f\n1:" [ 1uy; 255uy ]
        data "E2K-ASM-017" "a: .byte 1\nb: .skip b - a" [ 1uy; 0uy ]
        data "E2K-ASM-003" "#define SZ N + 1\n#define N 2\n.byte SZ, 2 * SZ" [ 3uy; 5uy ]
        data "E2K-ASM-002" "#ifndef N\n#define N 7\n#else\n.byte 1\n#endif\n.byte N" [ 7uy ]
        data "E2K-ASM-001" "/* .byte 1\n*/ .byte 2 // 3" [ 2uy ]
        data "E2K-ASM-006" ".macro P a, b=4\n.byte \\a, \\b\n.endm\nP 1 ; P 2, 3" [
            1uy
            4uy
            2uy
            3uy
        ]

        code "E2K-ASM-005" "{ nop 1 }\n{\n nop 2\n ;\n}" [ 0x80u; 0u; 0x100u; 0u ]
        code "E2K-ASM-016" "1: { disp %ctpr1, 1b }\n{ disp %ctpr1, 2f }\n2:" [
            0x4001u
            0x40000000u
            0x4001u
            0x40000001u
        ]
        code "E2K-ASM-005" "{ fapb ct=1, fmt=4, disp=0 }" [ 0x88000000u; 0u; 0u; 0u ]

        test "E2K-ASM-002 reads files that a file names" {
            let files = [ "a.S", "#include \"b.inc\"\n{ WAIT }"; "b.inc", "#define WAIT nop 3" ]

            match Assembler.program 3 (readerOf files) Map.empty "a.S" with
            | Ok image -> Expect.equal (sectionOf ".text" image).Bytes[0] 0x80uy "nop 3"
            | Error problem -> failtest (Assembler.say problem)
        }

        test "E2K-ASM-010 reserves .bss behind .data" {
            let image = imageOf 3 ".bss\nb: .skip 24\n.data\n.dword b\n.text\n{ nop 1 }"
            let reserved, data = sectionOf ".bss" image, sectionOf ".data" image
            Expect.equal (reserved.Size, reserved.Bytes) (24UL, [||]) "nothing is in the file"
            Expect.equal reserved.Address (data.Address + 8UL) "behind .data"
            Expect.equal (BitConverter.ToUInt64(data.Bytes, 0)) reserved.Address "its label"
        }

        test "E2K-ASM-021 begins at _start" {
            let image = imageOf 3 "{ nop 1 }\n_start: { nop 2 }"
            Expect.equal image.Entry ((sectionOf ".text" image).Address + 8UL) "the second bundle"
        }

        test "E2K-FILE-002 says the version" {
            for version in 2..6 do
                let file = Elf.write 0x10000UL (imageOf version "{ nop 1 }")
                Expect.equal (readFile file).Version version "version"
        }

        test "E2K-FILE-001 refuses other files" {
            let file = Elf.write 0x10000UL (imageOf 3 "{ nop 1 }")

            for changed in [ [||]; file[..9]; patched file [ 18, 62 ]; patched file [ 4, 1 ] ] do
                match Elf.read changed with
                | Error wrong -> Expect.equal wrong.Rule "E2K-FILE-001" wrong.Reason
                | Ok _ -> failtest "it is read"
        }

        test "E2K-FILE-004 takes segments where there are no sections" {
            let whole = imageOf 3 "{ nop 1 }\n.data\n.byte 1, 2, 3"
            let file = Elf.write 0x10000UL whole
            let bare = patched file [ for at in 40..47 -> at, 0 ]
            let image = readFile bare
            Expect.equal (sectionOf ".data" image).Bytes (sectionOf ".data" whole).Bytes "data"
        }

        test "E2K-DIS-003 writes labels" {
            let words = Disassembler.source (imageOf 3 "f: { nop 1 }\n_start: { disp %ctpr1, f }")
            Expect.stringContains words "disp %ctpr1, f " words
        }

        test "E2K-DIS-004 writes prefetch programs" {
            let text = "{ ldisp %ctpr2, a }\n.align 8\na: { fapb ct=1, fmt=4, d=1, disp=0 }"
            let words = Disassembler.source (imageOf 3 text)
            Expect.stringContains words "{ fapb ct=1" words
        }

        test "E2K-ASM-031 says where a macro was used" {
            match programOf 3 ".macro M a\n { adde \\a }\n.endm\n\n M 1" with
            | Ok _ -> failtest "it is assembled"
            | Error problem ->
                let text = Assembler.say problem
                Expect.stringContains text "a.S:2:4: there is no operation adde" text
                Expect.stringContains text "a.S:5" text
        }

        refuses "E2K-ASM-001" 2 1 "/* a\n"
        refuses "E2K-ASM-002" 1 10 "#include \"b.S\""
        refuses "E2K-ASM-002" 1 9 "#define F(a) a"
        refuses "E2K-ASM-004" 2 2 "\n addd,0 %r1, %r2, %r3"
        refuses "E2K-ASM-005" 1 1 "{ nop 1"
        refuses "E2K-ASM-006" 4 6 ".macro M a\n.endm\n\nM 1, 2"
        refuses "E2K-ASM-010" 2 1 ".data\n{ nop 1 }"
        refuses "E2K-ASM-010" 2 1 ".bss\n.byte 1"
        refuses "E2K-ASM-011" 1 8 ".align 3"
        refuses "E2K-ASM-011" 2 1 ".byte 1\n{ nop 1 }"
        refuses "E2K-ASM-012" 1 10 ".byte 1, 256"
        refuses "E2K-ASM-013" 1 8 ".ascii x"
        refuses "E2K-ASM-014" 1 1 ".fill 1, 9, 1"
        refuses "E2K-ASM-015" 2 1 "x: { nop 1 }\nx: { nop 1 }"
        refuses "E2K-ASM-015" 1 1 "{ disp %ctpr1, nowhere }"
        refuses "E2K-ASM-015" 1 7 ".quad nowhere"
        refuses "E2K-ASM-017" 2 7 "x:\n.skip x"
        refuses "E2K-ASM-018" 1 1 ".org 8"
        refuses "E2K-ASM-030" 1 10 "#include \"a.S\""
        refuses "E2K-ASM-030" 2 1 ".macro M\nM\n.endm\nM"
        refuses "E2K-ASM-030" 1 1 ".fill 1 << 40, 8, 1"
        refuses "E2K-ASM-030" 1 7 (".quad " + many 2100 "-" + "1")
        refuses "E2K-OPS-001" 1 11 "{ nop 1 ; adde,0 %r1, %r2, %r3 }"
        refuses "E2K-TXT-006" 1 17 "{ addd,0 %r1, (2, %r3 }"
        refuses "E2K-TXT-006" 1 12 ".quad 1, 1 << 64"
        refuses "E2K-TXT-006" 1 9 ".quad 1 >> -1"
        refuses "E2K-TXT-006" 1 9 ".quad 1 / 0"
        refuses "E2K-TXT-006" 1 27 ".quad -0x8000000000000000 / -1"
        refuses "E2K-ASM-021" 1 1 ""
        refuses "E2K-ASM-021" 1 1 ".data\n.byte 1"
    ]
