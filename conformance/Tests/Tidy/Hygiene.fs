/// What must not be in a tracked file, and what a script of the corpus must say of itself.
module Ashlar.Conformance.Tests.Tidy.Hygiene

open System
open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Tests.Tidy.Repository

// The patterns are put together from parts, so that this file does not break its own rules.

/// The host of the feed that build.fsx found on this machine.
let private feedHosts =
    match Uri.TryCreate(Environment.GetEnvironmentVariable "NUGET_FEED", UriKind.Absolute) with
    | true, (NonNull feed) when feed.Host <> "" -> [ Regex.Escape feed.Host ]
    | _ -> []

/// The hosts and paths by which package registries are known.
let private registry =
    [ @"nuget" + @"\.org"; @"/v3/" + @"index\.json"; @"/_pack" + "aging/" ] @ feedHosts
    |> String.concat "|"

/// A path that exists on one person's machine only.
let private machinePath =
    String.concat "|" [
        @"(?<![\w.~}])/(home|Us" + @"ers)/[a-z]\w*"
        @"(?<![\w.])/ro" + @"ot/\w"
        @"[A-Z]:\\Us" + "ers"
        Regex.Escape root
    ]

/// Work left for later belongs to an issue.
let private leftover = @"\b(TO" + @"DO|FIX" + @"ME|XX" + @"X)\b"

let private everywhere (pattern: string) =
    let regex = Regex(pattern, RegexOptions.Compiled)

    sources.Value
    |> List.collect (
        perLine (fun line ->
            let found = regex.Match line
            if found.Success then Some found.Value else None)
    )

/// The scripts of the corpus: everything there but prose and recorded traces.
let private scripts () =
    sources.Value
    |> List.filter (fun source ->
        source.Path.StartsWith "conformance/corpus/"
        && not (hasExtension [ ".md"; ".json"; ".jsonl"; ".gz"; ".cs"; ".fs" ] source.Path))

/// A sentence has at least a subject, a verb and an object.
let private sentenceWordsMin = 3

/// What a script says it shows, when it says so in a header line.
let private shown source =
    source.Lines
    |> Array.tryPick (fun line ->
        let found = Regex.Match(line, @"^#\s*shows\b:?\s+(\S.*)$")

        if found.Success then
            Some(found.Groups[1].Value.Trim())
        else
            None)
    |> Option.filter (fun sentence -> sentence.Split(' ').Length >= sentenceWordsMin)

let private silentScripts () =
    scripts ()
    |> List.filter (shown >> Option.isNone)
    |> List.map (fun source -> { Place = source.Path; Line = 1; What = "has no `#shows` sentence" })

let private twins () =
    scripts ()
    |> List.choose (fun source -> shown source |> Option.map (fun sentence -> sentence, source))
    |> List.groupBy fst
    |> List.filter (fun (_, all) -> all.Length > 1)
    |> List.map (fun (sentence, all) -> {
        Place = (snd all[1]).Path
        Line = 1
        What = $"says what {(snd all[0]).Path} says: {sentence}"
    })

let tests =
    testList "hygiene" [
        test "no tracked file names a package registry" {
            everywhere registry |> expectNone "Registry hosts"
        }
        test "no tracked file names a path of one machine" {
            everywhere machinePath |> expectNone "Paths of a machine"
        }
        test "no work is left for later in a comment" {
            everywhere leftover |> expectNone "Leftovers"
        }
        test "every script of the corpus says in a sentence what it shows" {
            silentScripts () |> expectNone "Silent scripts"
        }
        test "no two scripts of the corpus show the same" { twins () |> expectNone "Twins" }
    ]
