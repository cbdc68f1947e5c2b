/// Programs to sources that the assembler takes back: code as bundles with labels, data as numbers.
/// Requirements: spec/e2k/assembly.md (E2K-DIS).
module Ashlar.Reference.E2k.Assembly.Disassembler

open System
open System.Text
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly.Source

/// What stands at an address of code.
type Piece = {
    Address: uint64
    Words: uint32[]
    /// The operations, or none where the words are only numbers.
    Operations: Operation list option
}

/// What a line is printed with: the name of a place that begins a piece, if it has one.
type Labels = uint64 -> string option

/// E2K-DIS-003: operations with labels in place of distances.
let private labelled (labels: Labels) (address: uint64) (operation: Operation) =
    let named (argument: Argument) =
        match argument with
        | Number { Symbol = Some "."; Offset = offset } ->
            match labels (address + uint64 offset) with
            | Some name -> Number { Symbol = Some name; Offset = 0L }
            | None -> argument
        | _ -> argument

    { operation with Arguments = List.map named operation.Arguments }

/// A piece as a statement.
let statement (labels: Labels) (piece: Piece) : string =
    match piece.Operations with
    | Some [] -> "{ }"
    | Some operations ->
        let text = operations |> List.map (labelled labels piece.Address) |> Printer.bundle
        $"{{ {text} }}"
    | None ->
        let numbers = piece.Words |> Array.map (fun word -> $"0x{word:x8}") |> String.concat ", "
        $".word {numbers}"

let private noLabels: Labels = fun _ -> None

/// The words that the text of operations gives, as the assembler would find them.
let private again version isFetch (operations: Operation list) =
    match Parser.bundle (fun _ -> None) (Printer.bundle operations) with
    | Error _ -> None
    | Ok written ->
        let resolve (value: Value) = value.Offset

        let words =
            if isFetch then
                Arrays.encodeFetch resolve written
            else
                Encoder.encode
                    { Table = Table.specification; Version = version; Resolve = resolve; Here = 0L }
                    written

        Result.toOption words

/// E2K-DIS-002: the bundle that words begin with, where its text gives the words back.
let private bundleAt version (words: uint32[]) index : (uint32[] * Operation list) option =
    let length = Syllables.lengthOf words[index]

    if index + length > words.Length then
        None
    else
        let own = words[index .. index + length - 1]

        match Decoder.decode Table.specification version own with
        | Ok operations when again version false operations = Some own -> Some(own, operations)
        | _ -> None

let private fetchAt (words: uint32[]) index : (uint32[] * Operation list) option =
    if index + 4 > words.Length then
        None
    else
        let own = words[index .. index + 3]

        match Arrays.decodeFetch own with
        | Ok(_ :: _ as operations) when again 0 true operations = Some own -> Some(own, operations)
        | _ -> None

/// E2K-DIS-004: pairs of a prefetch program: as many as the unit has room for.
let private fetchMax = 32

/// The pieces of code; `fetches` are the addresses at which prefetch programs begin.
let private sweep version (start: uint64) (words: uint32[]) (fetches: Set<uint64>) : Piece list =
    let pieces = ResizeArray<Piece>()
    let mutable index = 0
    // How many pairs of a prefetch program may follow.
    let mutable pairs = 0

    let take (words: uint32[]) operations =
        pieces.Add { Address = start + 4UL * uint64 index; Words = words; Operations = operations }

        index <- index + words.Length

    while index < words.Length do
        if fetches.Contains(start + 4UL * uint64 index) then
            pairs <- fetchMax

        match (if pairs > 0 then fetchAt words index else None) with
        | Some(own, operations) ->
            pairs <- if own[0] >>> 31 = 1u then 0 else pairs - 1
            take own (Some operations)
        | None ->
            pairs <- 0

            match bundleAt version words index with
            | Some(own, operations) -> take own (Some operations)
            | None -> take words[index .. min (index + 1) (words.Length - 1)] None

    List.ofSeq pieces

/// Targets of the named operations of pieces.
let private targets names (pieces: Piece list) =
    pieces
    |> List.collect (fun piece ->
        piece.Operations
        |> Option.defaultValue []
        |> List.filter (fun operation -> List.contains operation.Name names)
        |> List.collect (fun operation ->
            operation.Arguments
            |> List.choose (fun argument ->
                match argument with
                | Number { Symbol = Some "."; Offset = offset } ->
                    Some(piece.Address + uint64 offset)
                | _ -> None)))
    |> set

/// The pieces of words at an address. Where prefetch programs begin is found first.
let pieces version (start: uint64) (words: uint32[]) : Piece list =
    let plain = sweep version start words Set.empty
    let fetches = targets [ "ldisp" ] plain

    if fetches.IsEmpty then
        plain
    else
        sweep version start words fetches

/// The statements of words, a line each.
let words version (words: uint32[]) : string list =
    pieces version 0UL words |> List.map (statement noLabels)

