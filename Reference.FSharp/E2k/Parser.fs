/// Text to operations, in the customary syntax. Requirements: spec/e2k/operands.md (E2K-TXT).
module Ashlar.Reference.E2k.Parser

open System

/// What is wrong with a text and where: the column counts from 1.
type Fault = { Column: int; Wrong: Illegal }

/// A position in a line.
type private Cursor = { Text: string; At: int }

let private fault (cursor: Cursor) rule reason : Result<'a, Fault> =
    Error { Column = cursor.At + 1; Wrong = { Rule = rule; Reason = reason } }

let private isBlank (one: char) = one = ' ' || one = '\t'

let rec private skip (cursor: Cursor) =
    if cursor.At < cursor.Text.Length && isBlank cursor.Text[cursor.At] then
        skip { cursor with At = cursor.At + 1 }
    else
        cursor

let private peek (cursor: Cursor) (text: string) =
    String.CompareOrdinal(cursor.Text, cursor.At, text, 0, text.Length) = 0

/// The cursor behind a text, where the text stands next.
let private accept (text: string) (cursor: Cursor) =
    let cursor = skip cursor

    if peek cursor text then
        Some { cursor with At = cursor.At + text.Length }
    else
        None

let private isWord (one: char) =
    Char.IsAsciiLetterOrDigit one || one = '_' || one = '.' || one = '$'

let private word (cursor: Cursor) =
    let rec last at =
        if at < cursor.Text.Length && isWord cursor.Text[at] then
            last (at + 1)
        else
            at

    let finish = last cursor.At
    cursor.Text.Substring(cursor.At, finish - cursor.At), { cursor with At = finish }

/// Numbers and labels (E2K-TXT-006); `known` gives the numbers of names that are no labels.
type private Known = string -> int64 option

let private numberOf (text: string) : int64 option =
    if text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) then
        match UInt64.TryParse(text.AsSpan 2, Globalization.NumberStyles.HexNumber, null) with
        | true, number -> Some(int64 number)
        | _ -> None
    else
        match UInt64.TryParse text with
        | true, number -> Some(int64 number)
        | _ -> None

/// E2K-ASM-016: a number with the direction in which its label stands, such as `1f`.
let private isLocalLabel (text: string) =
    text.Length > 1
    && (text.EndsWith 'f' || text.EndsWith 'b')
    && Seq.forall Char.IsAsciiDigit text[.. text.Length - 2]

/// A sum of two where at most one is relative to a label.
let private sum sign (left: Value) (right: Value) : Value option =
    match left.Symbol, right.Symbol with
    | _, None -> Some { left with Offset = left.Offset + sign * right.Offset }
    | None, Some _ when sign = 1L -> Some { right with Offset = left.Offset + right.Offset }
    | Some one, Some other when sign = -1L && one = other ->
        Some(Operation.constant (left.Offset - right.Offset))
    | _ -> None

let private plain (compute: int64 -> int64 -> int64) (left: Value) (right: Value) : Value option =
    if left.Symbol.IsNone && right.Symbol.IsNone then
        Some(Operation.constant (compute left.Offset right.Offset))
    else
        None

/// Nothing is divided by 0, and the least number has no quotient by -1.
let private quotient (left: Value) (right: Value) =
    match left.Offset, right.Offset with
    | _, 0L -> None
    | Int64.MinValue, -1L -> None
    | _ -> plain (/) left right

let private rest (left: Value) (right: Value) =
    match right.Offset with
    | 0L -> None
    | -1L -> plain (fun _ _ -> 0L) left right
    | _ -> plain (%) left right

/// A shift of 64 bits is by 0 to 63.
let private shifted (by: int64 -> int -> int64) (left: Value) (right: Value) =
    if right.Offset < 0L || right.Offset > 63L then
        None
    else
        plain (fun left right -> by left (int right)) left right

/// Operators by how strongly they bind, the weakest first.
let private levels: (string * (Value -> Value -> Value option)) list list = [
    [ "|", plain (|||); "^", plain (^^^) ]
    [ "&", plain (&&&) ]
    [ "<<", shifted (<<<); ">>", shifted (fun left right -> int64 (uint64 left >>> right)) ]
    [ "+", sum 1L; "-", sum -1L ]
    [ "*", plain (*); "/", quotient; "%", rest ]
]

