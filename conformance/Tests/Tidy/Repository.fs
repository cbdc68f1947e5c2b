/// The tracked files of the repository, as the house rules see them.
/// Not here: any rule. See CONTRIBUTING.md for the rules in words.
module Ashlar.Conformance.Tests.Tidy.Repository

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open Expecto

/// A text file: its path from the root with forward slashes, and its lines.
type Source = { Path: string; Lines: string[] }

/// A place that breaks a rule, printed as an editor can jump to it.
type Offence = { Place: string; Line: int; What: string }

/// The directory that holds Ashlar.slnx, above the running executable.
let root =
    let rec climb (directory: DirectoryInfo | null) =
        match directory with
        | null -> failwith "Ashlar.slnx is not above the test executable."
        | directory when File.Exists(Path.Combine(directory.FullName, "Ashlar.slnx")) ->
            directory.FullName
        | directory -> climb directory.Parent

    climb (DirectoryInfo AppContext.BaseDirectory)

let private builtDirectories =
    set [ "bin"; "obj"; "out"; ".git"; ".paket"; "paket-files"; "BenchmarkDotNet.Artifacts" ]

/// Every file outside what a build leaves: for a copy of the sources that is not a checkout.
let rec private walk (directory: string) : string list = [
    for file in Directory.GetFiles directory do
        yield Path.GetRelativePath(root, file).Replace('\\', '/')
    for inner in Directory.GetDirectories directory do
        if not (builtDirectories.Contains(DirectoryInfo(inner).Name)) then
            yield! walk inner
]

/// What git knows or would add, so that a new file is checked before its first commit.
let private listedByGit () =
    let arguments = [ "ls-files"; "-z"; "--cached"; "--others"; "--exclude-standard" ]

    let info =
        ProcessStartInfo(
            "git",
            arguments,
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    try
        match Process.Start info with
        | null -> None
        | git ->
            use git = git
            let text = git.StandardOutput.ReadToEnd()
            git.WaitForExit()
            if git.ExitCode = 0 then Some text else None
    with _ ->
        None

/// The directory of a path from the root, with its last slash; empty at the root.
let directoryOf (path: string) = path.Substring(0, path.LastIndexOf '/' + 1)

/// The path of every file, sorted.
let paths =
    lazy
        (match listedByGit () with
         | Some text ->
             text.Split('\000', StringSplitOptions.RemoveEmptyEntries)
             |> List.ofArray
             |> List.filter (fun path -> File.Exists(Path.Combine(root, path)))
         | None -> walk root
         |> List.distinct
         |> List.sort)

/// Above this a file is data, not prose or code, and no rule reads it.
let private textBytesMax = 4_000_000L

let private tryRead (path: string) =
    let full = Path.Combine(root, path)

    if FileInfo(full).Length > textBytesMax then
        None
    else
        let text = File.ReadAllText full

        if text.Contains '\000' then
            None
        else
            Some { Path = path; Lines = text.Split '\n' }

/// Every text file, read once.
let sources = lazy (List.choose tryRead paths.Value)

let isUnder (rooms: string list) (path: string) = rooms |> List.exists path.StartsWith

let hasExtension (extensions: string list) (path: string) =
    List.contains (Path.GetExtension path) extensions

/// The sources under some rooms with some extensions; no room means everywhere.
let select rooms extensions =
    sources.Value
    |> List.filter (fun source ->
        (List.isEmpty rooms || isUnder rooms source.Path) && hasExtension extensions source.Path)

/// The offences a check of single lines finds in a source.
let perLine (check: string -> string option) source =
    source.Lines
    |> Seq.indexed
    |> Seq.choose (fun (index, line) ->
        check line
        |> Option.map (fun what -> { Place = source.Path; Line = index + 1; What = what }))
    |> List.ofSeq

/// A line without its comment. Naive about `//` in a string, which no rule here minds.
let withoutComment (line: string) = Regex.Replace(line, @"(^|\s)//.*$", "")

/// Enough to see what is wrong; the rest waits until these are mended.
let private offencesShownMax = 40

/// Fails with every offence on a line of its own, as `path:line: what`.
let expectNone (rule: string) (offences: Offence list) =
    let lines =
        offences
        |> List.truncate offencesShownMax
        |> List.map (fun offence -> $"  {offence.Place}:{offence.Line}: {offence.What}")

    if not offences.IsEmpty then
        let text = String.concat "\n" lines
        failtestNoStack $"{rule} ({offences.Length} found)\n{text}"
