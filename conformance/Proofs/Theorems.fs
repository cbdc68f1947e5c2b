/// What the Dafny sources state: lemmas with the requirements that the comment above each cites.
namespace Ashlar.Conformance.Proofs

open System
open System.IO
open System.Text.RegularExpressions

/// A lemma of a proved file. It is a theorem when it cites a requirement; else it is a step.
type Lemma = {
    /// As Dafny reports it: `Module.Name`.
    Name: string
    /// From the folder of the proofs, with forward slashes.
    File: string
    /// The first line of its comment, and the last line before the next declaration.
    FirstLine: int
    LastLine: int
    /// The ids its comment cites, in order.
    Cites: string list
}

/// Reading the sources by their lines: formatted Dafny puts each declaration on its own.
module Theorems =
    let private citation =
        let subject = @"\b(?<subject>BLK-[A-Z][A-Z0-9]*)-(?<first>[0-9]{3})\b"
        Regex(subject + @"(?: to \k<subject>-(?<last>[0-9]{3})\b)?", RegexOptions.Compiled)

    /// The ids a text cites; `A-001 to A-003` cites all three, whether or not each exists.
    let citations (text: string) : string list = [
        for found in citation.Matches text do
            let first = int found.Groups["first"].Value

            let last =
                if found.Groups["last"].Success then
                    int found.Groups["last"].Value
                else
                    first

            for number in first..last do
                $"""{found.Groups["subject"].Value}-{number:D3}"""
    ]

    let private opensModule =
        Regex(@"^module (?:\{[^}]*\} )?(?<name>[\w.]+)", RegexOptions.Compiled)

    let private isComment (line: string) = line.TrimStart().StartsWith "//"

    let private declares =
        Regex(
            @"^\s*(?:ghost |static )*(?<kind>lemma|function|predicate|method|datatype|const|type)\b"
        )

    let private lemmaName = Regex(@"^\s*lemma (?:\{[^}]*\} )?(?<name>\w+)", RegexOptions.Compiled)

    /// Trusted files state what is assumed and what is claimed; nothing in them is proved.
    let isTrusted (path: string) = path.EndsWith(".s.dfy", StringComparison.Ordinal)

    /// The first line of the comment that ends above a line; the line itself without one.
    let private commentAbove (lines: string[]) index =
        let mutable first = index

        while first > 0 && isComment lines[first - 1] do
            first <- first - 1

        first

    /// The lemmas of one file.
    let ofFile (directory: string) (file: string) : Lemma list =
        let lines = File.ReadAllLines(Path.Combine(directory, file))

        let starts = lines |> Array.indexed |> Array.filter (fun (_, line) -> declares.IsMatch line)

        let moduleAt index =
            lines[..index]
            |> Array.choose (fun line ->
                let found = opensModule.Match line

                if found.Success then
                    Some found.Groups["name"].Value
                else
                    None)
            |> Array.tryLast
            |> Option.defaultValue "_"

        starts
        |> Array.mapi (fun i (index, line) ->
            let name = lemmaName.Match line

            if not name.Success then
                None
            else
                let first = commentAbove lines index

                let last =
                    if i + 1 < starts.Length then
                        commentAbove lines (fst starts[i + 1]) - 1
                    else
                        lines.Length - 1

                Some {
                    Name = $"""{moduleAt index}.{name.Groups["name"].Value}"""
                    File = file
                    FirstLine = first + 1
                    LastLine = last + 1
                    Cites =
                        lines[first .. index - 1]
                        |> Array.map (fun comment -> comment.Trim().TrimStart '/')
                        |> String.concat ""
                        |> citations
                })
        |> Array.choose id
        |> List.ofArray

    /// Every Dafny file under the folder, by its path from there.
    let files (directory: string) : string list =
        Directory.GetFiles(directory, "*.dfy", SearchOption.AllDirectories)
        |> Array.map (fun path -> Path.GetRelativePath(directory, path).Replace('\\', '/'))
        |> Array.sort
        |> List.ofArray

    /// The lemmas of every proved file.
    let all (directory: string) : Lemma list =
        files directory |> List.filter (isTrusted >> not) |> List.collect (ofFile directory)

    /// The lemma that a place lies in.
    let at (lemmas: Lemma list) (file: string) (line: int) : Lemma option =
        lemmas
        |> List.tryFind (fun lemma ->
            lemma.File = file && lemma.FirstLine <= line && line <= lemma.LastLine)
