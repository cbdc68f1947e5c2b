/// The tables of the specification as data: operations by name and by encoding, named registers.
/// Requirements: spec/e2k/operations.md; the tables: spec/e2k/operations/*.tsv.
namespace Ashlar.Reference.E2k

open System

/// The order of an operation's operands and where each stands (E2K-OPS-003).
type Form =
    /// src1, src2, dst.
    | TwoSources
    /// src2, dst.
    | OneSource
    /// src1, src2, src3, dst.
    | ThreeSources
    /// src1, src2, a byte, dst.
    | TwoAndByte
    /// src2, a byte, dst.
    | OneAndByte
    /// src1, src2, predicate.
    | Comparison
    /// src2, predicate.
    | Test
    /// src1, src2, dst, the predicate that chooses.
    | Merge
    /// src1, src2, src3, dst, the predicate that chooses.
    | MergeAndThen
    /// Address in src1 and src2, dst.
    | Load
    /// Address in src1 and src2, the value in the byte of dst.
    | Store
    /// Array descriptor and index to dst.
    | ArrayLoad
    /// The value in the byte of dst to an array descriptor and index.
    | ArrayStore
    /// A register of the array unit to dst.
    | ArrayRead
    /// The byte of dst to a register of the array unit.
    | ArrayWrite
    /// A state register to dst.
    | StateRead
    /// src2 to a state register.
    | StateWrite
    /// src2 and the byte of dst: a jump to a computed address.
    | Jump
    /// A window in src1, src2 and the byte of dst: a call of a computed address.
    | JumpCall

/// The half-syllable of an operation.
type Extension =
    /// There is none.
    | NoHalf
    /// All 16 bits.
    | Whole of uint16
    /// The high byte; the low one is an operand.
    | High of int

/// An operation of the arithmetic-logic channels.
type Entry = {
    Mnemonic: string
    Form: Form
    /// Bits 30:24 of the syllable.
    Opcode: int
    /// By channel modulo 3.
    Extensions: Extension list
    Source1: int option
    /// Bits 7:5 of the destination byte.
    Destination: int option
    Pairs: (int * int) list
    Widths: Width option list
    /// First version, last version, channels.
    Legal: (int * int * int list) list
    /// The name of the function it computes (E2K-SEM-003).
    Semantics: string
}

/// The operations and registers of the specification.
type Table = {
    ByName: Map<string, Entry>
    /// By opcode and high byte of the half-syllable, -1 for none; the most fixed first.
    ByCode: Map<int * int, Entry list>
    StateByName: Map<string, int>
    StateByCode: Map<int, string>
    /// Registers of the memory unit: offset and address specifier.
    MemoryUnit: Map<string, int * int>
}