/// How deep parentheses may nest: what a person writes is far below.
let private depthMax = 64

let rec private expression
    (known: Known)
    depth
    level
    (cursor: Cursor)
    : Result<Value * Cursor, Fault> =
    if depth > depthMax then
        fault cursor "E2K-TXT-006" "the expression nests too deeply"
    elif level = levels.Length then
        unary known depth cursor
    else

    let rec more (left: Value) (cursor: Cursor) =
        let at = skip cursor

        let isDouble = peek at "||" || peek at "&&"

        let isOperand (behind: Cursor) =
            let next = skip behind
            not (peek next "%" || peek next "_f")

        match
            levels[level]
            |> List.tryPick (fun (sign, compute) ->
                accept sign at
                |> Option.filter (fun behind -> not isDouble && isOperand behind)
                |> Option.map (fun behind -> sign, compute, behind))
        with
        | None -> Ok(left, cursor)
        | Some(sign, compute, behind) ->
            expression known (depth + 1) (level + 1) behind
            |> Result.bind (fun (right, after) ->
                match compute left right with
                | Some value -> more value after
                | None when left.Symbol.IsSome || right.Symbol.IsSome ->
                    fault at "E2K-TXT-006" "labels can only be moved by a number"
                | None ->
                    let computed = $"{left.Offset} {sign} {right.Offset}"
                    fault at "E2K-TXT-006" $"{computed} is no number of 64 bits")

    expression known depth (level + 1) cursor
    |> Result.bind (fun (left, after) -> more left after)

and private unary known depth (cursor: Cursor) : Result<Value * Cursor, Fault> =
    let cursor = skip cursor

    let negate (change: int64 -> int64) behind =
        unary known (depth + 1) behind
        |> Result.bind (fun (value, after) ->
            match value.Symbol with
            | None -> Ok(Operation.constant (change value.Offset), after)
            | Some _ -> fault cursor "E2K-TXT-006" "labels can only be moved by a number")

    if depth > depthMax then
        fault cursor "E2K-TXT-006" "the expression nests too deeply"
    else

    match accept "-" cursor, accept "~" cursor, accept "(" cursor with
    | Some behind, _, _ -> negate (~-) behind
    | None, Some behind, _ -> negate (~~~) behind
    | None, None, Some behind ->
        expression known (depth + 1) 0 behind
        |> Result.bind (fun (value, after) ->
            match accept ")" after with
            | Some after -> Ok(value, after)
            | None -> fault after "E2K-TXT-006" "a closing parenthesis is missing")
    | None, None, None ->
        let text, behind = word cursor

        if text = "" then
            fault cursor "E2K-TXT-006" "a number or a label is wanted"
        elif text = "." || not (Char.IsAsciiDigit text[0]) then
            match known text with
            | Some number -> Ok(Operation.constant number, behind)
            | None -> Ok({ Symbol = Some text; Offset = 0L }, behind)
        else
            match numberOf text with
            | Some number -> Ok(Operation.constant number, behind)
            | None when isLocalLabel text ->
                match known text with
                | Some number -> Ok(Operation.constant number, behind)
                | None -> Ok({ Symbol = Some text; Offset = 0L }, behind)
            | None -> fault cursor "E2K-TXT-006" $"{text} is no number"

/// The register that a name is, such as `db[5]` without its brackets: letters and number.
let private registerOf (letters: string) (number: int) : Argument option =
    let file =
        match letters[letters.Length - 1] with
        | 'r' -> Some Window
        | 'b' -> Some Based
        | 'g' -> Some Global
        | _ -> None

    let width =
        match letters.Substring(0, letters.Length - 1) with
        | "" -> Some Width.Single
        | "d" -> Some Width.Double
        | "q" -> Some Width.Quad
        | "qp" -> Some Width.Packed
        | _ -> None

    match width, file with
    | Some width, Some file -> Some(Register(width, file, number))
    | _ -> None

