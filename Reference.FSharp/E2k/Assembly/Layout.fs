/// Statements to sections: each thing with its size and place, and names with what they stand for.
/// Numbers that depend on addresses stay expressions. Requirements: spec/e2k/assembly.md
/// (E2K-ASM-010 to E2K-ASM-018).
module Ashlar.Reference.E2k.Assembly.Layout

open System
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly.Source
open Ashlar.Reference.E2k.Assembly.Symbols
open Ashlar.Reference.E2k.Assembly.Statements

/// What stands at a place of a section.
type Content =
    /// A bundle or a pair of fetch instructions.
    | Code of Segment * Operation list
    /// Numbers of so many bytes each.
    | Numbers of int * Segment list
    | Bytes of byte[]
    /// So many times a number of so many bytes.
    | Repeated of int64 * int * int64

/// A content and where it stands.
type Item = { Section: Section; Offset: int64; Order: int; Content: Content }

/// Sections with what is in them, before they have addresses.
type Plan = {
    Items: Item list
    Sizes: Map<Section, int64>
    /// What the address of a section is a multiple of.
    Alignments: Map<Section, int64>
    Names: Names
    Global: Set<string>
    Functions: Set<string>
    /// The sizes that `.size` gives.
    Extents: Map<string, Segment * Standing>
}

type private State = {
    Made: Plan
    Current: Section
    Order: int
    Encode: Operation list -> Result<uint32[], Illegal>
}

let private sizeOf state section = state.Made.Sizes |> Map.tryFind section |> Option.defaultValue 0L

let private standing state : Standing = {
    Order = state.Order
    Here = At(state.Current, sizeOf state state.Current)
}

/// A content of so many bytes at the end of the section.
let private put (segment: Segment) size content (state: State) : Result<State, Problem> =
    let offset = sizeOf state state.Current
    let isReserved = state.Current = Reserved

    let isZero =
        match content with
        | Repeated(_, _, 0L) -> true
        | _ -> size = 0L

    let most =
        if isReserved then
            Limits.reservedBytes
        else
            Limits.sectionBytes

    if size < 0L || size > most - offset then
        Error(
            problem
                segment
                0
                "E2K-ASM-030"
                $"the section {nameOf state.Current} has more than \
{most} bytes"
        )
    elif isReserved && not isZero then
        Error(problem segment 0 "E2K-ASM-010" ".bss holds nothing but zeros")
    else
        let item = {
            Section = state.Current
            Offset = offset
            Order = state.Order
            Content = content
        }

        Ok {
            state with
                Made.Sizes = state.Made.Sizes.Add(state.Current, offset + size)
                Made.Items = item :: state.Made.Items
        }

/// E2K-ASM-011: zeros up to a multiple of a power of two.
let private align (segment: Segment) (boundary: int64) (fill: int64) state =
    if boundary <= 0L || boundary > 4096L || boundary &&& (boundary - 1L) <> 0L then
        Error(problem segment 0 "E2K-ASM-011" "a power of two up to 4096 is wanted")
    else
        let known = state.Made.Alignments |> Map.tryFind state.Current |> Option.defaultValue 1L

        let state = {
            state with
                Made.Alignments = state.Made.Alignments.Add(state.Current, max known boundary)
        }

        let missing = -(sizeOf state state.Current) &&& (boundary - 1L)

        if missing = 0L then
            Ok state
        else
            put segment missing (Repeated(missing, 1, fill)) state

/// E2K-ASM-015: a name gets its meaning once.
let private define (name: Segment) symbol mayChange (state: State) =
    let isName =
        name.Text <> ""
        && name.Text <> "."
        && behind isWord name.Text 0 = name.Text.Length
        && not (Char.IsAsciiDigit name.Text[0])

    let isTaken =
        match state.Made.Names.Symbols.TryFind name.Text with
        | Some(Absolute _) -> not mayChange
        | Some(At _) -> true
        | None -> false

    if not isName then
        Error(problem name 0 "E2K-ASM-015" "this is no name")
    elif isTaken then
        Error(problem name 0 "E2K-ASM-015" $"{name.Text} is defined twice")
    else
        Ok {
            state with
                Made.Names.Symbols = state.Made.Names.Symbols.Add(name.Text, symbol)
        }

let private label (name: Segment) (state: State) =
    let here = (standing state).Here

    if Seq.forall Char.IsAsciiDigit name.Text then
        let places = state.Made.Names.Locals |> Map.tryFind name.Text |> Option.defaultValue []

        Ok {
            state with
                Made.Names.Locals =
                    state.Made.Names.Locals.Add(name.Text, (state.Order, here) :: places)
        }
    else
        define name here false state

