/// Where a command writes: every place is tried before the work begins, so that nobody waits for a
/// report that cannot be written.
module Ashlar.Conformance.Cli.Outputs

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance.Cli.Arguments

/// Opens the file for writing as it will be opened later, and leaves things as they were.
let private tryFile (path: string) =
    let isNew = not (File.Exists path)
    use _ = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite)

    if isNew then
        File.Delete path

/// Makes the directory and a file in it, and removes what it made.
let private tryDirectory (path: string) =
    let rec missing (directory: DirectoryInfo | null) =
        match directory with
        | null -> []
        | directory when directory.Exists -> []
        | directory -> directory :: missing directory.Parent

    let made = missing (DirectoryInfo path)

    try
        Directory.CreateDirectory path |> ignore
        tryFile (Path.Combine(path, $"ashlar-{Environment.ProcessId}.script"))
    finally
        for directory in made do
            if directory.Exists || Directory.Exists directory.FullName then
                Directory.Delete directory.FullName

let private refuseUnless (option: Option<string>) (attempt: string -> unit) (path: string) =
    let refuse (why: string) = misuse $"{option.Name} {path}: {why}"

    if path = "" then
        refuse "a path is not empty"

    try
        attempt path
    with
    | :? IOException as error -> refuse error.Message
    | :? UnauthorizedAccessException -> refuse "cannot be written"
    | :? ArgumentException as error -> refuse error.Message

/// The file that an option names, or nothing without the option; refused when it cannot be written.
let fileOf (parsed: ParseResult) (option: Option<string>) : string option =
    let path = textOf parsed option
    path |> Option.iter (refuseUnless option tryFile)
    path

/// The directory that an option names; refused when no file can be made there.
let directoryOf (parsed: ParseResult) (option: Option<string>) : string option =
    let path = textOf parsed option
    path |> Option.iter (refuseUnless option tryDirectory)
    path

/// The files for the JSON and the page; one file cannot be both.
let reportsOf (parsed: ParseResult) : struct (string option * string option) =
    match fileOf parsed json, fileOf parsed html with
    | Some a, Some b when Path.GetFullPath a = Path.GetFullPath b ->
        misuse $"--json and --html are two files, not both {a}"
    | json, html -> struct (json, html)

/// Writes a text to the file, if there is one.
let write (path: string option) (make: unit -> string) : unit =
    path |> Option.iter (fun path -> File.WriteAllText(path, make ()))
