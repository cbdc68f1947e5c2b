/// Sources to programs: addresses for what is planned, and the bytes. Requirements:
/// spec/e2k/assembly.md (E2K-ASM-020 to E2K-ASM-022).
module Ashlar.Reference.E2k.Assembly.Assembler

open System
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly.Source
open Ashlar.Reference.E2k.Assembly.Symbols
open Ashlar.Reference.E2k.Assembly.Layout

/// E2K-ASM-020: the address of a program's headers, before its code.
let firstAddress = 0x10000L

let private aligned (boundary: int64) (value: int64) =
    (value + boundary - 1L) &&& ~~~(boundary - 1L)

let private sizeOf (plan: Plan) section =
    plan.Sizes |> Map.tryFind section |> Option.defaultValue 0L

/// E2K-ASM-020: where sections begin.
let private addressesOf (plan: Plan) : Section -> int64 =
    let size = sizeOf plan

    let boundary section = plan.Alignments |> Map.tryFind section |> Option.defaultValue 1L

    let isWritable = size Data + size Reserved > 0L
    let text = aligned (boundary Text) (firstAddress + Elf.headersSize isWritable)
    let constants = aligned (boundary Constants) (text + size Text)

    let finish =
        if size Constants > 0L then
            constants + size Constants
        else
            text + size Text

    let page = Elf.pageSize

    let place start =
        let data = aligned (boundary Data) start
        let reserved = aligned (boundary Reserved) (data + size Data)
        data, reserved, aligned 8L (reserved + size Reserved)

    // At the same place in the next page, but from its start where that takes a page less.
    let next = aligned page finish + (finish &&& (page - 1L))
    let _, _, last = place next
    let head, tail = -next &&& (page - 1L), last &&& (page - 1L)

    let isShorter = head <> 0L && tail <> 0L && next / page <> last / page && head + tail <= page

    let data, reserved, _ = place (if isShorter then aligned page finish else next)

    fun section ->
        match section with
        | Text -> text
        | Constants -> constants
        | Data -> data
        | Reserved -> reserved

/// Names of labels in an operation.
let rec private symbolsOf (argument: Argument) =
    match argument with
    | Number value
    | Literal(_, _, value) -> Option.toList value.Symbol
    | Address(first, second) ->
        symbolsOf first @ (second |> Option.map symbolsOf |> Option.defaultValue [])
    | Register _
    | Named _ -> []

let private isFetch (operations: Operation list) =
    operations |> List.exists (fun operation -> operation.Name = "fapb")

/// The words of a bundle, or of a pair of fetch instructions.
let private encode version here resolve (operations: Operation list) =
    if isFetch operations then
        match operations |> List.tryFind (fun operation -> operation.Name <> "fapb") with
        | Some other ->
            Error {
                Rule = "E2K-APB-001"
                Reason = $"{other.Name} cannot stand beside fetch instructions"
            }
        | None -> Arrays.encodeFetch resolve operations
    else
        let setting: ControlWords.Setting = {
            Table = Table.specification
            Version = version
            Resolve = resolve
            Here = here
        }

        Encoder.encode setting operations

/// E2K-ASM-012: a number as bytes, where it fits with or without a sign.
let private bytesOf (segment: Segment) width (number: int64) : Result<byte[], Problem> =
    let bits = 8 * width

    if width < 8 && (number < -(1L <<< (bits - 1)) || number >= (1L <<< bits)) then
        Error(problem segment 0 "E2K-ASM-012" $"{number} does not fit in {width} bytes")
    else
        Ok((BitConverter.GetBytes number)[.. width - 1])

let private contentOf version (plan: Plan) addresses (item: Item) : Result<byte[], Problem> =
    let here = addresses item.Section + item.Offset
    let standing = { Order = item.Order; Here = Symbol.At(item.Section, item.Offset) }

    let valueOf name = find plan.Names standing name |> Option.map (numberOf addresses)

    match item.Content with
    | Bytes bytes -> Ok bytes
    | Repeated(count, width, value) ->
        let one = (BitConverter.GetBytes value)[.. width - 1]

        Ok(
            if value = 0L then
                Array.zeroCreate (int count * width)
            else
                Array.init (int count * width) (fun at -> one[at % width])
        )
    | Numbers(width, segments) ->
        (Ok [], segments)
        ||> List.fold (fun sofar segment ->
            sofar
            |> Result.bind (fun sofar ->
                number addresses plan.Names standing segment
                |> Result.bind (bytesOf segment width)
                |> Result.map (fun bytes -> bytes :: sofar)))
        |> Result.map (List.rev >> Array.concat)
    | Code(brace, operations) ->
        let named =
            operations
            |> List.collect (fun operation ->
                List.collect symbolsOf operation.Arguments
                @ (operation.Settings |> List.choose (fun (_, value) -> value.Symbol)))

        match named |> List.tryFind (fun name -> (valueOf name).IsNone) with
        | Some name -> Error(problem brace 0 "E2K-ASM-015" $"{name} is not defined")
        | None ->
            let resolve (value: Value) =
                match value.Symbol with
                | None -> value.Offset
                | Some name -> Option.defaultValue 0L (valueOf name) + value.Offset

            encode version here resolve operations
            |> Result.mapError (fun wrong -> problem brace 0 wrong.Rule wrong.Reason)
            |> Result.map (Array.collect BitConverter.GetBytes)