let private isName (text: string) =
    text <> ""
    && (isNameStart text[0] || text[0] = '.' && text.Length > 1)
    && behind isWord text 0 = text.Length
    && not (
        [ "L_"; "_f16s"; "_f32s"; "_f64" ]
        |> List.exists (fun (taken: string) -> text.StartsWith taken)
    )

/// E2K-DIS-003: names of a file that can be labels: one for a place, and one place for a name.
let private namesOf (image: Elf.Image) : Map<uint64, string> =
    image.Symbols
    |> List.filter (fun symbol -> isName symbol.Name)
    |> List.groupBy _.Name
    |> List.choose (fun (name, all) ->
        match all with
        | [ one ] -> Some(one.Address, name)
        | _ -> None)
    |> List.groupBy fst
    |> List.map (fun (address, all) ->
        let names = List.map snd all

        address,
        if List.contains "_start" names then
            "_start"
        else
            List.head names)
    |> Map.ofList

let private wordsOf (bytes: byte[]) =
    Array.init (bytes.Length / 4) (fun at -> BitConverter.ToUInt32(bytes, 4 * at))

/// Numbers in a line of data.
let private perLine = 4

let private line (text: StringBuilder) (content: string) =
    text.Append(content).Append('\n') |> ignore

/// Bytes without a label within, as numbers of eight bytes and of one, and runs of zeros.
let private data (text: StringBuilder) (bytes: byte[]) =
    let mutable index = 0

    let zerosFrom start =
        let finish = Array.FindIndex(bytes, start, fun one -> one <> 0uy)
        if finish < 0 then bytes.Length - start else finish - start

    let numbers width name (count: int) (one: int -> string) =
        let written = [ for at in 0 .. count - 1 -> one (index + width * at) ]
        let joined = String.concat ", " written
        line text $"    {name} {joined}"
        index <- index + width * count

    while index < bytes.Length do
        let left = bytes.Length - index
        let zeros = zerosFrom index

        if zeros >= 16 then
            line text $"    .skip {zeros}"
            index <- index + zeros
        elif left >= 8 then
            numbers 8 ".dword" (min perLine (left / 8)) (fun at ->
                $"0x{BitConverter.ToUInt64(bytes, at):x}")
        else
            numbers 1 ".byte" left (fun at -> $"0x{bytes[at]:x}")

let private code version (labels: Labels) (text: StringBuilder) (section: Elf.Section) =
    for piece in pieces version section.Address (wordsOf section.Bytes) do
        match labels piece.Address with
        | Some name -> line text $"{name}:"
        | None -> ()

        line text $"    {statement labels piece}"

    let rest = section.Bytes.Length % 4

    if rest > 0 then
        data text section.Bytes[section.Bytes.Length - rest ..]

/// Data with the labels that lie in it.
let private labelledData (names: Map<uint64, string>) (text: StringBuilder) (section: Elf.Section) =
    let finish = section.Address + section.Size

    let inside =
        names
        |> Map.toList
        |> List.filter (fun (address, _) -> address >= section.Address && address < finish)

    let bounds = (inside |> List.map fst) @ [ finish ]

    let put (first: uint64) (last: uint64) =
        let held = uint64 section.Bytes.Length
        let from, until = first - section.Address, last - section.Address

        if from < held then
            data text section.Bytes[int from .. int (min held until) - 1]

        if until > max from held then
            line text $"    .skip {until - max from held}"

    put section.Address bounds.Head

    for (address, name), next in List.zip inside bounds.Tail do
        line text $"{name}:"
        put address next

/// What an address is a multiple of, up to a page.
let private alignmentOf (address: uint64) =
    if address = 0UL then
        8UL
    else
        min 4096UL (1UL <<< Numerics.BitOperations.TrailingZeroCount address)

/// E2K-DIS-001: the source of a program.
let source (image: Elf.Image) : string =
    let text = StringBuilder()
    let executable = image.Sections |> List.filter _.IsExecutable

    let all =
        executable
        |> List.collect (fun section ->
            pieces image.Version section.Address (wordsOf section.Bytes))

    let starts = all |> List.map _.Address |> set

    let names =
        match namesOf image with
        | names when names |> Map.exists (fun _ name -> name = "_start") -> names
        | names -> names.Add(image.Entry, "_start")

    let reached = targets [ "disp"; "ldisp"; "ibranch" ] all

    let labels address =
        if not (starts.Contains address) then
            None
        else
            match names.TryFind address with
            | Some name -> Some name
            | None when reached.Contains address -> Some $"L_{address:x}"
            | None -> None

    line text $"// version {image.Version}"

    for section in image.Sections do
        let kind =
            if section.IsExecutable then
                ".text"
            elif section.Bytes.Length = 0 && section.Size > 0UL then
                ".bss"
            elif section.IsWritable then
                ".data"
            else
                ".rodata"

        line text $"    {kind}"

        if section.IsExecutable then
            for symbol in image.Symbols do
                if symbol.IsGlobal && names.TryFind symbol.Address = Some symbol.Name then
                    line text $"    .global {symbol.Name}"

            code image.Version labels text section
        else
            line text $"    .balign {min 64UL (alignmentOf section.Address)}"
            labelledData names text section

    text.ToString()
