/// The lines of a source and of the files it includes, without comments, with defined names
/// replaced and without the parts that a condition leaves out. Requirements: spec/e2k/assembly.md
/// (E2K-ASM-001 to E2K-ASM-003).
module Ashlar.Reference.E2k.Assembly.Preprocessor

open System
open System.Text
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly.Source

/// What carries over from line to line.
type private State = {
    Defined: Map<string, string>
    /// Of each condition that is open whether its part is taken, the innermost first.
    Taken: bool list
    IsComment: bool
    Lines: int
}

/// E2K-ASM-001: a text with blanks for comments, and whether one is open at its end.
let private uncommented (isComment: bool) (text: string) =
    let kept = StringBuilder(text)
    let mutable isOpen = isComment
    let mutable index = 0

    let next offset =
        if index + offset < text.Length then
            text[index + offset]
        else
            ' '

    let blank count =
        for at in index .. min (text.Length - 1) (index + count - 1) do
            kept[at] <- ' '

        index <- index + count

    while index < text.Length do
        if isOpen then
            if next 0 = '*' && next 1 = '/' then
                isOpen <- false
                blank 2
            else
                blank 1
        elif next 0 = '"' then
            index <- behindQuoted text (index + 1)
        elif next 0 = '/' && next 1 = '*' then
            isOpen <- true
            blank 2
        elif next 0 = '/' && next 1 = '/' then
            blank (text.Length - index)
        else
            index <- index + 1

    kept.ToString(), isOpen

/// E2K-ASM-003: a line with defined names replaced; a name is not replaced in what it stands for.
let private replaced (defined: Map<string, string>) (line: Line) : Result<Line, Problem> =
    let text = StringBuilder()
    let columns = ResizeArray<int>()
    let isTooLong () = text.Length > Limits.lineLength
    let mutable refusal = None
    let mutable count = 0

    let counted (hidden: Set<string>) =
        count <- count + 1

        if hidden.Count > Limits.definitionDepth then
            refusal <- Some "names stand for one another too deeply"
        elif count > Limits.replacements then
            refusal <- Some $"more than {Limits.replacements} names"

    let rec write (hidden: Set<string>) (source: string) (columnAt: int -> int) index =
        if index < source.Length && not (isTooLong ()) && refusal.IsNone then
            let one = source[index]

            let copy finish =
                for at in index .. min source.Length finish - 1 do
                    text.Append source[at] |> ignore
                    columns.Add(columnAt at)

                write hidden source columnAt finish

            if one = '"' then
                copy (behindQuoted source (index + 1))
            elif isNameStart one then
                let finish = behind isNamePart source index
                let name = source.Substring(index, finish - index)

                match Map.tryFind name defined with
                | Some body when not (hidden.Contains name) ->
                    let column = columnAt index
                    let hidden' = hidden.Add name
                    counted hidden'
                    write hidden' body (fun _ -> column) 0
                    write hidden source columnAt finish
                | _ -> copy finish
            elif Char.IsAsciiDigit one then
                copy (behind isNamePart source index)
            else
                copy (index + 1)

    if Map.isEmpty defined then
        if line.Text.Length > Limits.lineLength then
            Error(problemIn line 0 "E2K-ASM-030" $"a line of more than {Limits.lineLength}")
        else
            Ok line
    else

    write Set.empty line.Text (fun index -> line.Columns[index]) 0

    match refusal with
    | Some reason -> Error(problemIn line 0 "E2K-ASM-030" reason)
    | None when isTooLong () ->
        Error(problemIn line 0 "E2K-ASM-030" $"a line of more than {Limits.lineLength}")
    | None -> Ok { line with Text = text.ToString(); Columns = columns.ToArray() }

/// A line's first word, behind a number sign if one is there, and the index behind it.
let private firstWord (text: string) =
    let start = behind isBlank text 0

    if start < text.Length && text[start] = '#' then
        let word = behind isBlank text (start + 1)
        let finish = behind isNamePart text word
        "#" + text.Substring(word, finish - word), finish
    else
        let finish = behind isWord text start
        text.Substring(start, finish - start), finish

let private isTaken state = List.forall id state.Taken

