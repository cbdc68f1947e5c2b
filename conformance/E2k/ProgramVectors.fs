/// Vectors of programs: an ELF file beside what it must write and how it must end, run on the
/// reference. Requirements: E2K-RUN-003, E2K-SYS-001, E2K-TRAP-003.
module Ashlar.Conformance.E2k.ProgramVectors

open System
open System.Text
open System.Text.Json
open Ashlar.Reference.E2k

/// What a program is given and what must come out of it.
type Expectation = {
    Name: string
    Version: int
    Arguments: string list
    Environment: string list
    Input: byte[]
    Output: byte[]
    /// An exit code in digits, or the name of a signal.
    End: string
}

/// Bundles that a program of the vectors may take.
let private bundlesMax = 20_000_000L

let private textOf (element: JsonElement) =
    match element.GetString() with
    | null -> ""
    | text -> text

/// An `.expect` file.
let parse (json: string) : Expectation =
    use document = JsonDocument.Parse json
    let root = document.RootElement
    let text (name: string) = textOf (root.GetProperty name)

    {
        Name = text "name"
        Version = root.GetProperty("isa").GetInt32()
        Arguments = [ for one in root.GetProperty("args").EnumerateArray() -> textOf one ]
        Environment = [
            for one in root.GetProperty("env").EnumerateObject() -> $"{one.Name}={textOf one.Value}"
        ]
        Input = Encoding.UTF8.GetBytes(text "stdin")
        Output = Convert.FromHexString(text "stdout_hex")
        End =
            match root.GetProperty "exit" with
            | number when number.ValueKind = JsonValueKind.Number -> string (number.GetInt32())
            | signal -> textOf signal
    }

/// How an ending is written in an expectation.
let endOf (ending: Ending) : string =
    match ending with
    | Exited code -> string code
    | Killed(signal, _) -> signal
    | Signalled signal -> Linux.nameOf signal
    | Stopped -> "not ended"

/// A program's standard output and how it ended, with bundles counted.
let run version arguments environment (input: byte[]) (file: byte[]) =
    let streams = Hosts.Streams input
    let host = Hosts.reference streams Hosts.sandbox

    Process.start Table.specification (Some version) true host file arguments environment
    |> Result.map (fun running ->
        let ending, bundles = Process.run bundlesMax running
        streams.Output.ToArray(), ending, bundles)

/// What disagrees with an expectation, if anything does.
let check (expectation: Expectation) (file: byte[]) : string option =
    match
        run
            expectation.Version
            (expectation.Name :: expectation.Arguments)
            expectation.Environment
            expectation.Input
            file
    with
    | Error refusal -> Some $"refused: {refusal.Rule}: {refusal.Reason}"
    | Ok(output, ending, _) ->
        if endOf ending <> expectation.End then
            Some $"ended with {endOf ending}, not {expectation.End}"
        elif output <> expectation.Output then
            Some $"wrote {Encoding.UTF8.GetString output}"
        else
            None
