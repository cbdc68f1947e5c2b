/// The pages of spec/ are whole: every requirement says what must hold, why, from where and by
/// which script; every script and every declared difference that is named exists.
module Ashlar.Conformance.Tests.Tidy.Prose

open System
open System.Text.RegularExpressions
open Expecto
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Tidy.Repository

/// A requirement's heading line and everything under it, until the next heading of any rank.
type private Section = { Id: string; Place: string; Line: int; Lines: string list }

let private heading = Regex(@"^#{1,6}\s", RegexOptions.Compiled)

let private requirement =
    Regex(@"^#{1,6}\s+((?:BLK|E2K|FMT)-[A-Z][A-Z0-9]*-[0-9]{3})\b", RegexOptions.Compiled)

let private pages = lazy (select [ "spec/" ] [ ".md" ])

let private sectionsOf (page: Source) =
    page.Lines
    |> Array.indexed
    |> Array.choose (fun (index, line) ->
        let found = requirement.Match line

        if found.Success then
            Some {
                Id = found.Groups[1].Value
                Place = page.Path
                Line = index + 1
                Lines =
                    page.Lines[index + 1 ..]
                    |> Array.takeWhile (heading.IsMatch >> not)
                    |> List.ofArray
            }
        else
            None)
    |> List.ofArray

let private sections = lazy (pages.Value |> List.collect sectionsOf)

let private offence section what = {
    Offence.Place = section.Place
    Line = section.Line
    What = $"{section.Id} {what}"
}

/// The lines of explanation that every requirement has.
let private parts = [ "Why"; "Source"; "Example"; "Status" ]

let private hasPart part section =
    section.Lines
    |> List.exists (fun line -> line.StartsWith($"- *{part}*: ", StringComparison.Ordinal))

let private missingParts () =
    sections.Value
    |> List.collect (fun section ->
        parts
        |> List.filter (fun part -> not (hasPart part section))
        |> List.map (fun part -> offence section $"has no *{part}* line"))

/// The requirement without what explains it.
let private saying section =
    section.Lines
    |> List.takeWhile (fun line -> not (line.StartsWith("- *", StringComparison.Ordinal)))
    |> String.concat " "

/// QEMU's texts stand in backquotes and may hold any word.
let private unquoted (text: string) = Regex.Replace(text, "`[^`]*`", "")

let private notOneMust () =
    sections.Value
    |> List.choose (fun section ->
        match Regex.Count(unquoted (saying section), @"\bMUST\b") with
        | 1 -> None
        | count -> Some(offence section $"says MUST {count} times, not once"))

let private script = Regex(@"conformance/corpus/[\w.-]+\.script", RegexOptions.Compiled)

let private scriptsOf section = [
    for line in section.Lines do
        for found in script.Matches line do
            found.Value
]

let private requiredBy (path: string) =
    sources.Value
    |> List.tryFind (fun source -> source.Path = path)
    |> Option.map (fun source ->
        source.Lines
        |> Array.filter _.StartsWith("#requires ", StringComparison.Ordinal)
        |> Array.collect _.Split(' ')
        |> set)

let private wrongExamples () =
    sections.Value
    |> List.collect (fun section ->
        scriptsOf section
        |> List.choose (fun path ->
            match requiredBy path with
            | None -> Some(offence section $"names {path}, which is not there")
            | Some ids when not (ids.Contains section.Id) ->
                Some(offence section $"names {path}, which does not require it")
            | Some _ -> None))

let private difference = Regex(@"\bDD-[A-Z0-9]+(?:-[A-Z0-9]+)*\b", RegexOptions.Compiled)
let private table = "spec/block/differences.md"

/// The rows of the table of differences: the id, and the rest of the row.
let private rows =
    lazy
        (pages.Value
         |> List.filter (fun page -> page.Path = table)
         |> List.collect (fun page -> List.ofArray page.Lines)
         |> List.choose (fun line ->
             let cells = line.Split '|'

             if cells.Length > 2 && difference.IsMatch cells[1] then
                 Some(cells[1].Trim(), line)
             else
                 None))

let private untabled () =
    let known = rows.Value |> List.map fst |> set

    pages.Value
    |> List.collect (
        perLine (fun line ->
            [ for found in difference.Matches line -> found.Value ]
            |> List.tryFind (fun id -> not (known.Contains id))
            |> Option.map (fun id -> $"{id} is not in {table}"))
    )

/// What the oracle declares of its named profiles; the static twin of ashlar declares nothing.
let private undeclared () =
    Profile.all
    |> List.collect (fun profile ->
        Profile.declared profile
        |> List.filter (fun declared ->
            rows.Value
            |> List.exists (fun (id, row) ->
                id = declared.Id
                && row.Contains profile.Name
                && row.Contains declared.Requirement
                && declared.Invariants |> List.forall row.Contains)
            |> not)
        |> List.map (fun declared -> {
            Place = table
            Line = 1
            What =
                $"{declared.Id} of {profile.Name} is not in the table as the oracle declares it"
        }))

let private numbered = Regex(@"\b[0-9]{3}\b", RegexOptions.Compiled)

/// Scripts are named by number in the table, in the cell after the profiles.
let private lostScripts () =
    let numbers =
        paths.Value
        |> List.filter (fun path -> path.StartsWith "conformance/corpus/")
        |> List.map (fun path -> path.Substring("conformance/corpus/".Length))
        |> List.filter (fun name -> name.Length > 3)
        |> List.map (fun name -> name.Substring(0, 3))
        |> set

    rows.Value
    |> List.collect (fun (id, row) ->
        [
            for found in numbered.Matches(Regex.Replace(row, @"BLK-[A-Z]+-[0-9]{3}", "")) ->
                found.Value
        ]
        |> List.filter (numbers.Contains >> not)
        |> List.map (fun number -> {
            Place = table
            Line = 1
            What = $"{id} names script {number}, which is not there"
        }))

/// The number that a script's file name begins with, which is how people call it.
let private sharedNumbers () =
    paths.Value
    |> List.filter (fun path -> Regex.IsMatch(path, @"^conformance/corpus/[0-9]{3}-"))
    |> List.groupBy (fun path -> path.Substring("conformance/corpus/".Length, 3))
    |> List.filter (fun (_, all) -> all.Length > 1)
    |> List.map (fun (number, all) -> {
        Place = all[1]
        Line = 1
        What = $"has the number {number} of {all[0]}"
    })

let tests =
    testList "prose" [
        test "every requirement says why, from where, by which example and how far it is carried" {
            missingParts () |> expectNone "Missing parts"
        }
        test "every requirement says MUST once" { notOneMust () |> expectNone "Not one MUST" }
        test "every example of a requirement exists and requires it" {
            wrongExamples () |> expectNone "Examples"
        }
        test "every declared difference that a page names is in the table" {
            untabled () |> expectNone "Differences without a row"
        }
        test "the table has every difference as the oracle declares it" {
            undeclared () |> expectNone "Differences without a row"
        }
        test "no two scripts of the corpus share a number" {
            sharedNumbers () |> expectNone "Shared numbers"
        }
        test "every script that the table of differences names exists" {
            lostScripts () |> expectNone "Scripts"
        }
    ]
