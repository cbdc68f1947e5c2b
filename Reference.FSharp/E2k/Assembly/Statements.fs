/// Lines to statements: labels, directives, assignments and bundles, with macros put in place.
/// Requirements: spec/e2k/assembly.md (E2K-ASM-004 to E2K-ASM-006).
module Ashlar.Reference.E2k.Assembly.Statements

open System
open System.Text
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly.Source

/// A statement of a source.
type Statement =
    | Label of Segment
    /// A directive's name and what stands behind it.
    | Directive of Segment * Segment
    /// `name = expression`.
    | Assignment of Segment * Segment
    /// The opening brace, and each operation.
    | Bundle of Segment * Segment list

/// A macro: its parameters with what stands for those not given, and its lines.
type private Macro = { Parameters: (string * string) list; Body: Line list }

/// What carries over from line to line.
type private State = {
    Macros: Map<string, Macro>
    /// The brace and the operations, the last first, of a bundle that is open.
    Open: (Segment * Segment list) option
    /// The heading, the lines, the last first, and the macros within, of one that is being read.
    Recording: (Segment * Line list * int) option
    /// Lines that macros made.
    Made: int
}

/// A line of a macro with `\name` replaced by what was given.
let private substituted
    (usedAt: Spot)
    (values: (string * string) list)
    (line: Line)
    : Result<Line, Problem> =
    let text = StringBuilder()
    let columns = ResizeArray<int>()

    let put column (added: string) =
        text.Append added |> ignore
        columns.AddRange(Array.create added.Length column)

    let mutable index = 0

    while index < line.Text.Length do
        let column = line.Columns[index]
        let finish = behind isNamePart line.Text (index + 1)
        let name = line.Text.Substring(index + 1, finish - index - 1)

        match line.Text[index], values |> List.tryFind (fun (known, _) -> known = name) with
        | '\\', Some(_, value) ->
            put column value
            index <- finish
        | one, _ ->
            put column (string one)
            index <- index + 1

    if text.Length > Limits.lineLength then
        Error(problemIn line 0 "E2K-ASM-030" $"a line of more than {Limits.lineLength}")
    else
        Ok {
            Place = { line.Place with UsedAt = Some usedAt }
            Text = text.ToString()
            Columns = columns.ToArray()
        }

let private wordAt (line: Line) index =
    let finish = behind isWord line.Text index
    line.Text.Substring(index, finish - index), finish

/// Where a statement that is no bundle ends: at a semicolon outside quotes, or with the line.
let private endOf (text: string) start =
    let rec next index =
        if index >= text.Length then
            text.Length
        elif text[index] = '"' then
            next (behindQuoted text (index + 1))
        elif text[index] = ';' then
            index
        else
            next (index + 1)

    next start

/// E2K-ASM-006: name and parameters of a macro's heading.
let private headingOf (heading: Segment) =
    let finish = behind isWord heading.Text 0

    if finish = 0 then
        Error(problem heading 0 "E2K-ASM-006" "a macro needs a name")
    else
        let rest = heading.Text.Substring(finish).Trim().TrimStart ','

        let parameters =
            rest.Split([| ',' |], StringSplitOptions.RemoveEmptyEntries)
            |> Array.map (fun text ->
                match text.Split('=', 2) with
                | [| name; value |] -> name.Trim(), value.Trim()
                | _ -> text.Trim(), "")
            |> List.ofArray

        if parameters |> List.exists (fun (name, _) -> behind isNamePart name 0 <> name.Length) then
            Error(problem heading finish "E2K-ASM-006" "a macro's parameters are names")
        else
            Ok(heading.Text.Substring(0, finish), parameters)

let rec private walk (made: ResizeArray<Statement>) depth (state: State) (lines: Line list) =
    (Ok state, lines)
    ||> List.fold (fun state line ->
        state |> Result.bind (fun state -> lineOf made depth state line))

and private lineOf made depth (state: State) (line: Line) : Result<State, Problem> =
    let first, finish = wordAt line (behind isBlank line.Text 0)

    match state.Recording, first with
    | Some(heading, body, inner), ".endm" when inner = 0 ->
        headingOf heading
        |> Result.map (fun (name, parameters) -> {
            state with
                Recording = None
                Macros = state.Macros.Add(name, { Parameters = parameters; Body = List.rev body })
        })
    | Some(heading, body, inner), first ->
        let inner =
            match first with
            | ".macro" -> inner + 1
            | ".endm" -> inner - 1
            | _ -> inner

        Ok { state with Recording = Some(heading, line :: body, inner) }
    | None, ".macro" when state.Open.IsNone ->
        Ok { state with Recording = Some(segment line finish line.Text.Length, [], 0) }
    | None, _ -> scan made depth line state 0