/// E2K-ASM-013: the bytes of a text in quotes.
let private bytesOf (segment: Segment) : Result<byte[], Problem> =
    match quoted segment.Text with
    | Some text when text.Length + 2 = segment.Text.Length ->
        let bytes = ResizeArray<byte>()

        let isOctal at = at < text.Length && text[at] >= '0' && text[at] <= '7'

        let rec next index =
            if index >= text.Length then
                Ok(bytes.ToArray())
            elif text[index] <> '\\' || index + 1 = text.Length then
                let finish = behind (fun one -> one <> '\\') text (index + 1)
                bytes.AddRange(Text.Encoding.UTF8.GetBytes(text.Substring(index, finish - index)))
                next finish
            else

            let known = "nrtbf\\\"".IndexOf text[index + 1]

            if known >= 0 then
                bytes.Add("\n\r\t\b\f\\\""B[known])
                next (index + 2)
            elif text[index + 1] = 'x' then
                let finish = behind Char.IsAsciiHexDigit text (index + 2)

                if finish = index + 2 then
                    Error(problem segment (index + 1) "E2K-ASM-013" "\\x needs digits")
                else
                    let last =
                        text.Substring(max (index + 2) (finish - 2), min 2 (finish - index - 2))

                    bytes.Add(Convert.ToByte(last, 16))
                    next finish
            elif isOctal (index + 1) then
                let digits = Seq.takeWhile isOctal [ index + 1 .. index + 3 ] |> Seq.length

                let number =
                    text.Substring(index + 1, digits)
                    |> Seq.fold (fun number digit -> number * 8 + int digit - int '0') 0

                bytes.Add(byte (number &&& 255))
                next (index + 1 + digits)
            else
                Error(problem segment (index + 1) "E2K-ASM-013" $"\\{text[index + 1]} is no escape")

        next 0
    | _ -> Error(problem segment 0 "E2K-ASM-013" "a text in quotes is wanted")

/// What the directives of data have of bytes for each number.
let private widths =
    Map.ofList [
        ".byte", 1
        ".hword", 2
        ".short", 2
        ".2byte", 2
        ".word", 4
        ".long", 4
        ".int", 4
        ".4byte", 4
        ".dword", 8
        ".quad", 8
        ".8byte", 8
    ]

let private sectionNamed name = sections |> List.tryFind (fun section -> nameOf section = name)

let private strings (arguments: Segment list) isEnded (state: State) =
    (Ok state, arguments)
    ||> List.fold (fun state argument ->
        state
        |> Result.bind (fun state ->
            bytesOf argument
            |> Result.bind (fun bytes ->
                let bytes = if isEnded then Array.append bytes [| 0uy |] else bytes
                put argument bytes.LongLength (Bytes bytes) state)))

/// E2K-ASM-012: numbers; they wait for addresses.
let private numbers (name: Segment) width (arguments: Segment list) state =
    match arguments |> List.tryFind (fun one -> one.Text = "") with
    | Some empty -> Error(problem empty 0 "E2K-ASM-012" "a number is wanted")
    | None when arguments.IsEmpty -> Error(problem name 0 "E2K-ASM-012" "a number is wanted")
    | None -> put name (int64 (width * arguments.Length)) (Numbers(width, arguments)) state

/// E2K-ASM-014: the same number many times.
let private repeated (name: Segment) (count: int64) (width: int64) value state =
    if count < 0L || width < 0L || width > 8L then
        Error(problem name 0 "E2K-ASM-014" "a count from 0 and a size from 0 to 8 are wanted")
    elif count > Limits.reservedBytes then
        Error(problem name 0 "E2K-ASM-030" "the section has too many bytes")
    else
        put name (count * width) (Repeated(count, int width, value)) state

