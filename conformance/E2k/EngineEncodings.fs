/// The engine's assembler and disassembler of wide instructions beside the reference's: words, text
/// and refusals have to be the same. Requirements: E2K-TXT-001; spec/e2k/encoding.md.
module Ashlar.Conformance.E2k.EngineEncodings

open System
open System.Collections.Immutable
open Ashlar.Reference.E2k

type private Fast = Ashlar.E2k.Symbolic.Operation
type private FastPrinter = Ashlar.E2k.Symbolic.Printer

/// Why there are no words or no text: the requirement, what is wrong, and of a text that cannot be
/// read the column.
type Refusal = { Rule: string; Reason: string; Column: int option }

let private refused (wrong: Ashlar.E2k.Illegal) : Result<'a, Refusal> =
    Error { Rule = wrong.Rule; Reason = wrong.Reason; Column = None }

let private refusal (wrong: Illegal) : Refusal = {
    Rule = wrong.Rule
    Reason = wrong.Reason
    Column = None
}

/// Names are labels, and there is only the bundle's own address, which is 0.
let private noNames = Ashlar.E2k.Symbolic.Known(fun _ -> Nullable())

let private resolve = Ashlar.E2k.Symbolic.Resolver(fun value -> value.Offset)

/// The engine's words of a text.
let assemble (version: int) (isFetch: bool) (text: string) : Result<uint32[], Refusal> =
    let mutable operations = ImmutableArray.Empty
    let mutable words = Array.empty

    match Ashlar.E2k.Symbolic.OperationParser.TryParseBundle(text, noNames, &operations) with
    | null ->
        let wrong =
            if isFetch then
                Ashlar.E2k.Symbolic.FetchPairs.TryEncode(operations, resolve, &words)
            else
                Ashlar.E2k.Symbolic
                    .BundleEncoder(version)
                    .TryEncode(operations, resolve, 0L, &words)

        match wrong with
        | null -> Ok words
        | wrong -> refused wrong
    | fault ->
        Error {
            Rule = fault.Wrong.Rule
            Reason = fault.Wrong.Reason
            Column = Some fault.Column
        }

/// The engine's text of words.
let disassemble (version: int) (isFetch: bool) (words: uint32[]) : Result<string, Refusal> =
    let text (operations: ImmutableArray<Fast>) =
        Ok(
            if operations.IsEmpty then
                "(empty)"
            else
                FastPrinter.Print operations
        )

    if isFetch then
        text (Ashlar.E2k.Symbolic.FetchPairs.Decode(ReadOnlySpan words))
    else
        let mutable operations = ImmutableArray.Empty

        match
            Ashlar.E2k.Symbolic.SymbolicDecoder(version).TryDecode(ReadOnlySpan words, &operations)
        with
        | null -> text operations
        | wrong -> refused wrong

/// The reference's words of a text.
let wantedWords (version: int) (text: string) : Result<uint32[], Refusal> =
    let setting: Encoder.Setting = {
        Table = Table.specification
        Version = version
        Resolve = _.Offset
        Here = 0L
    }

    match Parser.bundle (fun _ -> None) text with
    | Error fault ->
        Error {
            Rule = fault.Wrong.Rule
            Reason = fault.Wrong.Reason
            Column = Some fault.Column
        }
    | Ok operations -> Encoder.encode setting operations |> Result.mapError refusal

/// The reference's text of words.
let wantedText (version: int) (words: uint32[]) : Result<string, Refusal> =
    Decoder.decode Table.specification version words
    |> Result.map (fun operations ->
        if operations.IsEmpty then
            "(empty)"
        else
            Printer.bundle operations)
    |> Result.mapError refusal

let private show (found: Result<'a, Refusal>) (say: 'a -> string) =
    match found with
    | Ok one -> say one
    | Error { Rule = rule; Reason = reason; Column = None } -> $"refused by {rule}: {reason}"
    | Error { Rule = rule; Reason = reason; Column = Some column } ->
        $"refused by {rule} at column {column}: {reason}"

let private hex (words: uint32[]) =
    words |> Array.map (fun word -> $"{word:x8}") |> String.concat " "

/// What engine and reference make differently of a text, if they do.
let textDifference (version: int) (text: string) : string option =
    let found, wanted = assemble version false text, wantedWords version text

    if found = wanted then
        None
    else
        Some $"version {version}: {text}: {show found hex}, not {show wanted hex}"

/// What engine and reference make differently of words, if they do.
let wordsDifference (version: int) (words: uint32[]) : string option =
    let found, wanted = disassemble version false words, wantedText version words

    if found = wanted then
        None
    else
        Some $"version {version}: {hex words}: {show found id}, not {show wanted id}"

/// What disagrees with a row of the vectors.
let check (row: EncodingVectors.Row) : EncodingVectors.Failure list =
    let say (found: Result<'a, Refusal>) = found |> Result.mapError (fun wrong -> wrong.Rule)

    EncodingVectors.checkWith
        (fun version isFetch text -> say (assemble version isFetch text))
        (fun version isFetch words -> say (disassemble version isFetch words))
        row
