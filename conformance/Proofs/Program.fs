/// The program ashlar-prove. Exit codes: 0 when all of it is proved, 1 when something is not,
/// 2 when the machine lacks what a proof needs.
module Ashlar.Conformance.Proofs.Program

open System.CommandLine
open System.IO
open Ashlar.Conformance.Proofs

let private mutants =
    Option<bool>("--mutants", Description = "make each planted change and see its theorem fail")

let private directory =
    Option<string>(
        "--directory",
        Description = "where the proofs are; default: proofs",
        DefaultValueFactory = (fun _ -> "proofs")
    )

let private isGiven (parsed: ParseResult) (option: Option<bool>) : bool =
    match parsed.GetResult option with
    | null -> false
    | result -> not result.Implicit

let private act (parsed: ParseResult) : int =
    try
        match parsed.GetValue directory with
        | null -> raise (Unfit "which directory?")
        | path when not (File.Exists(Path.Combine(path, Prove.project))) ->
            raise (Unfit $"{path} has no {Prove.project}; run this from the root of the sources")
        | path when isGiven parsed mutants -> Mutants.run path
        | path -> Prove.run path
    with Unfit message ->
        eprintfn "ashlar-prove: %s" message
        2

[<EntryPoint>]
let main arguments =
    let command = RootCommand "Verifies the proofs and says what is proved and what it cost."
    command.Options.Add mutants
    command.Options.Add directory
    command.SetAction act
    let parsed = command.Parse arguments

    if parsed.Errors.Count > 0 then
        for error in parsed.Errors do
            eprintfn "ashlar-prove: %s" error.Message

        2
    else
        parsed.Invoke()
