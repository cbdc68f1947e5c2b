/// JSON text to QMP values and back. Only what QMP commands use: integers, no fractions.
/// Errors carry line and column, since scripts are written by people and are hostile input.
namespace Ashlar.Conformance

open System
open System.Globalization
open System.Text
open Ashlar.Reference.Block

/// Where and why a text was not understood. Lines and columns count from 1.
type TextError = { Line: int; Column: int; Message: string }

/// How a text error is told to a person.
module TextError =
    /// `FILE:LINE:COLUMN: MESSAGE`.
    let render (file: string) (error: TextError) : string =
        $"{file}:{error.Line}:{error.Column}: {error.Message}"

/// The parser's way out; it never leaves this file's public functions.
exception private JsonFault of position: int * message: string

[<Sealed>]
type private JsonReader(text: string) =
    let mutable at = 0
    let fail message = raise (JsonFault(at, message))

    member _.Position = at

    member _.SkipBlanks() =
        while at < text.Length && (text[at] = ' ' || text[at] = '\t' || text[at] = '\r') do
            at <- at + 1

    member _.AtEnd = at >= text.Length

    member private _.Expect(c: char) =
        if at < text.Length && text[at] = c then
            at <- at + 1
        elif at >= text.Length then
            fail $"the line ends where '{c}' was expected"
        else
            fail $"'{c}' was expected, not '{text[at]}'"

    member private _.Hex4() : char =
        if at + 4 > text.Length then
            fail "four hexadecimal digits were expected"

        match
            UInt16.TryParse(
                text.AsSpan(at, 4),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture
            )
        with
        | true, code ->
            at <- at + 4
            char code
        | _ -> fail "four hexadecimal digits were expected"

    member private this.Escape(into: StringBuilder) =
        at <- at + 1

        if at >= text.Length then
            fail "the line ends inside an escape"

        let c = text[at]
        at <- at + 1

        match c with
        | '"'
        | '\\'
        | '/' -> into.Append c
        | 'b' -> into.Append '\b'
        | 'f' -> into.Append '\012'
        | 'n' -> into.Append '\n'
        | 'r' -> into.Append '\r'
        | 't' -> into.Append '\t'
        | 'u' -> into.Append(this.Hex4())
        | _ ->
            at <- at - 1
            fail $"'\\{c}' is not an escape"
        |> ignore

    member this.String() : string =
        this.Expect '"'
        let start = at

        while at < text.Length && text[at] <> '"' && text[at] <> '\\' && text[at] >= ' ' do
            at <- at + 1

        if at < text.Length && text[at] = '"' then
            at <- at + 1
            text.Substring(start, at - 1 - start)
        else
            let into = StringBuilder(text, start, at - start, 64)
            let mutable closed = false

            while not closed do
                if at >= text.Length then
                    fail "the line ends inside a string"

                match text[at] with
                | '"' ->
                    at <- at + 1
                    closed <- true
                | '\\' -> this.Escape into
                | c when c < ' ' -> fail "a control character inside a string"
                | c ->
                    into.Append c |> ignore
                    at <- at + 1

            into.ToString()

    member private _.Number() : Value =
        let start = at

        if text[at] = '-' then
            at <- at + 1

        while at < text.Length && Char.IsAsciiDigit text[at] do
            at <- at + 1

        if at < text.Length && (text[at] = '.' || text[at] = 'e' || text[at] = 'E') then
            fail "a fraction; commands use whole numbers only"

        let digits = text.AsSpan(start, at - start)

        match
            Int64.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
        with
        | true, number -> Value.Int number
        | _ ->
            at <- start
            fail "not a number of 64 bits"

    /// A character that a terminal would act on is told by its number.
    member private _.NoValue() : Value =
        let c = text[at]

        if Char.IsControl c || Char.IsSurrogate c then
            fail $"the character U+{int c:X4} does not begin a value"
        else
            fail $"'{c}' does not begin a value"

    member private this.Word(word: string, value: Value) : Value =
        if String.CompareOrdinal(text, at, word, 0, word.Length) = 0 then
            at <- at + word.Length
            value
        else
            this.NoValue()

    member private this.Members(depth: int) : Value =
        at <- at + 1
        this.SkipBlanks()
        let members = ResizeArray()

        if at < text.Length && text[at] = '}' then
            at <- at + 1
        else
            let mutable more = true

            while more do
                this.SkipBlanks()
                let keyAt = at
                let key = this.String()

                if members.Exists(fun (k, _) -> k = key) then
                    at <- keyAt
                    fail $"the key '{key}' appears twice"

                this.SkipBlanks()
                this.Expect ':'
                members.Add((key, this.Value(depth + 1)))
                this.SkipBlanks()
                more <- at < text.Length && text[at] = ','

                if more then at <- at + 1 else this.Expect '}'

        Value.Dict(List.ofSeq members)

    member private this.Items(depth: int) : Value =
        at <- at + 1
        this.SkipBlanks()
        let items = ResizeArray()

        if at < text.Length && text[at] = ']' then
            at <- at + 1
        else
            let mutable more = true

            while more do
                items.Add(this.Value(depth + 1))
                this.SkipBlanks()
                more <- at < text.Length && text[at] = ','

                if more then at <- at + 1 else this.Expect ']'

        Value.List(List.ofSeq items)

    member this.Value(depth: int) : Value =
        if depth > Limits.jsonDepth then
            fail $"nested deeper than {Limits.jsonDepth} levels"

        this.SkipBlanks()

        if at >= text.Length then
            fail "the line ends where a value was expected"

        match text[at] with
        | '{' -> this.Members depth
        | '[' -> this.Items depth
        | '"' -> Value.Str(this.String())
        | 't' -> this.Word("true", Value.Bool true)
        | 'f' -> this.Word("false", Value.Bool false)
        | 'n' -> this.Word("null", Value.Null)
        | c when c = '-' || Char.IsAsciiDigit c -> this.Number()
        | _ -> this.NoValue()

