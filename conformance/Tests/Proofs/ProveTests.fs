/// The program that verifies the proofs: what it finds and says; one test verifies a small file.
module Ashlar.Conformance.Tests.Proofs.ProveTests

open System.IO
open System.Text.RegularExpressions
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

/// The theorems of the README's table of promises; a name without its module is of the one before.
let private promised =
    lazy
        (let name = Regex "`(?:(?<of>[A-Z]\w+)\.)?(?<name>[A-Z]\w+)`"

         set [
             for line in File.ReadAllLines(Path.Combine(proofs, "README.md")) do
                 let mutable room = ""

                 for found in name.Matches line do
                     if found.Groups["of"].Success then
                         room <- found.Groups["of"].Value

                     if room <> "" then
                         $"""{room}.{found.Groups["name"].Value}"""
         ])

let private isNamed (change: PlantedChange) =
    let cites =
        Theorems.all proofs
        |> List.filter (fun lemma -> lemma.Name = change.Breaks)
        |> List.collect _.Cites

    Expect.isTrue
        (not cites.IsEmpty || promised.Value.Contains change.Breaks)
        $"{change.Breaks} cites a requirement, or proofs/README.md names it as a step"

let private everyPromise () =
    let known = Theorems.all proofs |> List.map _.Name |> set
    let roomOf (name: string) = name.Substring(0, name.IndexOf '.')
    let rooms = known |> Set.map roomOf

    let unknown =
        promised.Value
        |> Set.filter (fun name -> rooms.Contains(roomOf name) && not (known.Contains name))

    Expect.isEmpty unknown "each name in the tables is that of a lemma"
    Expect.isGreaterThan promised.Value.Count 50 "and there are such names"

/// A folder with one small file of the proofs, a mistake in it.
let private withMistake (act: string -> unit) =
    let directory = Directory.CreateTempSubdirectory("ashlar-prove-test-").FullName

    try
        let change = PlantedChanges.all |> List.find (fun change -> change.File = "Content.dfy")

        match Mutants.applied (File.ReadAllText(Path.Combine(proofs, change.File))) change with
        | Ok text -> File.WriteAllText(Path.Combine(directory, change.File), text)
        | Error why -> failtestNoStack why

        act directory
    finally
        Directory.Delete(directory, true)

let private failsByName directory =
    let limit = 1_000_000L

    Needs.program "z3" "z3"
    let proved = Verification.run directory "Content.dfy" [ "--resource-limit"; string limit ]
    let lemmas = Theorems.all directory
    let lemma = lemmas |> List.find (fun lemma -> lemma.Name = "Content.JoiningKeepsMeaning")
    let said = Prove.complaintsOf directory lemmas proved limit
    Expect.isGreaterThan proved.Errors 0 "it does not hold"

    let place =
        Regex(
            Regex.Escape(Path.Combine(directory, "Content.dfy"))
            + @":(\d+):\d+: Content\.JoiningKeepsMeaning \(BLK-DATA-003\): \S"
        )

    match said |> List.map place.Match |> List.tryFind _.Success with
    | None -> failtestNoStack $"file, line, theorem and requirement are named: {said}"
    | Some found ->
        let line = int found.Groups[1].Value
        Expect.isTrue (lemma.FirstLine <= line && line <= lemma.LastLine) "its line"

let private tellsHeadRoom () =
    let obligation name largest = {
        Name = name
        File = "Sample.dfy"
        Resources = largest
        LargestPart = largest
    }

    let proved = {
        Obligations = [ obligation "Sample.Near" 71L; obligation "Sample.Far" 70L ]
        Verified = 2
        Errors = 0
        Faults = []
        Output = ""
    }

    Expect.equal
        (Prove.complaintsOf "proofs" [] proved 100L)
        [
            "Sample.dfy: Sample.Near needs 71 % of the resource limit; "
            + "70 % is the most that leaves room"
        ]
        "what is too near the limit"

let private tellsOvertime () =
    let output =
        "A.dfy(5,9): Error: Verification out of resource (A.First)\n"
        + "A.dfy(7,1): Error: assertion might not hold\n"

    Expect.equal
        (Verification.faults [ "A.dfy" ] output |> List.map Mutants.isOvertime)
        [ true; false ]
        "giving up is no failure"

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
        test "what a planted change breaks cites a requirement or is a named step" {
            for change in PlantedChanges.all do
                isNamed change
        }
        test "every name in the tables of the README is a lemma's" { everyPromise () }
        test "a theorem that fails is told with its requirement, file and line" {
            withMistake failsByName
        }
        test "what is too near the limit is told" { tellsHeadRoom () }
        test "running out of resources is not failing" { tellsOvertime () }
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
