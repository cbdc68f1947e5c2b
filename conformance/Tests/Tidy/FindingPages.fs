/// House rules of conformance/findings: a script has its page, a page its script or its line for
/// the shell, and both a row in the index. What they do is tested with the daemon.
module Ashlar.Conformance.Tests.Tidy.FindingPages

open System
open System.IO
open Expecto
open Ashlar.Conformance.Tests.Tidy.Repository

let private place = "conformance/findings"

let private named (extension: string) =
    Directory.GetFiles(Path.Combine(root, place), "*" + extension)
    |> Array.map (fun path -> string (Path.GetFileNameWithoutExtension path))
    |> Set.ofArray
    |> Set.remove "README"

let private items = [ "Ends"; "Version"; "Specification"; "ashlar"; "Likely cause" ]

let private offence path what = { Place = place + "/" + path; Line = 1; What = what }

let private offences () =
    let pages, scripts = named ".md", named ".script"
    let read name = File.ReadAllText(Path.Combine(root, place, name))
    let index = read "README.md"

    [
        for name in scripts - pages do
            yield offence (name + ".script") "has no page"

        // A page about the command line has a line for the shell instead.
        for name in pages do
            let item = if scripts.Contains name then "Script" else "Shell"

            if not ((read (name + ".md")).Contains($"- *{item}*: `", StringComparison.Ordinal)) then
                yield offence (name + ".md") $"has no {item}"

        for name in pages do
            if not (index.Contains($"| [{name}]({name}.md) |", StringComparison.Ordinal)) then
                yield offence "README.md" $"has no row for {name}"

            for item in items do
                if
                    not ((read (name + ".md")).Contains($"- *{item}*: ", StringComparison.Ordinal))
                then
                    yield offence (name + ".md") $"does not say: {item}"
    ]

let tests =
    testList "findings" [
        test "every finding has a page that says all, what shows it, and a row in the index" {
            Expect.isNonEmpty (named ".md") "pages"
            offences () |> expectNone "Findings that are not told"
        }
    ]