/// The statements of a line from an index on.
and private scan made depth (line: Line) (state: State) index : Result<State, Problem> =
    let text = line.Text
    let index = behind isBlank text index

    if index >= text.Length then
        Ok state
    else

    match state.Open with
    | Some(brace, operations) ->
        let finish = behind (fun one -> one <> ';' && one <> '}') text index
        let operation = segment line index finish

        let operations =
            if operation.Text = "" then
                operations
            else
                operation :: operations

        if operation.Text.Length > Limits.operationLength then
            Error(problem operation 0 "E2K-ASM-030" "the operation is too long")
        elif finish < text.Length && text[finish] = '}' then
            made.Add(Bundle(brace, List.rev operations))
            scan made depth line { state with Open = None } (finish + 1)
        else
            scan made depth line { state with Open = Some(brace, operations) } (finish + 1)
    | None ->
        match text[index] with
        | ';' -> scan made depth line state (index + 1)
        | '{' ->
            let brace = segment line index (index + 1)
            scan made depth line { state with Open = Some(brace, []) } (index + 1)
        | _ -> statement made depth line state index

and private statement made depth (line: Line) (state: State) index =
    let text = line.Text
    let word, finish = wordAt line index
    let name = segment line index finish
    let next = behind isBlank text finish
    let stop = endOf text finish

    if word = "" then
        Error(problemIn line index "E2K-ASM-004" "a label, a directive or a bundle is wanted")
    elif next < text.Length && text[next] = ':' then
        made.Add(Label name)
        scan made depth line state (next + 1)
    elif next < text.Length && text[next] = '=' then
        made.Add(Assignment(name, segment line (next + 1) stop))
        scan made depth line state stop
    else

    let rest = segment line finish stop

    match state.Macros.TryFind word with
    | Some macro ->
        // No bind here: the rest of a long line must not take room on the stack.
        match expand made depth state name macro (arguments rest) with
        | Error problem -> Error problem
        | Ok state -> scan made depth line state stop
    | None when word.StartsWith '.' ->
        made.Add(Directive(name, rest))
        scan made depth line state stop
    | None ->
        Error(
            problem
                name
                0
                "E2K-ASM-004"
                $"{word} is no label, directive or macro; operations \
stand in braces"
        )

/// E2K-ASM-006: a macro's lines with what was given.
and private expand made depth (state: State) (name: Segment) macro given =
    let count = state.Made + macro.Body.Length

    if depth >= Limits.macroDepth then
        Error(problem name 0 "E2K-ASM-030" "macros use one another too deeply")
    elif count > Limits.lines then
        Error(problem name 0 "E2K-ASM-030" $"macros make more than {Limits.lines} lines")
    elif given.Length > macro.Parameters.Length then
        Error(
            problem
                given[macro.Parameters.Length]
                0
                "E2K-ASM-006"
                $"{name.Text} takes \
{macro.Parameters.Length} arguments"
        )
    else

    let values =
        macro.Parameters
        |> List.mapi (fun index (parameter, otherwise) ->
            match List.tryItem index given with
            | Some(value: Segment) when value.Text <> "" -> parameter, value.Text
            | _ -> parameter, otherwise)

    (Ok { state with Made = count }, macro.Body)
    ||> List.fold (fun state line ->
        match state, substituted name.Of.Place values line with
        | Ok state, Ok line -> lineOf made (depth + 1) state line
        | Error problem, _
        | _, Error problem -> Error problem)

/// The statements of lines.
let ofLines (lines: Line list) : Result<Statement list, Problem> =
    let made = ResizeArray<Statement>()

    walk made 0 { Macros = Map.empty; Open = None; Recording = None; Made = 0 } lines
    |> Result.bind (fun state ->
        match state.Open, state.Recording with
        | Some(brace, _), _ -> Error(problem brace 0 "E2K-ASM-005" "the bundle does not end")
        | None, Some(heading, _, _) ->
            Error(problem heading 0 "E2K-ASM-006" "the macro is not ended by .endm")
        | None, None -> Ok(List.ofSeq made))
