/// What the operations of the e2k reference compute: rows of vectors, and the cases that the
/// specification decides. Requirements: spec/e2k/semantics.md, spec/e2k/packed.md,
/// spec/e2k/floating.md.
module Ashlar.Conformance.Tests.E2k.OperationTests

open System.IO
open System.IO.Compression
open System.Reflection
open Expecto
open Ashlar.Reference.E2k
open Ashlar.Conformance.E2k

/// A part of a larger collection: some rows of every operation and kind.
let private rows =
    lazy
        (match Assembly.GetExecutingAssembly().GetManifestResourceStream "e2k-operations" with
         | null -> []
         | packed ->
             use packed = packed
             use stream = new GZipStream(packed, CompressionMode.Decompress)
             use reader = new StreamReader(stream)

             reader.ReadToEnd().Split '\n'
             |> Seq.mapi OperationVectors.parse
             |> Seq.choose id
             |> List.ofSeq)

let private say (row: OperationVectors.Row) verdict =
    match verdict with
    | OperationVectors.Right -> None
    | OperationVectors.Wrong found -> Some $"line {row.Line} {row.Mnemonic}: {found}"
    | OperationVectors.NotImplemented -> Some $"line {row.Line} {row.Mnemonic}: no meaning"

/// The widths of written operands: digits of patterns are filled up with zeros.
let private fill (mnemonic: string) index (text: string) =
    let widths =
        Table.specification.ByName
        |> Map.tryFind mnemonic
        |> Option.map _.Widths
        |> Option.defaultValue []

    let digits =
        match List.tryItem index widths |> Option.flatten with
        | Some Single -> 8
        | Some Packed -> 32
        | _ -> 16

    if text = "-" || text.Contains ':' || text.Length > digits then
        text
    else
        text.PadLeft(digits, '0')

/// A case of the specification: sources as `a b c`, what comes out, and notes as in the vectors.
let private decides (rule: string) (mnemonic: string) (sources: string) result notes =
    test $"{rule}: {mnemonic} of {sources} is {result}" {
        let parts = sources.Split ' '
        let source index = Array.tryItem index parts |> Option.defaultValue "-"

        let line =
            [
                "5"
                mnemonic
                fill mnemonic 0 (source 0)
                fill mnemonic 1 (source 1)
                fill mnemonic 2 (source 2)
                result
                notes
            ]
            |> String.concat "\t"

        match OperationVectors.parse 0 line with
        | None -> failtest $"no row: {line}"
        | Some row -> Expect.equal (say row (OperationVectors.check row)) None rule
    }

/// Results have as many digits as the vectors give them.
let private whole = [
    decides "E2K-INT-002" "andnd" "ff 0f" "00000000000000f0" "-"
    decides "E2K-INT-003" "shld" "1 41" "0000000000000002" "-"
    decides "E2K-INT-004" "getfd" "29 532" "00000000000a4000" "-"
    decides "E2K-INT-004" "getfs" "42e4a4a9 ce59bf3b" "0c949528" "-"
    decides "E2K-INT-004" "getfs" "aaaaaaaa 1008" "ffffffff" "-"
    decides "E2K-INT-007" "lzcnts" "- 0" "00000020" "-"
    decides "E2K-INT-007" "popcntd" "- ff00ff" "0000000000000010" "-"
    decides "E2K-INT-008" "umulhd" "ffffffffffffffff ffffffffffffffff" "fffffffffffffffe" "-"
    decides "E2K-INT-008" "smulhd" "ffffffffffffffff ffffffffffffffff" "0000000000000000" "-"
    decides "E2K-INT-009" "clmull" "3 3" "0000000000000005" "-"
    decides "E2K-INT-012" "sdivd" "8000000000000000 ffffffffffffffff" "8000000000000000" "-"
    decides "E2K-INT-012" "sdivd" "5 0" "trap:SIGFPE" "-"
    decides "E2K-INT-013" "sdivx" "00ff00ff00ff00ff aa57a1de" "017f3bf2" "-"
    decides "E2K-INT-013" "udivx" "100000000 1" "trap:SIGFPE" "-"
    decides "E2K-INT-014" "smodx" "7fff7fff7fff7fff ffffffff" "fffefffe" "-"
    decides "E2K-INT-020" "cmppdb" "12 fffffffffffffffe" "1" "-"
    decides "E2K-INT-020" "cmpodb" "8000000000000000 1" "1" "-"
    decides "E2K-INT-021" "cmpandedb" "d 7f" "0" "-"
    decides "E2K-SEM-010" "shl_rsubd" "1 3 2" "0000000000000006" "-"
    decides "E2K-PACK-001" "paddusb" "ff 1" "00000000000000ff" "-"
    decides "E2K-PACK-001" "psubsb" "80 1" "0000000000000080" "-"
    decides "E2K-PACK-002" "pavgusb" "1 2" "0000000000000002" "-"
    decides "E2K-PACK-010" "psllw" "1 20" "0000000000000000" "-"
    decides "E2K-PACK-010" "psraw" "80000000 100000000" "00000000ffffffff" "-"
    decides "E2K-PACK-011" "phaddh" "1 80" "0000008000000001" "-"
    decides "E2K-PACK-012" "packsshb" "2 4d869034d1200b23" "000000027f80807f" "-"
    decides "E2K-PACK-013" "punpcklbh" "4 80" "0000000000000480" "-"
    decides "E2K-PACK-019" "pmerge" "0 ff 80" "00000000000000ff" "-"
    decides "E2K-PACK-020" "pshufb" "2 7fff0000dd578000 8080808080808033" "0000000000000044" "-"
    decides "E2K-PACK-023" "pshufh" "- 3d imm:1b" "003d000000000000" "-"
    decides "E2K-PACK-024" "psllqh" "4e 80 imm:1" "0000000000004e00" "-"
    decides "E2K-PACK-024" "psllqh" "ffffffff 7fffffffffffffff imm:0" "00000000ffffffff" "-"
    decides "E2K-PACK-024" "psrlql" "ffff8000ffffffff 1 imm:0" "0000000000000001" "-"
    decides "E2K-PACK-025" "plog_0x96" "c a 9" "000000000000000f" "-"
    decides "E2K-PACK-026" "pinsh" "16 ff4d imm:3" "ff4d000000000016" "-"
]