/// Reading the tables.
module Table =
    let private forms =
        Map.ofList [
            "ss", TwoSources
            "s", OneSource
            "sss", ThreeSources
            "plog", ThreeSources
            "ss8", TwoAndByte
            "s8", OneAndByte
            "cmp", Comparison
            "ccto", Test
            "ssp", Merge
            "sssp", MergeAndThen
            "load", Load
            "store", Store
            "ldaa", ArrayLoad
            "staa", ArrayStore
            "aarr", ArrayRead
            "aarw", ArrayWrite
            "rr", StateRead
            "rw", StateWrite
            "ibr", Jump
            "icall", JumpCall
        ]

    let private hex (text: string) = Convert.ToInt32(text, 16)
    let private digits (text: string) = [ for digit in text -> int digit - int '0' ]

    let private extensionOf (text: string) =
        if text = "-" then
            NoHalf
        elif text.EndsWith ".." then
            High(hex (text.Substring(0, 2)))
        else
            Whole(uint16 (hex text))

    let private extensionsOf (text: string) =
        if text.Contains '=' then
            let parts =
                text.Split ','
                |> Array.map (fun part -> int part[0] - int '0', extensionOf (part.Substring 3))
                |> Map.ofArray

            [ for channel in 0..2 -> parts |> Map.tryFind channel |> Option.defaultValue NoHalf ]
        else
            List.replicate 3 (extensionOf text)

    let private legalOf (text: string) = [
        for part in text.Split ' ' do
            let versions, channels = part.Split ':' |> fun halves -> halves[0], halves[1]
            let bounds = versions.Split '-' |> Array.map int
            bounds[0], bounds[bounds.Length - 1], digits channels
    ]

    let private fixedOf (text: string) = if text = "-" then None else Some(hex text)

    let private widthsOf (text: string) = [
        for letter in text ->
            match letter with
            | 'S' -> Some Width.Single
            | 'D' -> Some Width.Double
            | 'Q' -> Some Width.Quad
            | 'P' -> Some Width.Packed
            | _ -> None
    ]

    /// E2K-OPS-006: a row of 256 functions, the low seven bits in the opcode, the high one in the
    /// half-syllable.
    let private functions (entry: Entry) = [
        for code in 0..255 ->
            let high =
                match entry.Extensions with
                | High first :: _ -> first ||| (code >>> 7)
                | _ -> 0

            {
                entry with
                    Mnemonic = entry.Mnemonic.Replace("*", $"0x{code:x2}")
                    Semantics = entry.Semantics.Replace("*", $"{code:x2}")
                    Opcode = code &&& 127
                    Extensions = List.replicate 3 (High high)
            }
    ]

    let private entriesOf (line: string) =
        let cells = line.Split '\t'

        let entry = {
            Mnemonic = cells[0]
            Form = forms[cells[1]]
            Opcode = if cells[2] = "*" then 0 else hex cells[2]
            Extensions = extensionsOf cells[3]
            Source1 = fixedOf cells[4]
            Destination = fixedOf cells[5]
            Pairs =
                if cells[6] = "-" then
                    []
                else
                    [
                        for pair in cells[6].Split '/' do
                            let both = digits pair
                            both[0], both[1]
                    ]
            Widths = widthsOf cells[7]
            Legal = legalOf cells[8]
            Semantics = cells[9]
        }

        if cells[1] = "plog" then functions entry else [ entry ]

    let private lines (name: string) =
        match typeof<Entry>.Assembly.GetManifestResourceStream name with
        | null -> []
        | stream ->
            use stream = stream
            let bytes = Array.zeroCreate<byte>(int stream.Length)
            stream.ReadExactly(bytes, 0, bytes.Length)

            Text.Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            |> Array.filter (fun line -> not (line.StartsWith '#'))
            |> List.ofArray

    let private codesOf (entry: Entry) =
        entry.Extensions
        |> List.distinct
        |> List.map (fun extension ->
            match extension with
            | NoHalf -> entry.Opcode, -1
            | Whole half -> entry.Opcode, int half >>> 8
            | High high -> entry.Opcode, high)

    /// How many fields a row fixes: rows that fix more are tried first.
    let private fixedFields (entry: Entry) =
        let whole =
            entry.Extensions
            |> List.exists (fun extension ->
                match extension with
                | Whole _ -> true
                | _ -> false)

        (if entry.Source1.IsSome then 4 else 0)
        + (if entry.Destination.IsSome then 2 else 0)
        + (if whole then 1 else 0)

    /// E2K-OPS-006: other names of the 256 functions: the code in decimal digits or in hexadecimal
    /// ones without a leading zero, and five words; likewise of qpcext.
    let private aliases (byName: Map<string, Entry>) =
        let words = [ "and", 0x80; "or", 0xfe; "xor", 0x96; "mjr", 0xe8; "sel3", 0xd8 ]

        [
            "qpcext_0x0", byName["qpcext_0x00"]

            for prefix in [ "plog_"; "qplog_" ] do
                for code in 0..255 do
                    let entry = byName[$"{prefix}0x{code:x2}"]
                    $"{prefix}{code}", entry
                    $"{prefix}0x{code:x}", entry

                for word, code in words do
                    prefix + word, byName[$"{prefix}0x{code:x2}"]
        ]

    /// The tables that the specification carries.
    let specification: Table =
        let entries = lines "channel.tsv" |> List.collect entriesOf
        let registers = lines "registers.tsv" |> List.map (fun line -> line.Split '\t')
        let state = registers |> List.filter (fun cells -> cells[0] = "state")
        let byName = entries |> List.map (fun entry -> entry.Mnemonic, entry) |> Map.ofList

        {
            ByName =
                (byName, aliases byName)
                ||> List.fold (fun all (name, entry) -> all.Add(name, entry))
            ByCode =
                entries
                |> List.collect (fun entry -> codesOf entry |> List.map (fun code -> code, entry))
                |> List.groupBy fst
                |> List.map (fun (code, all) ->
                    code, all |> List.map snd |> List.sortByDescending fixedFields)
                |> Map.ofList
            StateByName = state |> List.map (fun cells -> cells[1], hex cells[2]) |> Map.ofList
            StateByCode = state |> List.map (fun cells -> hex cells[2], cells[1]) |> Map.ofList
            MemoryUnit =
                registers
                |> List.filter (fun cells -> cells[0] = "mmu")
                |> List.map (fun cells -> cells[1], (hex cells[2], hex cells[3]))
                |> Map.ofList
        }

    /// The last version that the table has rows of; a later one has these (E2K-OPS-007).
    let private lastVersion = 6

    /// Whether an operation may stand in a channel of a version (E2K-OPS-004).
    let isLegal (version: int) (channel: int) (entry: Entry) =
        let version = min version lastVersion

        entry.Legal
        |> List.exists (fun (first, last, channels) ->
            first <= version && version <= last && List.contains channel channels)
