/// The engine's assembler beside the reference's: files and messages have to be the same.
/// Requirements: spec/e2k/assembly.md.
module Ashlar.Conformance.E2k.EngineAssembly

open System.Collections.Generic
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly

/// What is assembled: the files that there are by name, the first of them the source, and names
/// with the texts they stand for.
type Case = { Version: int; Files: (string * string) list; Defined: (string * string) list }

/// A source that is one file.
let alone (version: int) (text: string) : Case = {
    Version = version
    Files = [ "a.S", text ]
    Defined = []
}

let private textOf (case: Case) name =
    case.Files |> List.tryFind (fun (known, _) -> known = name) |> Option.map snd

/// The engine's file of a source, or what it says.
let found (case: Case) : Result<byte[], string> =
    let read =
        Ashlar.E2k.Assembly.SourceReader(fun _ name (path: byref<string>) (text: byref<string>) ->
            path <- name

            match textOf case name with
            | Some known ->
                text <- known
                null
            | None ->
                text <- ""
                "there is no such file")

    let mutable image = null
    let defined = Dictionary<string, string>(dict case.Defined)

    match
        Ashlar.E2k.Assembly.Assembler.TryAssemble(
            case.Version,
            read,
            defined,
            fst case.Files.Head,
            &image
        ),
        image
    with
    | null, NonNull image -> Ok(Ashlar.E2k.Assembly.Assembler.FileOf image)
    | null, _ -> Error "neither a program nor a problem"
    | problem, _ -> Error(problem.ToString())

/// A program of the engine's.
let private imageOf (file: byte[]) =
    let mutable image = null

    match Ashlar.E2k.Assembly.ProgramReader.TryRead(file, &image), image with
    | null, NonNull image -> image
    | _ -> invalidArg (nameof file) "this is no program"

/// The engine's source of a program.
let disassembled (file: byte[]) : string =
    use text = new System.IO.StringWriter()
    Ashlar.E2k.Assembly.Disassembler.Write(imageOf file, text)
    text.ToString()

/// What a program is but for its names: version, entry, and sections with address, size and bytes.
let sectionsOf (file: byte[]) =
    let image = imageOf file

    image.Version,
    image.Entry,
    [
        for section in image.Sections ->
            section.Name, section.Address, section.Size, List.ofArray section.Bytes
    ]

/// The reference's file of a source, or what it says.
let wanted (case: Case) : Result<byte[], string> =
    let read: Reader =
        fun _ name ->
            match textOf case name with
            | Some text -> Ok(name, text)
            | None -> Error "there is no such file"

    Assembler.assemble case.Version read (Map.ofList case.Defined) (fst case.Files.Head)
    |> Result.mapError Assembler.say

/// What engine and reference make differently of a source, if they do.
let difference (case: Case) : string option =
    match found case, wanted case with
    | found, wanted when found = wanted -> None
    | Ok found, Ok wanted ->
        let at =
            Seq.zip found wanted |> Seq.takeWhile (fun (one, other) -> one = other) |> Seq.length

        Some $"{found.Length} bytes, not {wanted.Length}; they differ from {at:x} on"
    | Error message, Ok _ -> Some $"refused: {message}"
    | Ok _, Error message -> Some $"not refused: {message}"
    | Error message, Error other -> Some $"{message}, not {other}"