/// Reading and writing one JSON document on one line.
module Json =
    let private guard (line: int) (offset: int) (read: unit -> 'a) : Result<'a, TextError> =
        try
            Ok(read ())
        with JsonFault(position, message) ->
            Error { Line = line; Column = offset + position + 1; Message = message }

    /// The value of a line that holds nothing else. `line` is the number for errors.
    let parse (line: int) (text: string) : Result<Value, TextError> =
        guard line 0 (fun () ->
            let reader = JsonReader text
            let value = reader.Value 0
            reader.SkipBlanks()

            if not reader.AtEnd then
                raise (JsonFault(reader.Position, "something follows the value"))

            value)

    /// The string literal that starts at an index of the line, and the index after it.
    let parseString (line: int) (text: string) (start: int) : Result<string * int, TextError> =
        guard line start (fun () ->
            let reader = JsonReader(text.Substring start)
            let value = reader.String()
            value, start + reader.Position)

    let private writeString (into: StringBuilder) (text: string) =
        into.Append '"' |> ignore

        for c in text do
            match c with
            | '"' -> into.Append "\\\""
            | '\\' -> into.Append "\\\\"
            | '\n' -> into.Append "\\n"
            | '\r' -> into.Append "\\r"
            | '\t' -> into.Append "\\t"
            | '\u007f'
            | '\u2028'
            | '\u2029' -> into.Append("\\u").Append((int c).ToString "x4")
            | c when c < ' ' || Char.IsSurrogate c ->
                into.Append("\\u").Append((int c).ToString "x4")
            | c -> into.Append c
            |> ignore

        into.Append '"' |> ignore

    let rec private writeValue (into: StringBuilder) (value: Value) =
        match value with
        | Value.Null -> into.Append "null" |> ignore
        | Value.Bool b -> into.Append(if b then "true" else "false") |> ignore
        | Value.Int n -> into.Append n |> ignore
        | Value.Str s -> writeString into s
        | Value.List items ->
            into.Append '[' |> ignore

            items
            |> List.iteri (fun i item ->
                if i > 0 then
                    into.Append ", " |> ignore

                writeValue into item)

            into.Append ']' |> ignore
        | Value.Dict members ->
            into.Append '{' |> ignore

            members
            |> List.iteri (fun i (key, item) ->
                if i > 0 then
                    into.Append ", " |> ignore

                writeString into key
                into.Append ": " |> ignore
                writeValue into item)

            into.Append '}' |> ignore

    /// A value as one line of JSON, the form every script and report uses.
    let render (value: Value) : string =
        let into = StringBuilder()
        writeValue into value
        into.ToString()

    /// A string as a JSON literal.
    let quote (text: string) : string =
        let into = StringBuilder()
        writeString into text
        into.ToString()
