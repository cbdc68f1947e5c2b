/// From the names in the table's column `semantics` to functions. A name is `function.type`, with
/// more types where sources and result differ; two names in one cell are the stages of a combined
/// operation. Requirements: spec/e2k/semantics.md, E2K-SEM-003, E2K-SEM-010.
module Ashlar.Reference.E2k.Semantics

open System
open System.Collections.Generic

/// A type such as i8x16.
let private shapeOf (text: string) : Shape option =
    let parts = text.Substring(min 1 text.Length).Split 'x'

    let numbers =
        parts
        |> Array.map (fun part ->
            match Int32.TryParse part with
            | true, number -> Some number
            | _ -> None)

    match numbers with
    | [| Some width |] -> Some { Kind = text[0]; Width = width; Count = 1 }
    | [| Some width; Some count |] -> Some { Kind = text[0]; Width = width; Count = count }
    | _ -> None

let private untyped: Shape = { Kind = 'i'; Width = 64; Count = 1 }

/// One stage: `add.i64`, `add.f80.f32.f64`, `ofthree-96.i64`, `shuffle8`.
let private stage (name: string) : Meaning option =
    let parts = name.Split '.'
    let shapes = parts |> Array.skip 1 |> Array.map shapeOf

    let isFloat =
        shapes |> Array.exists (fun shape -> shape |> Option.exists (fun s -> s.Kind = 'f'))

    match parts[0].Split '-', shapes with
    | _, shapes when Array.contains None shapes ->
        WholeNames.all |> Map.tryFind name |> Option.map (fun f -> f untyped)
    | [| _ |], [||] -> WholeNames.all |> Map.tryFind name |> Option.map (fun f -> f untyped)
    | [| stem; number |], [| Some shape |] ->
        WholeNames.numbered stem (Convert.ToInt32(number, 16)) shape
    | [| stem |], [| Some shape |] ->
        let names = if isFloat then FloatNames.ofOne else WholeNames.all
        names |> Map.tryFind stem |> Option.map (fun f -> f shape)
    | [| stem |], [| Some first; Some second |] ->
        FloatNames.ofTwo |> Map.tryFind stem |> Option.map (fun f -> f first second)
    | [| stem |], [| Some first; Some second; Some target |] ->
        FloatNames.ofThree |> Map.tryFind stem |> Option.map (fun f -> f first second target)
    | _ -> None

/// The function that a cell of the table names, if it names one.
let parse (cell: string) : Meaning option =
    match cell.Split ' ' with
    | [| one |] -> stage one
    | [| first; second |] ->
        match stage first, stage second with
        | Some first, Some second -> Meaning.compose first second
        | _ -> None
    | _ -> None
