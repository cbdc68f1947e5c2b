/// Traceability: a requirement is a heading of spec/; the oracle, the engine and the bench cite it,
/// or its `Status:` line says why not; and whatever is cited exists.
module Ashlar.Conformance.Tests.Tidy.Requirements

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Proofs
open Ashlar.Conformance.Tests.Tidy.Repository

/// The form of an id, such as the one of the twelfth requirement on permissions.
let private id = Regex(@"\b(?:BLK|E2K)-[A-Z][A-Z0-9]*-[0-9]{3}\b", RegexOptions.Compiled)

/// A requirement: its id, where its heading stands, and what its `Status:` line says.
type Requirement = { Id: string; Place: string; Line: int; Status: string }

/// The text after `Status:` however the line is emphasised, until the paragraph ends.
let private statusOf (section: string list) =
    let isStatus (line: string) = Regex.IsMatch(line, @"^[\s>*_-]*Status\b[*_]*:")

    section
    |> List.skipWhile (isStatus >> not)
    |> List.takeWhile (String.IsNullOrWhiteSpace >> not)
    |> String.concat " "

let private requirementsOf (source: Source) =
    let headings =
        source.Lines
        |> Array.indexed
        |> Array.filter (fun (_, line) -> Regex.IsMatch(line, @"^#{1,6}\s") && id.IsMatch line)

    headings
    |> Array.mapi (fun number (index, line) ->
        let next =
            if number + 1 < headings.Length then
                fst headings[number + 1]
            else
                source.Lines.Length

        {
            Id = id.Match(line).Value
            Place = source.Path
            Line = index + 1
            Status = statusOf (List.ofArray source.Lines[index + 1 .. next - 1])
        })
    |> List.ofArray

/// Every requirement, in the order of the files.
let requirements = lazy (select [ "spec/" ] [ ".md" ] |> List.collect requirementsOf)

/// Where an id may be cited, and what a citation there says about the requirement.
let private rooms = [
    "Reference.FSharp/", "modelled"
    "Fast.CSharp/", "implemented"
    "conformance/", "tested"
]

/// How the oracle's rules cite: `Rule.file 4` is the fourth requirement on files.
let private byRule =
    Regex(@"\bRule\.(?<maker>[a-z]+) (?<number>[0-9]+)\b", RegexOptions.Compiled)

let private ruleId (found: Match) =
    let subject =
        match found.Groups["maker"].Value with
        | "opening" -> "OPEN"
        | maker -> maker.ToUpperInvariant()

    let number = int found.Groups["number"].Value
    $"BLK-{subject}-{number:D3}"

let private citedUnder (room: string) =
    sources.Value
    |> List.filter (fun source -> source.Path.StartsWith room)
    |> List.collect (fun source -> List.ofArray source.Lines)
    |> List.collect (fun line -> [
        for found in id.Matches line -> found.Value
        for found in byRule.Matches line -> ruleId found
    ])
    |> set

/// A reason is a sentence, not a word.
let private reasonWordsMin = 3

/// Whether the status declares `not modelled`, `not implemented` or `not tested`, with a reason.
let private isExcused (requirement: Requirement) (what: string) =
    let found = Regex.Match(requirement.Status, $@"\bnot\b[^.;]*\b{what}\b(?<reason>.*)")
    let words = found.Groups["reason"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)
    found.Success && words.Length >= reasonWordsMin

let private uncited (room, what) =
    let cited = citedUnder room

    requirements.Value
    |> List.filter (fun requirement ->
        not (cited.Contains requirement.Id) && not (isExcused requirement what))
    |> List.map (fun requirement -> {
        Offence.Place = requirement.Place
        Line = requirement.Line
        What = $"{requirement.Id} is not {what}, and its Status does not say why"
    })

/// Requirements of the subjects that are proved: each has a theorem or says why not, never both.
let private unproved () =
    let cited = Theorems.all (Path.Combine(root, "proofs")) |> List.collect _.Cites |> set

    let isSubject (requirement: Requirement) =
        ProvedTable.subjects
        |> List.exists (fun subject -> requirement.Id.StartsWith $"BLK-{subject}-")

    requirements.Value
    |> List.filter isSubject
    |> List.choose (fun requirement ->
        let offence what =
            Some {
                Offence.Place = requirement.Place
                Line = requirement.Line
                What = $"{requirement.Id} {what}"
            }

        match cited.Contains requirement.Id, isExcused requirement "proved" with
        | false, false -> offence "has no theorem, and its Status does not say why"
        | true, true -> offence "has a theorem, and its Status says that it has not"
        | _ -> None)

let private unresolved () =
    let known = requirements.Value |> List.map _.Id |> set

    sources.Value
    |> List.collect (
        perLine (fun line ->
            [ for found in id.Matches line -> found.Value ]
            |> List.tryFind (fun cited -> not (known.Contains cited))
            |> Option.map (fun cited -> $"{cited} is no requirement"))
    )

let private repeated () =
    requirements.Value
    |> List.groupBy _.Id
    |> List.filter (fun (_, all) -> all.Length > 1)
    |> List.map (fun (name, all) -> {
        Offence.Place = all[1].Place
        Line = all[1].Line
        What = $"{name} already stands in {all[0].Place}:{all[0].Line}"
    })

let tests =
    testList "requirements" [
        for room, what in rooms do
            test $"every requirement is {what} under {room} or says why not" {
                uncited (room, what) |> expectNone "Requirements without a citation"
            }

        test "every requirement on permissions, read-only and reopen is proved or says why not" {
            unproved () |> expectNone "Requirements without a theorem"
        }

        test "every citation resolves to a requirement" {
            unresolved () |> expectNone "Citations of nothing"
        }
        test "no requirement is stated twice" { repeated () |> expectNone "Repeated requirements" }
    ]
