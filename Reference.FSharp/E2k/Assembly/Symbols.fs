/// Symbols and expressions of an assembly: what a name stands for before addresses are known, and
/// after. Requirements: spec/e2k/assembly.md (E2K-ASM-015 to E2K-ASM-017).
module Ashlar.Reference.E2k.Assembly.Symbols

open System
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly.Source

/// The sections that there are, in the order in which they lie in memory.
type Section =
    | Text
    | Constants
    | Data
    | Reserved

/// All sections in order.
let sections = [ Text; Constants; Data; Reserved ]

/// A section's name.
let nameOf (section: Section) =
    match section with
    | Text -> ".text"
    | Constants -> ".rodata"
    | Data -> ".data"
    | Reserved -> ".bss"

/// What a name stands for.
type Symbol =
    | Absolute of int64
    /// Bytes from the start of a section.
    | At of Section * int64

/// Names, and the labels that are numbers.
type Names = {
    Symbols: Map<string, Symbol>
    /// Of each number the places that have it, the last first: the order of statements, and where.
    Locals: Map<string, (int * Symbol) list>
}

/// Where an expression stands: the order of its statement, and the place that `.` is.
type Standing = { Order: int; Here: Symbol }

/// What a label `1f` or `1b` refers to.
let private local (names: Names) (standing: Standing) (text: string) =
    let number, isForward = text[.. text.Length - 2], text.EndsWith 'f'

    names.Locals
    |> Map.tryFind number
    |> Option.bind (fun places ->
        if isForward then
            places |> List.rev |> List.tryFind (fun (order, _) -> order > standing.Order)
        else
            places |> List.tryFind (fun (order, _) -> order < standing.Order))
    |> Option.map snd

/// What a name stands for where it is used.
let find (names: Names) (standing: Standing) (name: string) : Symbol option =
    if name = "." then
        Some standing.Here
    elif Char.IsAsciiDigit name[0] then
        local names standing name
    else
        names.Symbols.TryFind name

/// The number of a symbol where sections have these addresses.
let numberOf (addresses: Section -> int64) (symbol: Symbol) =
    match symbol with
    | Absolute number -> number
    | At(section, offset) -> addresses section + offset

let private known addresses names standing name =
    find names standing name |> Option.map (numberOf addresses)

/// An expression as a number where sections have these addresses; every name has to be known.
let number addresses names standing (segment: Segment) : Result<int64, Problem> =
    if segment.Text.Length > Limits.operationLength then
        Error(problem segment 0 "E2K-ASM-030" "the expression is too long")
    else
        match Parser.number (known addresses names standing) segment.Text with
        | Error fault -> Error(ofFault segment fault)
        | Ok { Symbol = Some name } ->
            Error(problem segment 0 "E2K-ASM-015" $"{name} is not defined")
        | Ok { Offset = number } -> Ok number

/// Addresses that no sum of names hides: each section has a bit of its own.
let private probe (section: Section) =
    match section with
    | Text -> 1L <<< 40
    | Constants -> 1L <<< 41
    | Data -> 1L <<< 42
    | Reserved -> 1L <<< 43

/// E2K-ASM-017: an expression before addresses are known: a number that does not depend on them, or
/// a place in a section.
let symbol names standing (segment: Segment) : Result<Symbol, Problem> =
    match number (fun _ -> 0L) names standing segment, number probe names standing segment with
    | Error problem, _
    | _, Error problem -> Error problem
    | Ok number, Ok moved when number = moved -> Ok(Absolute number)
    | Ok number, Ok moved ->
        match sections |> List.tryFind (fun section -> moved - number = probe section) with
        | Some section -> Ok(At(section, number))
        | None ->
            Error(
                problem segment 0 "E2K-ASM-017" "this is neither a number nor a place in a section"
            )

/// An expression that has to be a number before addresses are known.
let constant names standing (segment: Segment) : Result<int64, Problem> =
    symbol names standing segment
    |> Result.bind (fun symbol ->
        match symbol with
        | Absolute number -> Ok number
        | At _ ->
            Error(problem segment 0 "E2K-ASM-017" "a number is wanted, not a place in a section"))
