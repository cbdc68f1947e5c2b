/// Vectors of operations: operand patterns and what must come out, checked against the reference.
/// The form of a row is that of conformance/E2kTests/operations.tsv. Requirements: E2K-SEM-001.
module Ashlar.Conformance.E2k.OperationVectors

open System
open System.Globalization
open Ashlar.Reference.E2k

/// One row: an operation on patterns, and what another implementation made of it.
type Row = {
    Line: int
    Mnemonic: string
    Sources: Sources
    Before: FloatControl
    /// Nothing where the operation trapped.
    Result: Bits option
    /// Bits of the result that are given.
    Width: int
    After: FloatControl
    /// What sources disagree about, where they do.
    Disputed: string option
}

/// What came of a row.
type Verdict =
    | Right
    | Wrong of found: string
    | NotImplemented

/// E2K-SEM-002: 8 or 16 digits are 32 or 64 bits, 20 an f80, 32 are 128 bits, one a predicate.
let private bitsOf (text: string) : Bits =
    let hex (digits: string) = UInt64.Parse(digits, NumberStyles.HexNumber)

    if text.Length <= 16 then
        Bits.low (hex text)
    else
        Bits.both
            (hex (text.Substring(text.Length - 16)))
            (hex (text.Substring(0, text.Length - 16)))

let private noteOf (name: string) (notes: string[]) =
    notes
    |> Array.tryPick (fun note ->
        if note.StartsWith(name + "=") then
            Some(UInt32.Parse(note.Substring(name.Length + 1), NumberStyles.HexNumber))
        else
            None)

/// The registers of floating point with what notes say of them.
let private governed (notes: string[]) prefix (control: FloatControl) : FloatControl =
    let value name otherwise = noteOf (prefix + name) notes |> Option.defaultValue otherwise

    {
        Pfpfr = value "pfpfr" control.Pfpfr
        Fpcr = value "fpcr" control.Fpcr
        Fpsr = value "fpsr" control.Fpsr
    }

let private nothing = {
    First = Bits.zero
    Second = Bits.zero
    Third = Bits.zero
    Byte = 0
    Tag = 0
    Chosen = false
}

/// The third operand: a pattern, a byte, a predicate, or a pattern and a predicate.
let private withThird (text: string) (operands: Sources) =
    (operands, text.Split '/')
    ||> Array.fold (fun operands part ->
        if part = "-" then
            operands
        elif part.StartsWith "imm:" then
            { operands with Byte = Int32.Parse(part.Substring 4, NumberStyles.HexNumber) }
        elif part.StartsWith 'p' then
            { operands with Chosen = (part = "p1") }
        else
            { operands with Third = bitsOf part })

/// A row of the tab-separated file, or nothing where the line is none.
let parse (number: int) (line: string) : Row option =
    match line.Split '\t' with
    | [| _; mnemonic; first; second; third; result; notes |] when not (line.StartsWith '#') ->
        let notes = notes.Split ','
        let operand text = if text = "-" then Bits.zero else bitsOf text

        let before = governed notes "in:" FloatControl.initial

        Some {
            Line = number
            Mnemonic = mnemonic
            Sources =
                { nothing with First = operand first; Second = operand second } |> withThird third
            Before = before
            Result =
                if result.StartsWith "trap" then
                    None
                else
                    Some(bitsOf result)
            Width = (if result.Length = 1 then 1 else 4 * result.Length)
            After = governed notes "" before
            Disputed =
                notes
                |> Array.tryFind _.StartsWith("disputed")
                |> Option.map (fun note -> note.Substring 9)
        }
    | _ -> None

let private keep width (bits: Bits) =
    if width <= 64 then
        Bits.low (Bits.truncate width bits.Low)
    else
        Bits.both bits.Low (Bits.truncate (width - 64) bits.High)

let private show (bits: Bits) (control: FloatControl) =
    $"{bits.High:x16}:{bits.Low:x16} pfpfr={control.Pfpfr:x} fpsr={control.Fpsr:x}"

/// What makes an outcome of the sources of an operation.
type Applying = FloatControl -> Sources -> Outcome

/// The function that a cell of the table names, each found once.
let private remembered (find: string -> Applying option) =
    let known = Collections.Generic.Dictionary<string, Applying option>()

    fun (mnemonic: string) ->
        match known.TryGetValue mnemonic with
        | true, applying -> applying
        | _ ->
            let applying =
                Table.specification.ByName
                |> Map.tryFind mnemonic
                |> Option.bind (fun entry -> find entry.Semantics)

            known[mnemonic] <- applying
            applying

let private byReference =
    remembered (fun cell -> Semantics.parse cell |> Option.map Meaning.apply)

let private byEngine =
    remembered (fun cell -> EngineOperations.find cell |> Option.map EngineOperations.apply)

let private judge (applying: string -> Applying option) (row: Row) : Verdict =
    match applying row.Mnemonic with
    | None -> NotImplemented
    | Some apply ->
        match apply row.Before row.Sources, row.Result with
        | DivisionTrap, None -> Right
        | DivisionTrap, Some _ -> Wrong "a trap"
        | Result(bits, control), None -> Wrong(show bits control)
        | Result(bits, control), Some wanted ->
            if keep row.Width bits = wanted && control = row.After then
                Right
            else
                Wrong(show bits control)

/// What the reference makes of a row.
let check (row: Row) : Verdict = judge byReference row

/// What the engine makes of a row.
let checkEngine (row: Row) : Verdict = judge byEngine row
