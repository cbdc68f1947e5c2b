/// The program that verifies the proofs, as far as it can be tested without a verifier.
module Ashlar.Conformance.Tests.Proofs.ProveTests

open System.IO
open Expecto
open Ashlar.Conformance.Proofs
open Ashlar.Conformance.Tests

let private proofs = Path.Combine(Tidy.Repository.root, "proofs")

let private source = [
    "// A file."
    "module Sample {"
    "  // BLK-PERM-002 to BLK-PERM-004: said of"
    "  // BLK-RO-001."
    "  lemma {:isolate_assertions} First(a: nat)"
    "    ensures a >= 0"
    "  {"
    "  }"
    ""
    "  // A step."
    "  lemma Second()"
    "  {"
    "  }"
    ""
    "  function F(): nat { 0 }"
    "}"
]

let private withSource (act: string -> unit) =
    let directory = Directory.CreateTempSubdirectory("ashlar-prove-test-").FullName

    try
        File.WriteAllLines(Path.Combine(directory, "Sample.dfy"), source)
        act directory
    finally
        Directory.Delete(directory, true)

let private finds directory =
    let lemmas = Theorems.all directory

    let expected = [
        "Sample.First", 3, [ "BLK-PERM-002"; "BLK-PERM-003"; "BLK-PERM-004"; "BLK-RO-001" ]
        "Sample.Second", 10, []
    ]

    Expect.equal
        (lemmas |> List.map (fun lemma -> lemma.Name, lemma.FirstLine, lemma.Cites))
        expected
        "lemmas"

    let names =
        [ 4; 8; 12; 15 ] |> List.map (Theorems.at lemmas "Sample.dfy" >> Option.map _.Name)

    Expect.equal
        names
        [ Some "Sample.First"; Some "Sample.First"; Some "Sample.Second"; None ]
        "places"

let private describes directory =
    let output =
        "work/Sample.dfy(5,9): Error: a postcondition could not be proved\n"
        + "  |\n5 |   lemma First\nwork/Sample.dfy(6,4): Related location\n"

    let described =
        Verification.faults [ "Sample.dfy" ] output
        |> List.map (Prove.describe "proofs" (Theorems.all directory))

    Expect.equal
        described
        [
            "proofs/Sample.dfy:5:9: Sample.First (BLK-PERM-002, BLK-PERM-003, BLK-PERM-004, "
            + "BLK-RO-001): a postcondition could not be proved"
        ]
        "the theorem, its requirements and its place"

let private fits (change: PlantedChange) =
    let text = File.ReadAllText(Path.Combine(proofs, change.File))

    match Mutants.applied text change with
    | Ok changed -> Expect.notEqual changed text change.Name
    | Error why -> failtestNoStack $"{change.Name}: {why}"

    let provedIn =
        Theorems.all proofs
        |> List.filter (fun lemma -> lemma.Name = change.Breaks)
        |> List.map _.File

    Expect.equal provedIn [ change.ProvedIn ] $"{change.Name}: the theorem's file"

let private refusesZ3 (path: string) (what: string) =
    let before = System.Environment.GetEnvironmentVariable Toolchain.z3Variable

    try
        System.Environment.SetEnvironmentVariable(Toolchain.z3Variable, path)

        Expect.throwsC (fun () -> Toolchain.z3 () |> ignore) (fun error ->
            match error with
            | Unfit message ->
                Expect.stringStarts message (path + what) "which program"
                Expect.stringContains message Toolchain.z3Version "what is needed"
                Expect.isFalse (message.Contains '\n') "one line"
            | error -> raise error)
    finally
        System.Environment.SetEnvironmentVariable(Toolchain.z3Variable, before)

let tests =
    testList "prove" [
        test "lemmas are found with what they cite" { withSource finds }
        test "a failure names theorem, requirements and place" { withSource describes }
        test "every planted change has its place and its theorem" {
            for change in PlantedChanges.all do
                fits change
        }
        testSequenced (
            testList "Z3" [
                test "a missing one is told" { refusesZ3 "/nonexistent/z3" " is no Z3" }
                test "another program is told" { refusesZ3 "/bin/true" " is no Z3" }
                test "another version is told" {
                    let fake = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName())
                    File.WriteAllText(fake, "#!/bin/sh\necho Z3 version 4.99.1 - 64 bit\n")
                    File.SetUnixFileMode(fake, UnixFileMode.UserRead ||| UnixFileMode.UserExecute)

                    try
                        refusesZ3 fake " is Z3 4.99.1"
                    finally
                        File.Delete fake
                }
            ]
        )
    ]
