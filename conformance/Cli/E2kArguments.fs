/// The arguments that several commands of `e2k` take, parsed.
module Ashlar.Conformance.Cli.E2kArguments

open System
open System.CommandLine

/// --cpu
let version: Option<string> =
    Option<string>("--cpu", Description = "v2 to v6; without it as the program says")

/// --tags
let tags: Option<string> =
    Option<string>("--tags", Description = "on or off: whether invalid values are told")

/// --limit
let limit: Option<string> =
    Option<string>("--limit", Description = "wide instructions at most")

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
    | other -> Arguments.misuse $"there is no version {other}"

let private tagsOf (text: string | null) =
    match text with
    | null
    | "on" -> true
    | "off" -> false
    | other -> Arguments.misuse $"--tags is on or off, not '{other}'"

/// A number of at least one.
let numberOf (name: string) (otherwise: int64) (text: string | null) =
    match text with
    | null -> otherwise
    | digits ->
        match Int64.TryParse digits with
        | true, number when number > 0L -> number
        | _ -> Arguments.misuse $"{name} is a number from 1 on, not '{digits}'"

/// A program and how it is run.
type Run = {
    Version: int option
    Tags: bool
    Limit: int64
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

/// What a command line asks for.
let runOf (parsed: ParseResult) : Run = {
    Version = versionOf (parsed.GetValue version)
    Tags = tagsOf (parsed.GetValue tags)
    Limit = numberOf "--limit" Int64.MaxValue (parsed.GetValue limit)
    Path =
        match parsed.GetValue program with
        | null -> Arguments.misuse "which program?"
        | path -> path
    Given =
        match parsed.GetValue arguments with
        | null -> []
        | some -> List.ofArray some
}
