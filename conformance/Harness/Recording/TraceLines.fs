/// Lines of recorded traces, of the older form and of recordings alike: each is a JSON object, and
/// a file that is none says at which LINE:COLUMN. What the objects hold is said elsewhere, in
/// Traces and Recordings.
module Ashlar.Conformance.TraceLines

open Ashlar.Reference.Block

/// The members of a line's object, in order.
type Members = (string * Value) list

/// A line that is no line of a trace.
exception private LineFault of column: int * message: string

/// Ends the reading: the line is none, for that reason.
let fault (message: string) : 'a = raise (LineFault(1, message))

/// The members of an object.
let members (value: Value) : Members =
    match value with
    | Value.Dict members -> members
    | _ -> fault "an object was expected"

/// A text.
let word (value: Value) : string =
    match value with
    | Value.Str text -> text
    | _ -> fault "a string was expected"

/// A whole number.
let number (value: Value) : int64 =
    match value with
    | Value.Int n -> n
    | _ -> fault "a number was expected"

/// The items of a list.
let items (value: Value) : Value list =
    match value with
    | Value.List items -> items
    | _ -> fault "a list was expected"

/// A member that has to be there.
let field (name: string) (entry: Members) : Value =
    match Value.find name entry with
    | ValueSome found -> found
    | ValueNone -> fault $"the member '{name}' is missing"

/// What a reply to a command was refused with; nothing when it was not.
let refusalOf (reply: Members) : Members option =
    match Value.find "error" reply with
    | ValueSome error -> Some(members error)
    | ValueNone -> None

let private entryOf (number: int) (line: string) : Members =
    match Json.parse number line with
    | Ok entry -> members entry
    | Error wrong -> raise (LineFault(wrong.Column, wrong.Message))

/// Takes the lines that are not empty one by one, with their numbers, and ends with what `last`
/// makes of it all; both may find fault.
let fold
    (take: 'a -> int -> Members -> 'a)
    (last: 'a -> 'b)
    (start: 'a)
    (lines: string seq)
    : Result<'b, string> =
    let mutable at = 0
    let mutable sum = start

    try
        for line in lines do
            at <- at + 1

            if line.Length > Limits.lineCharacters then
                fault $"the line is longer than {Limits.lineCharacters} characters"

            if at > Limits.traceLines then
                fault $"a trace has at most {Limits.traceLines} lines"

            if line <> "" then
                sum <- take sum at (entryOf at line)

        Ok(last sum)
    with LineFault(column, message) ->
        Error $"{max 1 at}:{column}: {message}"
