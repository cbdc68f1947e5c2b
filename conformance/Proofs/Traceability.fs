/// Traceability: which rooms cite a requirement, which theorems prove it, and what its `Status:`
/// line says of the rest. The house rules judge by it; docs/tables/requirements.md shows it.
namespace Ashlar.Conformance.Proofs

open System
open System.IO
open System.Text.RegularExpressions

/// A text file: its path from the root of the sources, with forward slashes, and its lines.
type Text = { Path: string; Lines: string[] }

/// A requirement: its id and title, where its heading stands, and what its `Status:` line says.
type Requirement = { Id: string; Title: string; Place: string; Line: int; Status: string }

/// Reading pages, rooms and proofs.
[<RequireQualifiedAccess>]
module Traceability =
    /// The form of an id, such as the one of the twelfth requirement on permissions.
    let id = Regex(@"\b(?:BLK|E2K|FMT)-[A-Z][A-Z0-9]*-[0-9]{3}\b", RegexOptions.Compiled)

    /// Where an id may be cited, and what a citation there says about the requirement.
    let rooms = [
        "Reference.FSharp/", "modelled"
        "Fast.CSharp/", "implemented"
        "conformance/", "tested"
    ]

    /// The subjects whose requirements are proved, or say why not.
    let provedSubjects = [ "PERM"; "RO"; "REOPEN" ]

    /// Whether a requirement is of one of those.
    let isToBeProved (requirement: Requirement) : bool =
        provedSubjects |> List.exists (fun subject -> requirement.Id.StartsWith $"BLK-{subject}-")

    /// The text after `Status:` however the line is emphasised, until the paragraph ends.
    let private statusOf (section: string list) =
        let begins = Regex(@"^[\s>*_-]*Status\b[*_]*:")

        let text =
            section
            |> List.skipWhile (begins.IsMatch >> not)
            |> List.takeWhile (String.IsNullOrWhiteSpace >> not)
            |> List.map _.Trim()
            |> String.concat " "

        begins.Replace(text, "").Trim()

    let private ofPage (page: Text) =
        let headings =
            page.Lines
            |> Array.indexed
            |> Array.filter (fun (_, line) -> Regex.IsMatch(line, @"^#{1,6}\s") && id.IsMatch line)

        headings
        |> Array.mapi (fun number (index, line) ->
            let next =
                if number + 1 < headings.Length then
                    fst headings[number + 1]
                else
                    page.Lines.Length

            let found = id.Match line

            {
                Id = found.Value
                Title = line.Substring(found.Index + found.Length).Trim()
                Place = page.Path
                Line = index + 1
                Status = statusOf (List.ofArray page.Lines[index + 1 .. next - 1])
            })
        |> List.ofArray

    /// Every requirement of some pages, in their order.
    let requirements (pages: Text list) : Requirement list = pages |> List.collect ofPage

    /// How the oracle's rules cite: `Rule.file 4` is the fourth requirement on files.
    let private byRule =
        Regex(@"\bRule\.(?<maker>[a-z]+) (?<number>[0-9]+)\b", RegexOptions.Compiled)

    let private ruleId (found: Match) =
        let subject =
            match found.Groups["maker"].Value with
            | "opening" -> "OPEN"
            | maker -> maker.ToUpperInvariant()

        $"""BLK-{subject}-{int found.Groups["number"].Value:D3}"""

    /// Every id that the texts of a room cite.
    let citedUnder (texts: Text list) (room: string) : Set<string> =
        texts
        |> List.filter (fun text -> text.Path.StartsWith(room, StringComparison.Ordinal))
        |> List.collect (fun text -> List.ofArray text.Lines)
        |> List.collect (fun line -> [
            for found in id.Matches line -> found.Value
            for found in byRule.Matches line -> ruleId found
        ])
        |> set

    /// A reason is a sentence, not a word.
    let private reasonWordsMin = 3

    /// Whether the status declares `not modelled`, `not proved` and so on, with a reason.
    let isExcused (requirement: Requirement) (what: string) : bool =
        let found = Regex.Match(requirement.Status, $@"\bnot\b[^.;]*\b{what}\b(?<reason>.*)")
        let words = found.Groups["reason"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        found.Success && words.Length >= reasonWordsMin

    /// What the status says that the requirement is not, with the reasons; "" if nothing.
    let whyNot (requirement: Requirement) : string =
        requirement.Status.TrimEnd('.').Split ';'
        |> Array.map _.Trim()
        |> Array.filter _.StartsWith("not ", StringComparison.Ordinal)
        |> String.concat "; "

    /// The theorems that cite a requirement, each once.
    let theorems (lemmas: Lemma list) (requirement: Requirement) : string list =
        lemmas
        |> List.filter (fun lemma -> List.contains requirement.Id lemma.Cites)
        |> List.map _.Name
        |> List.distinct

    /// How many of a hundred requirements that are to be proved have a theorem, rounded down.
    let percentProved (lemmas: Lemma list) (requirements: Requirement list) : int =
        let wanted = requirements |> List.filter isToBeProved
        let proved = wanted |> List.filter (theorems lemmas >> List.isEmpty >> not)
        proved.Length * 100 / max 1 wanted.Length

    // ---- The table ----

    let private built = set [ "bin"; "obj" ]

    /// What only a machine writes or reads cites nothing.
    let private citing = [ ".cs"; ".fs"; ".fsi"; ".md"; ".script"; ".json"; ".jsonl" ]

    let rec private under (root: string) (directory: string) : Text list = [
        for file in Directory.GetFiles directory |> Array.sort do
            if citing |> List.exists file.EndsWith then
                yield {
                    Path = Path.GetRelativePath(root, file).Replace('\\', '/')
                    Lines = File.ReadAllLines file
                }
        for inner in Directory.GetDirectories directory |> Array.sort do
            if not (built.Contains(DirectoryInfo(inner).Name)) then
                yield! under root inner
    ]

    /// The page of all requirements of spec/block, under the root of the sources.
    let page (root: string) : string =
        let requirements = under root (Path.Combine(root, "spec", "block")) |> requirements
        let lemmas = Theorems.all (Path.Combine(root, "proofs"))

        let cited =
            rooms
            |> List.map (fun (room, what) ->
                what, citedUnder (under root (Path.Combine(root, room))) room)

        let row (requirement: Requirement) =
            let isCarried (what, cited: Set<string>) =
                cited.Contains requirement.Id && not (isExcused requirement what)

            let yes room = if isCarried room then "yes" else ""
            let proved = theorems lemmas requirement |> List.map (fun name -> $"`{name}`")

            [ $"`{requirement.Id}`"; requirement.Title ]
            @ (cited |> List.map yes)
            @ [ String.concat ", " proved; whyNot requirement ]

        let percent = percentProved lemmas requirements
        let line (cells: string list) = "| " + String.concat " | " cells + " |"
        let head = [ "id"; "title" ] @ (rooms |> List.map snd) @ [ "proved"; "why not" ]

        String.concat "\n" [
            "# Requirements"
            ""
            "Generated by `dotnet fsi build.fsx tables`; not written by hand."
            ""
            "Each is stated in `spec/block`. A room that cites a requirement carries it, if the"
            "requirement's *Status* does not say that it is carried elsewhere: the oracle has it"
            "modelled, the engine implemented, the bench tested. It is proved where a theorem of"
            "`proofs/` cites it: of those on permissions, read-only and reopen"
            $"{percent} of 100, and the others say why not."
            ""
            line head
            line (head |> List.map (fun _ -> "---"))
            yield! requirements |> List.map (row >> line)
            ""
        ]