/// E2K-ASM-022: the bytes of each section.
let private bytesOfSections version (plan: Plan) addresses =
    let sections =
        sections
        |> List.filter (fun section -> section <> Reserved)
        |> List.map (fun section -> section, Array.zeroCreate<byte>(int (sizeOf plan section)))
        |> Map.ofList

    (Ok(), plan.Items)
    ||> List.fold (fun state item ->
        state
        |> Result.bind (fun () ->
            if item.Section = Reserved then
                Ok()
            else
                contentOf version plan addresses item
                |> Result.map (fun bytes -> bytes.CopyTo(sections[item.Section], int item.Offset))))
    |> Result.map (fun () -> sections)

let private symbolsOfPlan (plan: Plan) addresses (present: Section list) : Elf.Symbol list = [
    for KeyValue(name, symbol) in plan.Names.Symbols do
        let section =
            match symbol with
            | Symbol.At(section, _) -> List.tryFindIndex ((=) section) present
            | Absolute _ -> None

        let extent =
            match plan.Extents.TryFind name with
            | Some(segment, standing) ->
                number addresses plan.Names standing segment |> Result.defaultValue 0L
            | None -> 0L

        let known: Elf.Symbol = {
            Name = name
            Address = uint64 (numberOf addresses symbol)
            Size = uint64 extent
            Section = section
            IsGlobal = plan.Global.Contains name
            IsFunction = plan.Functions.Contains name
        }

        known
]

/// The program of a plan; it begins where E2K-ASM-021 says.
let private link version (plan: Plan) : Result<Elf.Image, Problem> =
    let addresses = addressesOf plan

    bytesOfSections version plan addresses
    |> Result.map (fun bytes ->
        let present = sections |> List.filter (fun section -> sizeOf plan section > 0L)

        let entry =
            match plan.Names.Symbols.TryFind "_start" with
            | Some symbol -> numberOf addresses symbol
            | None -> addresses Text

        let held section : Elf.Section = {
            Name = nameOf section
            Address = uint64 (addresses section)
            Bytes = bytes |> Map.tryFind section |> Option.defaultValue [||]
            Size = uint64 (sizeOf plan section)
            IsExecutable = (section = Text)
            IsWritable = (section = Data || section = Reserved)
        }

        {
            Version = version
            Entry = uint64 entry
            Sections = List.map held present
            Symbols = symbolsOfPlan plan addresses present
        })

/// The program of a source in a version from 2 to 7; `defined` are names with the texts they stand
/// for, as if the source defined them.
let program
    (version: int)
    (read: Reader)
    (defined: Map<string, string>)
    (name: string)
    : Result<Elf.Image, Problem> =
    // Labels are 0 while sizes are found: no size depends on what a label is (E2K-LIT-006).
    let sized = encode version 0L (fun value -> if value.Symbol.IsSome then 0L else value.Offset)

    Preprocessor.lines read defined name
    |> Result.bind Statements.ofLines
    |> Result.bind (plan sized)
    |> Result.bind (fun plan ->
        if sizeOf plan Text = 0L then
            Error {
                At = { File = name; Line = 1; UsedAt = None }
                Column = 1
                Wrong = { Rule = "E2K-ASM-021"; Reason = "there is no code in .text" }
            }
        else
            link version plan)

/// The file of a source.
let assemble version read defined name : Result<byte[], Problem> =
    program version read defined name |> Result.map (Elf.write (uint64 firstAddress))

/// Whether a text can be a defined name (E2K-ASM-003).
let isName (text: string) = text <> "" && isNameStart text[0] && Seq.forall isNamePart text

/// Uses of macros that are shown of one problem, the innermost.
let private usesShown = 8

/// A problem as people read it: file, line, column, what is wrong, its requirement, and the lines
/// that used the macro it stands in (E2K-ASM-031).
let say (problem: Problem) : string =
    let uses =
        problem.At.UsedAt
        |> List.unfold (Option.map (fun place -> place, place.UsedAt))
        |> List.map (fun place -> $"\n  in a macro used at {place.File}:{place.Line}")

    let place = problem.At

    $"{place.File}:{place.Line}:{problem.Column}: {problem.Wrong.Reason} ({problem.Wrong.Rule})"
    + String.concat "" (List.truncate usesShown uses)
    + if uses.Length > usesShown then
          $"\n  and {uses.Length - usesShown} uses more"
      else
          ""