let private directive (name: Segment) (rest: Segment) (state: State) : Result<State, Problem> =
    let given = arguments rest
    let constant segment = constant state.Made.Names (standing state) segment

    let wants rule what = Error(problem rest 0 rule $"{name.Text} wants {what}")

    let enter section = Ok { state with Current = section }

    match name.Text, given with
    | ".text", []
    | ".data", []
    | ".rodata", []
    | ".bss", [] -> enter (sectionNamed name.Text).Value
    | ".section", section :: _ ->
        match sectionNamed section.Text with
        | Some section -> enter section
        | None -> Error(problem section 0 "E2K-ASM-010" $"there is no section {section.Text}")
    | (".align" | ".balign"), [ boundary ] ->
        constant boundary |> Result.bind (fun boundary -> align rest boundary 0L state)
    | (".align" | ".balign"), [ boundary; fill ] ->
        match constant boundary, constant fill with
        | Ok boundary, Ok fill -> align rest boundary fill state
        | Error problem, _
        | _, Error problem -> Error problem
    | ".p2align", [ power ] ->
        constant power
        |> Result.bind (fun power ->
            align rest (if power < 0L || power > 12L then 0L else 1L <<< int power) 0L state)
    | (".align" | ".balign" | ".p2align"), _ -> wants "E2K-ASM-011" "a boundary"
    | (".ascii" | ".asciz" | ".string"), [] -> wants "E2K-ASM-013" "a text in quotes"
    | ".ascii", texts -> strings texts false state
    | (".asciz" | ".string"), texts -> strings texts true state
    | (".space" | ".skip" | ".zero"), [ count ] ->
        constant count |> Result.bind (fun count -> repeated name count 1L 0L state)
    | (".space" | ".skip"), [ count; value ] ->
        match constant count, constant value with
        | Ok count, Ok value -> repeated name count 1L value state
        | Error problem, _
        | _, Error problem -> Error problem
    | ".fill", count :: others when others.Length <= 2 ->
        let optional index otherwise =
            List.tryItem index others |> Option.map constant |> Option.defaultValue (Ok otherwise)

        match constant count, optional 0 1L, optional 1 0L with
        | Ok count, Ok width, Ok value -> repeated name count width value state
        | Error problem, _, _
        | _, Error problem, _
        | _, _, Error problem -> Error problem
    | (".space" | ".skip" | ".zero" | ".fill"), _ -> wants "E2K-ASM-014" "a count"
    | (".equ" | ".set"), [ defined; value ] ->
        symbol state.Made.Names (standing state) value
        |> Result.bind (fun symbol -> define defined symbol (name.Text = ".set") state)
    | (".equ" | ".set"), _ -> wants "E2K-ASM-015" "a name and a number"
    | (".global" | ".globl"), (_ :: _ as names) ->
        let names = names |> List.map _.Text |> set
        Ok { state with Made.Global = Set.union names state.Made.Global }
    | ".type", [ typed; kind ] ->
        match kind.Text.TrimStart('#', '@', '%') with
        | "function" -> Ok { state with Made.Functions = state.Made.Functions.Add typed.Text }
        | "object" -> Ok state
        | _ -> Error(problem kind 0 "E2K-ASM-015" "a type is #function or #object")
    | ".size", [ sized; extent ] ->
        Ok {
            state with
                Made.Extents = state.Made.Extents.Add(sized.Text, (extent, standing state))
        }
    | (".global" | ".globl" | ".type" | ".size"), _ -> wants "E2K-ASM-015" "a name"
    | known, given when widths.ContainsKey known -> numbers name widths[known] given state
    | unknown, _ -> Error(problem name 0 "E2K-ASM-018" $"{unknown} is no directive here")

/// E2K-ASM-031: of a bundle that is illegal the operation that is so by itself, if one is.
let private blamed (state: State) (brace: Segment) (parsed: (Segment * Operation) list) =
    parsed
    |> List.tryPick (fun (segment, operation) ->
        match state.Encode [ operation ] with
        | Error wrong -> Some(segment, wrong)
        | Ok _ -> None)
    |> Option.defaultWith (fun () ->
        brace,
        match state.Encode(List.map snd parsed) with
        | Error wrong -> wrong
        | Ok _ -> wrong "E2K-ASM-005" "the bundle is illegal")
    |> fun (segment, wrong) -> {
        Problem.At = segment.Of.Place
        Column = columnOf segment.Of segment.Start
        Wrong = wrong
    }

let private bundle (brace: Segment) (operations: Segment list) (state: State) =
    let standing = standing state

    // Only what does not depend on addresses is a number now; the rest is resolved later.
    let known name =
        match find state.Made.Names standing name with
        | Some(Absolute number) -> Some number
        | _ -> None

    let parsed =
        (Ok [], operations)
        ||> List.fold (fun sofar segment ->
            match sofar, Parser.operation known segment.Text with
            | Ok sofar, Ok operation -> Ok((segment, operation) :: sofar)
            | Error problem, _ -> Error problem
            | Ok _, Error fault -> Error(ofFault segment fault))
        |> Result.map List.rev

    parsed
    |> Result.bind (fun parsed ->
        match state.Encode(List.map snd parsed) with
        | Error _ -> Error(blamed state brace parsed)
        | Ok words ->
            if state.Current <> Text then
                Error(problem brace 0 "E2K-ASM-010" "bundles stand in .text")
            elif sizeOf state Text % 8L <> 0L then
                Error(problem brace 0 "E2K-ASM-011" "a bundle begins at a multiple of 8")
            else
                put brace (4L * int64 words.Length) (Code(brace, List.map snd parsed)) state)

/// The plan of statements; `encode` gives the words of operations whose labels are all 0.
let plan
    (encode: Operation list -> Result<uint32[], Illegal>)
    (statements: Statement list)
    : Result<Plan, Problem> =
    let empty = {
        Made = {
            Items = []
            Sizes = Map.empty
            Alignments = Map.ofList [ Text, 8L ]
            Names = { Symbols = Map.empty; Locals = Map.empty }
            Global = Set.empty
            Functions = Set.empty
            Extents = Map.empty
        }
        Current = Text
        Order = 0
        Encode = encode
    }

    (Ok empty, statements)
    ||> List.fold (fun state statement ->
        state
        |> Result.bind (fun state ->
            let state = { state with Order = state.Order + 1 }

            match statement with
            | Label name -> label name state
            | Directive(name, rest) -> directive name rest state
            | Assignment(name, value) ->
                symbol state.Made.Names (standing state) value
                |> Result.bind (fun symbol -> define name symbol true state)
            | Bundle(brace, operations) -> bundle brace operations state))
    |> Result.map (fun state -> { state.Made with Items = List.rev state.Made.Items })
