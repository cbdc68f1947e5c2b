/// The arguments that several commands of `e2k` take, parsed.
module Ashlar.Conformance.Cli.E2kArguments

open System
open System.CommandLine
open System.IO
open Ashlar.Reference.E2k

/// --cpu
let version: Option<string> =
    Option<string>("--cpu", Description = "v2 to v7; without it as the program says")

/// --tags
let tags: Option<string> =
    Option<string>("--tags", Description = "on or off: whether invalid values are told")

/// --limit
let limit: Option<string> =
    Option<string>("--limit", Description = "wide instructions at most")

/// --memory
let memory: Option<string> =
    Option<string>("--memory", Description = "MiB that the program may have; 1024 without it")

/// --trace
let trace: Option<string> =
    Option<string>("--trace", Description = "a file for a line on each wide instruction")

/// PROGRAM
let program: Argument<string> =
    Argument<string>("PROGRAM", Description = "a static program of 64 bits")

/// ARGS
let arguments: Argument<string[]> =
    Argument<string[]>("ARGS", Description = "its arguments", Arity = ArgumentArity.ZeroOrMore)

let private versionOf (text: string | null) =
    match text with
    | null -> None
    | "v2" -> Some 2
    | "v3" -> Some 3
    | "v4" -> Some 4
    | "v5" -> Some 5
    | "v6" -> Some 6
    | "v7" -> Some 7
    | other -> Arguments.misuse $"there is no version {other}"

let private tagsOf (text: string | null) =
    match text with
    | null
    | "on" -> true
    | "off" -> false
    | other -> Arguments.misuse $"--tags is on or off, not '{other}'"

/// Pages of a mebibyte, and the most mebibytes that the reference keeps track of.
let private pagesInMebibyte = 256

let private memoryMax = 1L <<< 20

/// A number of at least one.
let numberOf (name: string) (otherwise: int64) (text: string | null) =
    match text with
    | null -> otherwise
    | digits ->
        match Int64.TryParse digits with
        | true, number when number > 0L -> number
        | _ -> Arguments.misuse $"{name} is a number from 1 on, not '{digits}'"

let private pagesOf (text: string | null) =
    match numberOf "--memory" (int64 (Process.pagesMax / pagesInMebibyte)) text with
    | mebibytes when mebibytes <= memoryMax -> int mebibytes * pagesInMebibyte
    | other -> Arguments.misuse $"--memory takes 1 to {memoryMax} MiB, not {other}"

/// A program and how it is run.
type Run = {
    Version: int option
    Tags: bool
    Limit: int64
    /// Pages that the program may have.
    Pages: int
    Path: string
    Given: string list
}

/// Adds to a command what a run takes.
let addTo (command: Command) =
    command.Arguments.Add program
    command.Arguments.Add arguments
    command.Options.Add version
    command.Options.Add tags
    command.Options.Add limit
    command.Options.Add memory

/// What a command line asks for.
let runOf (parsed: ParseResult) : Run = {
    Version = versionOf (parsed.GetValue version)
    Tags = tagsOf (parsed.GetValue tags)
    Limit = numberOf "--limit" Int64.MaxValue (parsed.GetValue limit)
    Pages = pagesOf (parsed.GetValue memory)
    Path =
        match parsed.GetValue program with
        | null -> Arguments.misuse "which program?"
        | path -> path
    Given =
        match parsed.GetValue arguments with
        | null -> []
        | some -> List.ofArray some
}

/// Bytes of a program's file, at most.
let private fileBytesMax = 1L <<< 30

/// All bytes of a file or device up to a bound, or why they cannot be read.
let read (path: string) : Result<byte[], string> =
    try
        use file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read)
        use kept = new MemoryStream()
        let chunk = Array.zeroCreate<byte>(1 <<< 16)
        let mutable count = file.Read chunk

        while count > 0 && kept.Length <= fileBytesMax do
            kept.Write(chunk, 0, count)
            count <- file.Read chunk

        if kept.Length > fileBytesMax then
            Error $"it has more than {fileBytesMax} bytes"
        else
            Ok(kept.ToArray())
    with
    | :? FileNotFoundException
    | :? DirectoryNotFoundException -> Error "there is no such file"
    | :? UnauthorizedAccessException -> Error "it is a folder, or permission is missing"
    | :? ArgumentException -> Error "this is no name of a file"
    | :? IOException as wrong -> Error wrong.Message

/// The words of a command line with the sign before PROGRAM that no option follows: those behind
/// it are the program's.
let separated (words: string[]) : string[] =
    let options: Option list = [ version; tags; limit; memory; trace ]
    let isOurs name = options |> List.exists (fun one -> one.Name = name)

    let rec split (before: string list) rest =
        match rest with
        | []
        | "--" :: _ -> words
        | (word: string) :: _ when word.Length < 2 || word[0] <> '-' ->
            Array.ofList (List.rev before @ "--" :: rest)
        | word :: rest ->
            let name = word.Split('=', ':')[0]

            match rest with
            | value :: rest when isOurs word -> split (value :: word :: before) rest
            | _ when isOurs name -> split (word :: before) rest
            | _ when name = "-h" || name = "-?" || name = "--help" -> words
            | _ -> Arguments.misuse $"there is no option {name}"

    match List.ofArray words with
    | "e2k" :: ("run" | "lockstep" as command) :: rest -> split [ command; "e2k" ] rest
    | _ -> words
