/// Traceability: a requirement is a heading of spec/; the oracle, the engine and the bench cite it,
/// or its `Status:` line says why not; and whatever is cited exists.
module Ashlar.Conformance.Tests.Tidy.Requirements

open System.IO
open Expecto
open Ashlar.Conformance.Proofs
open Ashlar.Conformance.Tests.Tidy.Repository

let private texts =
    lazy
        (sources.Value
         |> List.map (fun source -> { Text.Path = source.Path; Lines = source.Lines }))

/// Every requirement, in the order of the files.
let private requirements =
    lazy
        (texts.Value
         |> List.filter (fun text ->
             isUnder [ "spec/" ] text.Path && hasExtension [ ".md" ] text.Path)
         |> Traceability.requirements)

let private lemmas = lazy (Theorems.all (Path.Combine(root, "proofs")))

let private offence (requirement: Requirement) (what: string) = {
    Offence.Place = requirement.Place
    Line = requirement.Line
    What = $"{requirement.Id} {what}"
}

let private uncited (room, what) =
    let cited = Traceability.citedUnder texts.Value room

    requirements.Value
    |> List.filter (fun requirement ->
        not (cited.Contains requirement.Id) && not (Traceability.isExcused requirement what))
    |> List.map (fun requirement ->
        offence requirement $"is not {what}, and its Status does not say why")

/// Requirements of the subjects that are proved: each has a theorem or says why not, never both.
let private unproved () =
    requirements.Value
    |> List.filter Traceability.isToBeProved
    |> List.choose (fun requirement ->
        match
            Traceability.theorems lemmas.Value requirement,
            Traceability.isExcused requirement "proved"
        with
        | [], false -> Some(offence requirement "has no theorem, and its Status does not say why")
        | _ :: _, true ->
            Some(offence requirement "has a theorem, and its Status says that it has not")
        | _ -> None)

/// So many of a hundred requirements of those subjects have a theorem.
let private percentProvedMin = 60

let private unresolved () =
    let known = requirements.Value |> List.map _.Id |> set

    sources.Value
    |> List.collect (
        perLine (fun line ->
            [ for found in Traceability.id.Matches line -> found.Value ]
            |> List.tryFind (fun cited -> not (known.Contains cited))
            |> Option.map (fun cited -> $"{cited} is no requirement"))
    )

let private repeated () =
    requirements.Value
    |> List.groupBy _.Id
    |> List.filter (fun (_, all) -> all.Length > 1)
    |> List.map (fun (_, all) -> offence all[1] $"already stands in {all[0].Place}:{all[0].Line}")

let tests =
    testList "requirements" [
        for room, what in Traceability.rooms do
            test $"every requirement is {what} under {room} or says why not" {
                uncited (room, what) |> expectNone "Requirements without a citation"
            }

        test "every requirement on permissions, read-only and reopen is proved or says why not" {
            unproved () |> expectNone "Requirements without a theorem"
        }
        test "most requirements on permissions, read-only and reopen are proved" {
            let percent = Traceability.percentProved lemmas.Value requirements.Value
            Expect.isGreaterThanOrEqual percent percentProvedMin "of a hundred"
        }

        test "every citation resolves to a requirement" {
            unresolved () |> expectNone "Citations of nothing"
        }
        test "no requirement is stated twice" { repeated () |> expectNone "Repeated requirements" }
    ]
