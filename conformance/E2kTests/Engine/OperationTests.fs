/// What the operations of the engine compute, against the reference: every name of the table on
/// operands at the edges and on any others, through the interpreter's door and the translator's.
/// Requirements: spec/e2k/semantics.md, E2K-SEM-001, E2K-SEM-003.
module Ashlar.Conformance.Tests.E2k.Engine.OperationTests

open System
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Reference.E2k
open Ashlar.Conformance.Tests.Generators

/// The cells of the table that name a function; a star stands for some of 256.
let private names =
    Table.specification.ByName.Values
    |> Seq.map _.Semantics
    |> Seq.distinct
    |> Seq.collect (fun cell ->
        if cell.Contains '*' then
            [ for code in 0..17..255 -> cell.Replace("*", $"{code:x2}") ]
            @ [ cell.Replace("*", "96") ]
        else
            [ cell ])
    |> Seq.choose (fun cell -> Semantics.parse cell |> Option.map (fun meaning -> cell, meaning))
    |> List.ofSeq

let private show (outcome: Outcome) =
    match outcome with
    | DivisionTrap -> "a trap"
    | Result(bits, control) ->
        $"{bits.High:x16}:{bits.Low:x16} pfpfr={control.Pfpfr:x} fpsr={control.Fpsr:x}"

let private describe (sources: Sources) (control: FloatControl) =
    let pattern (bits: Bits) = $"{bits.High:x16}:{bits.Low:x16}"

    $"{pattern sources.First} {pattern sources.Second} {pattern sources.Third} \
byte={sources.Byte} tag={sources.Tag} chosen={sources.Chosen} \
pfpfr={control.Pfpfr:x} fpcr={control.Fpcr:x} fpsr={control.Fpsr:x}"

/// A seed for each name, so that one name can be run again alone.
let private randomFor (name: string) =
    let mix = (Replay.seed, name) ||> Seq.fold (fun sum letter -> sum * 31UL + uint64 letter)
    Random(int (mix &&& 0x7fffffffUL))

/// The first difference in so many draws, if there is one.
let private difference draws (name: string) (wanted: Meaning) found =
    let random = randomFor name

    Seq.init draws (fun _ -> Patterns.sources random name, Patterns.control random)
    |> Seq.tryPick (fun (sources, control) ->
        let wanted = Meaning.apply wanted control sources
        let found: Outcome = found control sources

        if wanted = found then
            None
        else
            Some $"{name} of {describe sources control}: {show found}, not {show wanted}")

/// Whether any operation gives something else than the reference in so many draws.
let differs draws =
    names
    |> List.exists (fun (name, wanted) ->
        match EngineOperations.find name with
        | None -> true
        | Some meaning -> (difference draws name wanted (EngineOperations.apply meaning)).IsSome)

let private expectSame test draws found =
    let failures =
        names
        |> List.choose (fun (name, wanted) ->
            match EngineOperations.find name with
            | None -> Some $"{name}: not there"
            | Some meaning ->
                found meaning |> Option.bind (fun found -> difference draws name wanted found))

    if not failures.IsEmpty then
        // Wrong results are more telling than missing names.
        let sorted = failures |> List.sortBy _.EndsWith("not there")
        let some = sorted |> List.truncate 30 |> String.concat "\n"
        failtest $"{failures.Length} of {names.Length} names\n{some}\n{Replay.line test}"

let private draws = 400

/// Fewer: a method that is found by its name and called with boxes is slow.
let private directDraws = 60

let tests =
    testList "engine" [
        let interpreted = "every operation gives what the reference gives"

        test interpreted {
            expectSame interpreted draws (fun meaning -> Some(EngineOperations.apply meaning))
        }

        let translated = "every direct method gives what the reference gives"

        test translated {
            expectSame translated directDraws (fun meaning ->
                match meaning.Direct with
                | null -> None
                | f -> Some(EngineOperations.applyDirect meaning f))
        }
    ]