/// What stands behind a percent sign.
let private named known negated (cursor: Cursor) : Result<Argument * Cursor, Fault> =
    let text, behind = word cursor

    match accept "[" behind with
    | Some inside when peek behind "[" && text.EndsWith 'b' ->
        expression known 0 0 inside
        |> Result.bind (fun (number, after) ->
            let isNumber = number.Symbol.IsNone && number.Offset >= 0L && number.Offset < 128L

            match accept "]" after, registerOf text (int number.Offset) with
            | None, _ -> fault after "E2K-TXT-004" "a closing bracket is missing"
            | _ when not isNumber -> fault cursor "E2K-TXT-004" "%b has the registers 0 to 127"
            | _, None -> fault cursor "E2K-TXT-004" $"%%{text} is no register file"
            | _ when negated -> fault cursor "E2K-TXT-004" "a register is not negated"
            | Some after, Some register -> Ok(register, after))
    | _ ->
        if text = "" then
            fault cursor "E2K-TXT-004" "a name is wanted behind the percent sign"
        else
            match Operands.numbered text with
            | Some(letters, number) when
                letters <> "" && not (letters.EndsWith 'b') && text.Length < 7
                ->
                match registerOf letters number with
                | Some _ when negated -> fault cursor "E2K-TXT-004" "a register is not negated"
                | Some register -> Ok(register, behind)
                | None -> Ok(Named(negated, text), behind)
            | _ -> Ok(Named(negated, text), behind)

let private literalKinds = [ "_f16s", Bits16; "_f32s", Bits32; "_f64", Bits64 ]

/// The place that stands behind the kind of a literal, as in `_f32s,_lts2`.
let private placeOf (cursor: Cursor) : Result<Place option * Cursor, Fault> =
    match accept ",_lts" cursor with
    | None -> Ok(None, cursor)
    | Some behind ->
        let text, after = word behind

        match text with
        | "0"
        | "1"
        | "2"
        | "3" -> Ok(Some { Index = int text; High = false }, after)
        | "0hi"
        | "1hi" -> Ok(Some { Index = int (text.Substring(0, 1)); High = true }, after)
        | "0lo"
        | "1lo" -> Ok(Some { Index = int (text.Substring(0, 1)); High = false }, after)
        | _ -> fault behind "E2K-LIT-001" $"there is no literal syllable {text}"

let rec private argument known depth (cursor: Cursor) : Result<Argument * Cursor, Fault> =
    let cursor = skip cursor

    let literal =
        literalKinds
        |> List.tryPick (fun (text, size) ->
            accept text cursor |> Option.map (fun behind -> size, behind))

    let negated, start =
        match accept "~" cursor with
        | Some behind when (accept "%" behind).IsSome || (accept "@" behind).IsSome -> true, behind
        | _ -> false, cursor

    match literal, accept "%" start, accept "@" start, accept "[" cursor with
    | Some(size, behind), _, _, _ ->
        placeOf behind
        |> Result.bind (fun (place, after) ->
            expression known 0 0 after
            |> Result.map (fun (value, after) -> Literal(size, place, value), after))
    | None, Some behind, _, _ -> named known negated behind
    | None, None, Some behind, _ ->
        let text, after = word behind
        Ok(Named(negated, "@" + text), after)
    | None, None, None, Some behind when depth = 0 -> address known behind
    | _ -> expression known 0 0 cursor |> Result.map (fun (value, after) -> Number value, after)

/// E2K-REG-006: what stands in brackets.
and private address known (cursor: Cursor) : Result<Argument * Cursor, Fault> =
    argument known 1 cursor
    |> Result.bind (fun (first, after) ->
        let close found (after: Cursor) =
            match accept "]" after with
            | Some after -> Ok(found, after)
            | None -> fault after "E2K-REG-006" "a closing bracket is missing"

        match accept "+" after with
        | None -> close (Address(first, None)) after
        | Some behind ->
            argument known 1 behind
            |> Result.bind (fun (second, after) -> close (Address(first, Some second)) after))

