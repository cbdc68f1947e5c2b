/// The engine's operations seen with the reference's types. Requirements: E2K-SEM-001.
module Ashlar.Conformance.E2k.EngineOperations

open System.Reflection
open System.Runtime.Intrinsics
open Ashlar.Reference.E2k

type private EngineBits = Ashlar.E2k.Operations.Bits
type private EngineControl = Ashlar.E2k.Operations.FloatControl
type private EngineSources = Ashlar.E2k.Operations.Sources
type private EngineMeaning = Ashlar.E2k.Operations.Meaning

let private bitsOf (bits: Bits) = EngineBits(bits.Low, bits.High)

let private sourcesOf (sources: Sources) =
    EngineSources(
        First = bitsOf sources.First,
        Second = bitsOf sources.Second,
        Third = bitsOf sources.Third,
        Byte = sources.Byte,
        Tag = sources.Tag,
        Chosen = sources.Chosen
    )

let private controlOf (control: FloatControl) =
    EngineControl(Pfpfr = control.Pfpfr, Fpcr = control.Fpcr, Fpsr = control.Fpsr)

let private outcome isDone (bits: EngineBits) (control: EngineControl) =
    if isDone then
        Result(
            Bits.both bits.Low bits.High,
            { Pfpfr = control.Pfpfr; Fpcr = control.Fpcr; Fpsr = control.Fpsr }
        )
    else
        DivisionTrap

/// The function of a cell, if there is one.
let find (cell: string) = Option.ofObj (Ashlar.E2k.Operations.Catalogue.Find cell)

/// What the interpreter's door gives.
let apply (meaning: EngineMeaning) (control: FloatControl) (sources: Sources) : Outcome =
    let mutable given = sourcesOf sources
    let mutable control = controlOf control
    let mutable bits = EngineBits()
    let isDone = meaning.Apply(&given, &control, &bits)
    outcome isDone bits control

/// What the direct method gives, its parameters filled by what their types mean.
let applyDirect
    (meaning: EngineMeaning)
    (f: MethodInfo)
    (control: FloatControl)
    (sources: Sources)
    : Outcome =
    let patterns = [| sources.First; sources.Second; sources.Third |]

    let arguments =
        f.GetParameters()
        |> Array.mapi (fun index parameter ->
            match parameter.ParameterType with
            | given when given = typeof<uint64> -> box patterns[index].Low
            | given when given = typeof<Vector128<uint64>> ->
                box (Vector128.Create(patterns[index].Low, patterns[index].High))
            | given when given = typeof<int> ->
                match Option.ofNullable meaning.Constant with
                | Some constant -> box constant
                | None -> box sources.Byte
            | given when given = typeof<bool> -> box sources.Chosen
            | given when given = typeof<EngineControl>.MakeByRefType() -> box (controlOf control)
            | _ -> box 0UL)

    let result = f.Invoke(null, arguments)
    let last = Array.tryLast arguments

    let control =
        match last with
        | Some(:? EngineControl as control) -> control
        | _ -> controlOf control

    match result, last with
    | (:? bool as isDone), Some(:? uint64 as low) -> outcome isDone (EngineBits(low, 0UL)) control
    | (:? uint64 as low), _ -> outcome true (EngineBits(low, 0UL)) control
    | (:? Vector128<uint64> as vector), _ -> outcome true (EngineBits.Of vector) control
    | other, _ -> failwith $"{meaning.Name} gives {other}"