/// Lines of a file as they come out, in order of reading.
let rec private file
    (read: Reader)
    (taken: ResizeArray<Line>)
    depth
    (name: string)
    (text: string)
    (start: State)
    : Result<State, Problem> =
    let folded =
        (Ok { start with Taken = []; IsComment = false }, text.Split '\n' |> Array.indexed)
        ||> Array.fold (fun state (index, raw) ->
            state
            |> Result.bind (fun state ->
                let raw = raw.TrimEnd '\r'
                let text, isComment = uncommented state.IsComment raw

                let line = {
                    Place = { File = name; Line = index + 1; UsedAt = None }
                    Text = text
                    Columns = Array.init text.Length (fun at -> at + 1)
                }

                let state = { state with IsComment = isComment; Lines = state.Lines + 1 }

                if state.Lines > Limits.lines then
                    Error(problemIn line 0 "E2K-ASM-030" $"more than {Limits.lines} lines")
                else
                    one read taken depth line state))

    folded
    |> Result.bind (fun state ->
        let last = {
            Place = { File = name; Line = text.Split('\n').Length; UsedAt = None }
            Text = ""
            Columns = [||]
        }

        if not state.Taken.IsEmpty then
            Error(problemIn last 0 "E2K-ASM-002" "a condition is not ended by #endif")
        elif state.IsComment then
            Error(problemIn last 0 "E2K-ASM-001" "a comment does not end")
        else
            Ok { state with Taken = start.Taken; IsComment = start.IsComment })

and private one read taken depth (line: Line) (state: State) : Result<State, Problem> =
    let word, finish = firstWord line.Text
    let rest = segment line finish line.Text.Length
    let fail reason = Error(problem rest 0 "E2K-ASM-002" reason)

    let name after =
        let finish = behind isNamePart rest.Text 0

        if finish = 0 || not (isNameStart rest.Text[0]) then
            fail $"{word} needs a name"
        else
            after (rest.Text.Substring(0, finish)) (rest.Text.Substring(finish))

    let condition isIt =
        if state.Taken.Length >= Limits.conditionDepth then
            Error(problem rest 0 "E2K-ASM-030" "conditions nest too deeply")
        else
            name (fun name _ ->
                Ok { state with Taken = isIt (state.Defined.ContainsKey name) :: state.Taken })

    match word with
    | "#ifdef" -> condition id
    | "#ifndef" -> condition not
    | "#else" ->
        match state.Taken with
        | innermost :: others -> Ok { state with Taken = not innermost :: others }
        | [] -> fail "#else without a condition"
    | "#endif" ->
        match state.Taken with
        | _ :: others -> Ok { state with Taken = others }
        | [] -> fail "#endif without a condition"
    | _ when not (isTaken state) -> Ok state
    | "#define" ->
        name (fun name body ->
            if body.StartsWith '(' then
                fail $"{name} has parameters; macros have them"
            else
                Ok { state with Defined = state.Defined.Add(name, body.Trim()) })
    | "#undef" -> name (fun name _ -> Ok { state with Defined = state.Defined.Remove name })
    | "#include"
    | ".include" ->
        match quoted rest.Text with
        | None -> fail $"{word} needs the name of a file in quotes"
        | Some _ when depth >= Limits.includeDepth ->
            Error(problem rest 0 "E2K-ASM-030" "files include one another too deeply")
        | Some wanted ->
            match read (Some line.Place.File) wanted with
            | Error reason -> fail $"{wanted} cannot be read: {reason}"
            | Ok(name, text) -> file read taken (depth + 1) name text state
    | word when word.StartsWith '#' -> fail $"{word} is unknown"
    | _ ->
        replaced state.Defined line
        |> Result.map (fun line ->
            if line.Text.Trim() <> "" then
                taken.Add line

            state)

/// The lines of a source; `defined` are names that stand for texts from the start.
let lines
    (read: Reader)
    (defined: Map<string, string>)
    (name: string)
    : Result<Line list, Problem> =
    match read None name with
    | Error reason ->
        Error {
            At = { File = name; Line = 1; UsedAt = None }
            Column = 1
            Wrong = wrong "E2K-ASM-002" $"{name} cannot be read: {reason}"
        }
    | Ok(name, text) ->
        let taken = ResizeArray<Line>()

        file read taken 0 name text { Defined = defined; Taken = []; IsComment = false; Lines = 0 }
        |> Result.map (fun _ -> List.ofSeq taken)