let private conditions (cursor: Cursor) : Result<Condition list * Cursor, Fault> =
    let rec next sofar cursor =
        let negated, cursor =
            match accept "~" cursor with
            | Some behind -> true, behind
            | None -> false, cursor

        match accept "%" cursor |> Option.orElse (accept "#" cursor) with
        | None -> fault (skip cursor) "E2K-TXT-005" "a condition is wanted"
        | Some behind ->
            let name, after = word behind
            let sofar = sofar @ [ { Negated = negated; Name = name } ]

            match [ ","; "&&"; "||" ] |> List.tryPick (fun sign -> accept sign after) with
            | Some behind -> next sofar behind
            | None -> Ok(sofar, after)

    next [] cursor

/// A setting's name, where an equals sign follows.
let private settingName (cursor: Cursor) =
    let name, behind = word (skip cursor)

    if name = "" || Char.IsAsciiDigit name[0] then
        None
    else
        accept "=" behind |> Option.map (fun after -> name, after)

let rec private operands known (operation: Operation) (cursor: Cursor) : Result<Operation, Fault> =
    let follow (operation: Operation) (after: Cursor) =
        let after = skip after

        if after.At = after.Text.Length then
            Ok operation
        else
            match accept "," after, accept "?" after with
            | Some behind, _ -> operands known operation behind
            | None, Some behind -> guarded operation behind
            | None, None when peek after "[" -> operands known operation after
            | None, None ->
                fault after "E2K-TXT-002" "a comma or the end of the operation is wanted"

    match settingName cursor with
    | Some(name, behind) ->
        expression known 0 0 behind
        |> Result.bind (fun (value, after) ->
            follow { operation with Settings = operation.Settings @ [ name, value ] } after)
    | None ->
        argument known 0 cursor
        |> Result.bind (fun (found, after) ->
            follow { operation with Arguments = operation.Arguments @ [ found ] } after)

and private guarded operation (cursor: Cursor) =
    conditions cursor
    |> Result.bind (fun (guard, after) ->
        let after = skip after

        if after.At = after.Text.Length then
            Ok { operation with Guard = guard }
        else
            fault after "E2K-TXT-005" "nothing follows a guard")

/// The operation that a text is; `known` gives the numbers of names that are no labels.
let operation (known: string -> int64 option) (text: string) : Result<Operation, Fault> =
    let cursor = skip { Text = text.TrimEnd(); At = 0 }
    let name, after = word cursor

    if name = "" then
        fault cursor "E2K-TXT-002" "the name of an operation is wanted"
    else

    let channel, after =
        match accept "," after with
        | Some behind when
            behind.At < behind.Text.Length && Char.IsAsciiDigit behind.Text[behind.At]
            ->
            Some(int behind.Text[behind.At] - int '0'), { behind with At = behind.At + 1 }
        | _ -> None, after

    let speculative, after =
        match accept ",sm" after with
        | Some behind -> true, behind
        | None -> false, after

    let start = { Operation.named name with Channel = channel; Speculative = speculative }
    let after = skip after

    if after.At = after.Text.Length then
        Ok start
    else
        match accept "?" after with
        | Some behind -> guarded start behind
        | None when isBlank after.Text[after.At - 1] -> operands known start after
        | None -> fault after "E2K-TXT-002" "a blank is wanted behind the operation's name"

/// The number that a text is, all of it; `known` gives the numbers of names.
let number (known: string -> int64 option) (text: string) : Result<Value, Fault> =
    expression known 0 0 { Text = text; At = 0 }
    |> Result.bind (fun (value, after) ->
        let after = skip after

        if after.At = text.Length then
            Ok value
        else
            fault after "E2K-TXT-006" "nothing follows a number")

/// The operations of a bundle, separated by semicolons.
let bundle (known: string -> int64 option) (text: string) : Result<Operation list, Fault> =
    let parts = text.Split ';'
    let starts = parts |> Array.scan (fun at part -> at + part.Length + 1) 0

    (Ok [], Array.zip parts starts[.. parts.Length - 1])
    ||> Array.fold (fun sofar (part, start) ->
        match sofar with
        | Error wrong -> Error wrong
        | Ok sofar when String.IsNullOrWhiteSpace part -> Ok sofar
        | Ok sofar ->
            match operation known part with
            | Ok one -> Ok(sofar @ [ one ])
            | Error wrong -> Error { wrong with Column = wrong.Column + start })
