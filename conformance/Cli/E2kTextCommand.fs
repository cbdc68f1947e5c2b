/// `e2k asm` and `e2k dis`: programs of the e2k machine from text, and text from programs or words,
/// by the reference. Requirements: spec/e2k/assembly.md.
module Ashlar.Conformance.Cli.E2kTextCommand

open System
open System.CommandLine
open System.Globalization
open System.IO
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly

/// The version where none is said: that of the programs most often met.
let private defaultVersion = 3

/// Files are named from the folder of the file that names them.
let private reader: Reader =
    fun from name ->
        let path =
            match from |> Option.map Path.GetDirectoryName with
            | Some(NonNull folder) -> Path.Combine(folder, name)
            | _ -> name

        E2kArguments.read path
        |> Result.map (fun bytes -> path, Text.Encoding.UTF8.GetString bytes)

let private fail (message: string) =
    Console.Error.WriteLine $"ashlar-conform: {message}"
    1

let private versionOf (text: string | null) =
    match text with
    | null -> None
    | "v2" -> Some 2
    | "v3" -> Some 3
    | "v4" -> Some 4
    | "v5" -> Some 5
    | "v6" -> Some 6
    | "v7" -> Some 7
    | other -> Arguments.misuse $"there is no version {other}; there are v2 to v7"

let private definition (text: string) =
    let name, value =
        match text.Split('=', 2) with
        | [| name; value |] -> name, value
        | _ -> text, "1"

    if Assembler.isName name then
        name, value
    else
        Arguments.misuse $"-D takes NAME or NAME=TEXT, not '{text}'"

/// Assembles a file: 0 and the program, or 1 and what is wrong where.
let private assemble version (defined: string[]) (source: string) (target: string) =
    match
        Assembler.assemble version reader (defined |> Array.map definition |> Map.ofArray) source
    with
    | Error problem ->
        Console.Error.WriteLine(Assembler.say problem)
        1
    | Ok file ->
        try
            File.WriteAllBytes(target, file)
            0
        with
        | :? IOException as wrong -> fail wrong.Message
        | :? UnauthorizedAccessException as wrong -> fail wrong.Message

/// Words in hexadecimal, in order of memory.
let private wordsOf (texts: string[]) =
    let texts =
        texts
        |> Array.collect (fun text ->
            text.Split([| ' '; ','; '\t' |], StringSplitOptions.RemoveEmptyEntries))

    let parsed =
        texts |> Array.map (fun text -> UInt32.TryParse(text, NumberStyles.HexNumber, null))

    match
        Array.zip texts parsed
        |> Array.tryFindIndex (fun (text, (isWord, _)) -> not isWord || text.Length > 8)
    with
    | _ when texts.Length = 0 -> Error "--hex and which words?"
    | Some index -> Error $"'{texts[index]}' is no word of up to eight hexadecimal digits"
    | None -> Ok(Array.map snd parsed)

let private disassembleWords version (texts: string[]) =
    match wordsOf texts with
    | Error wrong -> Arguments.misuse wrong
    | Ok words ->
        Disassembler.words (Option.defaultValue defaultVersion version) words
        |> List.iter Console.WriteLine

        0

let private disassembleFile (version: int option) (path: string) =
    match E2kArguments.read path with
    | Error reason -> Arguments.misuse $"{path} cannot be read: {reason}"
    | Ok file ->
        match Elf.read file with
        | Error wrong -> Arguments.misuse $"{path}: {wrong.Reason} ({wrong.Rule})"
        | Ok image ->
            let version = Option.defaultValue image.Version version
            Console.Out.Write(Disassembler.source { image with Version = version })
            0

let private cpu (meaning: string) = Option<string>("--cpu", Description = meaning)

/// `e2k asm`.
let asm () =
    let source = Argument<string>("FILE.S", Description = "a source")
    let target = Option<string>("-o", Description = "the program to write", Required = true)
    let version = cpu "v2 to v7; v3 without it"

    let defined =
        Option<string[]>(
            "-D",
            Description = "a name, or NAME=TEXT, as if the source defined it",
            Arity = ArgumentArity.ZeroOrMore
        )

    let command = Command("asm", "Assemble a source to an e2k program.")
    command.Arguments.Add source
    command.Options.Add target
    command.Options.Add version
    command.Options.Add defined

    command.SetAction(fun parsed ->
        match parsed.GetValue source, parsed.GetValue target with
        | null, _ -> Arguments.misuse "which source?"
        | _, null -> Arguments.misuse "-o says which program to write"
        | path, target ->
            let names =
                match parsed.GetValue defined with
                | null -> [||]
                | some -> some

            let version = versionOf (parsed.GetValue version)
            assemble (Option.defaultValue defaultVersion version) names path target)

    command

/// `e2k dis`.
let dis () =
    let file =
        Argument<string>("FILE", Description = "an e2k program", Arity = ArgumentArity.ZeroOrOne)

    let hex =
        Option<string[]>(
            "--hex",
            Description = "words of up to eight hexadecimal digits instead",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true
        )

    let version = cpu "v2 to v7; without it as the program says, and v3 for words"
    let command = Command("dis", "Disassemble an e2k program or words; asm takes the text back.")
    command.Arguments.Add file
    command.Options.Add hex
    command.Options.Add version

    command.SetAction(fun parsed ->
        let version = versionOf (parsed.GetValue version)

        let words =
            match parsed.GetValue hex with
            | null -> [||]
            | some -> some

        match parsed.GetValue file with
        | null when words.Length = 0 -> Arguments.misuse "which program, or --hex and which words?"
        | null -> disassembleWords version words
        | path when words.Length = 0 -> disassembleFile version path
        | _ -> Arguments.misuse "a program or --hex, not both")

    command