let private floating = [
    decides "E2K-FP-001" "fxaddxx" "3fff0000000000000001 0" "ffffc000000000000000" "fpsr=1"
    decides "E2K-FP-002" "fmuld" "0 7ff0000000000000" "fff8000000000000" "pfpfr=1f81"
    decides "E2K-FP-003" "fadds" "7f7fffff 7f7fffff" "7f800000" "pfpfr=1fa8"
    decides "E2K-FP-003" "fmuls" "00800000 3f000000" "00400000" "-"
    decides "E2K-FP-004" "faddd" "7ff8000000000000 7ff8000000abcdef" "7ff8000000abcdef" "-"
    decides "E2K-FP-004" "fadds" "7fc00001 7f812345" "7fc00001" "pfpfr=1f81"
    decides "E2K-FP-005" "fsubs" "3f800000 3f800000" "80000000" "in:pfpfr=3f80,-"
    decides "E2K-FP-011" "fmuls" "40000000 40000000" "40800000" "-"
    decides "E2K-FP-012" "fdivs" "3f800000 0" "7f800000" "pfpfr=1f84"
    decides "E2K-FP-013" "fsqrts" "- 40800000" "40000000" "-"
    decides "E2K-FP-014" "fmas" "40000000 40000000 3f800000" "40a00000" "-"
    decides "E2K-FP-014" "fnmss" "40000000 40000000 3f800000" "c0a00000" "-"
    decides "E2K-FP-020" "fcmpneqs" "7fc00000 0" "ffffffff" "-"
    decides "E2K-FP-020" "fcmplts" "7fc00000 0" "00000000" "pfpfr=1f81"
    decides "E2K-FP-021" "fcmpoddf" "1 4068880000000000" "00000001" "-"
    decides "E2K-FP-022" "fmaxs" "7fc00000 3eaaaaab" "3eaaaaab" "pfpfr=1f81"
    decides "E2K-FP-030" "fstofd" "- 7f800001" "7ff8000020000000" "pfpfr=1f81"
    decides "E2K-FP-031" "fstois" "- 4f000000" "80000000" "pfpfr=1f81"
    decides "E2K-FP-031" "fstois" "- cf000000" "80000000" "-"
    decides "E2K-FP-032" "istofs" "- ffffffff" "bf800000" "-"
    decides "E2K-FP-033" "fdtoifd" "8 3f2bf22c6186bc6b" "0000000000000000" "-"
    decides "E2K-FP-034" "fscales" "bf000000 bf000000" "80000000" "-"
    decides "E2K-FP-042" "fmuls" "bfe724d3 80000001" "00000000" "in:pfpfr=9f80,pfpfr=9fb0"
    decides "E2K-F80-004" "fdtofx" "- 3fd5555555555555" "3ffdaaaaaaaaaaaaa800" "in:fpcr=7f"
    decides "E2K-F80-006" "fxcmpeqdb" "7fffc000000000000000 4047800000000000" "0" "fpsr=1"
    decides "E2K-F80-010" "movxc" "- 80000000000000000000" "00000000000000000000" "-"
]

/// Rows about which sources disagree, and which the reference decides against the row.
let private decidedOtherwiseMax = 150

let tests =
    testList "operations" [
        test "there are rows" { Expect.isGreaterThan rows.Value.Length 5000 "the embedded vectors" }

        test "undisputed rows agree" {
            let failures =
                rows.Value
                |> List.filter _.Disputed.IsNone
                |> List.choose (fun row -> say row (OperationVectors.check row))

            Expect.isEmpty failures "E2K-SEM-001"
        }

        test "the engine decides every row as the reference" {
            let failures =
                rows.Value
                |> List.filter (fun row ->
                    OperationVectors.checkEngine row <> OperationVectors.check row)
                |> List.choose (fun row -> say row (OperationVectors.checkEngine row))

            Expect.isEmpty failures "E2K-SEM-001"
        }

        test "disputed rows are decided one way or the other" {
            let failures =
                rows.Value
                |> List.filter _.Disputed.IsSome
                |> List.choose (fun row -> say row (OperationVectors.check row))

            Expect.isLessThan failures.Length decidedOtherwiseMax "too many"
        }

        test "every cell of the table names a function, an access or a reason" {
            let accesses =
                set [
                    "load"
                    "loadpair"
                    "store"
                    "storepair"
                    "arraystore"
                    "arraywrite"
                    "arrayread"
                    "stateread"
                    "statewrite"
                    "puttag"
                    "getstack"
                ]

            let isKnown (cell: string) =
                cell.StartsWith "none:"
                || accesses.Contains((cell.Split '.')[0])
                || (Semantics.parse cell).IsSome

            let nameless =
                Table.specification.ByName.Values
                |> Seq.filter (fun entry -> not (isKnown entry.Semantics))
                |> Seq.map (fun entry -> $"{entry.Mnemonic}: {entry.Semantics}")
                |> List.ofSeq

            Expect.isEmpty nameless "E2K-SEM-003"
        }

        yield! whole
        yield! floating
    ]
