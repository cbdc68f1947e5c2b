/// Vectors of encodings: words, their text and a source, checked against the reference both ways.
/// The form of a row is that of conformance/E2kTests/encoding.tsv. Requirements: E2K-TXT-001.
module Ashlar.Conformance.E2k.EncodingVectors

open System
open System.Globalization
open Ashlar.Reference.E2k

/// One row: the words of a bundle of a version, what is printed, what is assembled.
type Row = {
    Version: int
    Words: uint32[]
    Text: string
    Source: string
    Kind: string
    /// Whether text and words determine each other; else words and source only.
    IsRoundTrip: bool
}

/// What is wrong with a row, in which direction.
type Failure = { Row: Row; Direction: string; Found: string }

/// A row of the tab-separated file, or nothing where the line is none.
let parse (line: string) : Row option =
    match line.Split '\t' with
    | [| version; words; text; source; kind; flag |] when not (line.StartsWith '#') ->
        Some {
            Version = int version
            Words =
                words.Split ' '
                |> Array.map (fun word -> UInt32.Parse(word, NumberStyles.HexNumber))
            Text = text
            Source = if source = "=" then text else source
            Kind = kind
            IsRoundTrip = (flag = "rt")
        }
    | _ -> None

let private noNames (_: string) : int64 option = None

/// The number of a label in a row: there is only the bundle's own address, which is 0.
let private resolve (value: Value) = value.Offset

let private hex (words: uint32[]) =
    words |> Array.map (fun word -> $"{word:x8}") |> String.concat " "

let private say (illegal: Illegal) = $"{illegal.Rule}: {illegal.Reason}"

/// The words of a row's text, or why there are none.
let assemble (version: int) (isFetch: bool) (text: string) : Result<uint32[], string> =
    let setting: Encoder.Setting = {
        Table = Table.specification
        Version = version
        Resolve = resolve
        Here = 0L
    }

    match Parser.bundle noNames text with
    | Error fault -> Error $"column {fault.Column}: {say fault.Wrong}"
    | Ok operations when isFetch -> Arrays.encodeFetch resolve operations |> Result.mapError say
    | Ok operations -> Encoder.encode setting operations |> Result.mapError say

/// The text of words, or why there is none.
let disassemble (version: int) (isFetch: bool) (words: uint32[]) : Result<string, string> =
    let operations =
        if isFetch then
            Arrays.decodeFetch words
        else
            Decoder.decode Table.specification version words

    operations
    |> Result.map (fun operations ->
        if operations.IsEmpty then
            "(empty)"
        else
            Printer.bundle operations)
    |> Result.mapError say

/// What an assembler and a disassembler make differently from a row; nothing where all agrees.
let checkWith
    (assemble: int -> bool -> string -> Result<uint32[], string>)
    (disassemble: int -> bool -> uint32[] -> Result<string, string>)
    (row: Row)
    : Failure list =
    let isFetch = row.Kind = "fapb"
    let failure direction found = [ { Row = row; Direction = direction; Found = found } ]

    let words direction text =
        match assemble row.Version isFetch text with
        | Ok words when words = row.Words -> []
        | Ok words -> failure direction (hex words)
        | Error wrong -> failure direction wrong

    let printed = disassemble row.Version isFetch row.Words

    [
        yield! words "source to words" row.Source

        match printed with
        | Error wrong -> yield! failure "words to text" wrong
        | Ok text ->
            if row.IsRoundTrip && text <> row.Text then
                yield! failure "words to text" text

            yield! words "text to words" (if text = "(empty)" then "" else text)
    ]

/// What the reference makes differently from a row.
let check (row: Row) : Failure list = checkWith assemble disassemble row
