/// The oracle's derivation of a step as text: what each rule looked at, in order, the refusal that
/// decided, and the requirement behind it in its own words. What is shown is what the oracle noted
/// (`Explain`); nothing is worked out here.
module Ashlar.Conformance.Derivation

open System
open Ashlar.Reference.Block

/// The columns of a terminal that these lines are made for.
let columns = 100

/// Pieces joined by blanks to lines; the second line and the next begin with the indent. A piece
/// that is longer than a line is left whole, so that what is copied is what it was.
let private fill (indent: string) (pieces: string list) : string list =
    let add (lines: string list) (piece: string) =
        match lines with
        | line :: rest when line.Length + 1 + piece.Length <= columns ->
            (line + " " + piece) :: rest
        | _ -> (indent + piece) :: lines

    match pieces with
    | [] -> []
    | first :: rest -> List.rev (List.fold add [ first ] rest)

/// A text broken between words.
let private wrap (indent: string) (text: string) : string list =
    text.Split '\n'
    |> List.ofArray
    |> List.mapi (fun i line -> if i = 0 then line else indent + line)
    |> List.collect (fun line -> fill indent (List.ofArray (line.Split ' ')))

/// No value of a derivation is longer; a name can have thousands of characters.
let private valueCharactersMax = 400

/// A named value; one too long for a line is broken between its items if it is a list.
let private value (indent: string) (name: string) (text: string) : string list =
    let text =
        if text.Length > valueCharactersMax then
            text.Substring(0, 60) + $"... ({text.Length} characters)"
        else
            text

    let items = List.ofArray (text.Split ", ")
    let last = items.Length - 1
    let deeper = indent + "    "

    items
    |> List.mapi (fun i item -> if i < last then item + "," else item)
    |> List.collect (fun item ->
        if deeper.Length + item.Length < columns then
            [ item ]
        else
            List.ofArray (item.Split ' '))
    |> function
        | [] -> [ indent + name ]
        | first :: rest -> fill deeper (indent + name + " = " + first :: rest)

/// Named values, as many on a line as fit.
let private values (indent: string) (pairs: (string * string) list) : string list =
    let add (lines: string list) (name, text) =
        match lines, value indent name text with
        | line :: rest, [ one ] when line.Length + 4 + one.TrimStart().Length <= columns ->
            (line + ";  " + one.TrimStart()) :: rest
        | line :: rest, own -> List.rev own @ (line + ";") :: rest
        | [], own -> List.rev own

    List.rev (List.fold add [] pairs)

/// Whether a step is the refusal that one of the outcomes reports: on its way up a text may get
/// a prefix ("Could not open backing file: ") or a hint behind it.
let private decides (outcomes: Outcome list) (step: Step) : bool =
    match List.tryFind (fun (name, _) -> name = Rule.refusal) step.Values with
    | None -> false
    | Some(_, text) ->
        outcomes
        |> List.exists (fun outcome ->
            match outcome.Result with
            | Ok _ -> false
            | Error why ->
                why.Requirement = step.Requirement
                && why.Text.Contains(text, StringComparison.Ordinal))

let private title (id: string) =
    match Requirements.find id with
    | Some found -> " " + found.Title
    | None -> ""

/// One step: `BLK-FILE-011 Lock test: #block000 tests lock bytes`, and the values below it.
let private stepLines (deciding: bool) (seenBefore: bool) (step: Step) : string list =
    let mark = if deciding then "> " else "  "
    let subject = if step.Node = "" then "" else step.Node + " "
    let head = mark + step.Requirement + title step.Requirement + ": " + subject + step.Sentence

    // The text of the deciding refusal stands below, with its class.
    if step.Values.IsEmpty || deciding then [ head ]
    elif seenBefore then [ head + ", as above" ]
    else head :: values "        " step.Values

/// The requirement in its own words, for the end of a derivation.
let private because (id: string) : string list =
    match Requirements.find id with
    | None -> []
    | Some found ->
        wrap "     " ("     " + id + " " + found.Title + ": " + found.Must)
        @ [ "     (" + found.Page + ")" ]

/// An outcome: the answer, and of a refusal the requirement that made it.
let private verdict (outcome: Outcome) : string list =
    let answer = Observation.answerText (OracleView.answer outcome.Result)

    match outcome.Result with
    | Ok _ -> wrap "     " ("  => " + answer)
    | Error why -> wrap "     " ("  => " + answer) @ because why.Requirement

/// The derivation of a command, and the outcomes that the profile allows.
let lines (profile: Profile) (world: World) (state: State) (command: Command) : string list =
    let outcomes = Oracle.step profile world state command
    let steps = Explain.explain profile world state command
    let seen = Collections.Generic.HashSet<Step>()

    [
        for step in steps do
            yield! stepLines (decides outcomes step) (not (seen.Add step)) step

        match outcomes with
        | []
        | [ _ ] -> ()
        | _ -> $"  {outcomes.Length} outcomes are allowed:"

        for outcome in outcomes do
            yield! verdict outcome
    ]

/// A step's number and its line of the script.
let heading (index: int) (line: string) : string list = wrap "        " $"step {index + 1}: {line}"

/// The same for a line that is no command, and was refused as such.
let ofRefusal (refusal: Refusal) : string list = [
    yield! wrap "     " ("  => " + refusal.Class + ": " + refusal.Text)
    yield! because refusal.Requirement
]
