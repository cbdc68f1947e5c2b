/// Programs of system calls, written from a list of them, and what they came to on the engine and
/// in lockstep with the reference. Requirements: spec/e2k/linux.md, E2K-SYS.
module Ashlar.Conformance.Tests.E2k.Engine.Calls

open System
open System.IO
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.E2k
open Ashlar.Reference.E2k.Assembly

/// A call: its number, and its arguments as operands of the assembler.
type Call = { Number: int; Arguments: string list }

let call number arguments = { Number = number; Arguments = arguments }

/// Bytes of the area `buffer`, which programs give back.
let bufferBytes = 1024

/// What a program of calls came to.
type Outcome = {
    /// The results of its calls.
    Results: int64 list
    /// Its area `buffer` at the end.
    Buffer: byte[]
    /// What it wrote to standard output before that.
    Output: byte[]
    /// Lines about its calls.
    Lines: string list
    Ending: Ending
}

/// A call as wide instructions: arguments from %b[1] on, the rest 0.
let making (one: Call) : string list =
    // What a call has left in the rest is invalid.
    let operands = one.Arguments @ List.replicate (6 - one.Arguments.Length) "0"

    (operands
     |> List.mapi (fun place operand -> $"    {{ addd,0 0, {operand}, %%b[{place + 1}] }}"))
    @ [
        $"    {{ addd,0 0, {one.Number}, %%b[0] ; sdisp %%ctpr1, 3 }}"
        "    { call %ctpr1, wbs = 16 }"
    ]

/// A program that makes the calls, keeps their results, and writes results and buffer at the end.
let private source (data: string) (calls: Call list) =
    let made (index: int) (one: Call) =
        making one
        @ [
            $"    {{ addd,0 0, results + {8 * index}, %%r2 ; addd,1 0, %%b[0], %%r1 }}"
            "    { std,2 %r1, [ %r2 + 0 ] }"
        ]

    let length = 8 * calls.Length + bufferBytes

    String.concat "\n" [
        "    .text"
        "    .global _start"
        "_start:"
        "    { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"
        yield! calls |> List.mapi made |> List.concat
        "    { addd,0 0, 4, %b[0] ; addd,1 0, 1, %b[1] ; addd,2 0, results, %b[2]"
        $"      addd,3 0, {length}, %%b[3] ; sdisp %%ctpr1, 3 }}"
        "    { call %ctpr1, wbs = 16 }"
        "    { addd,0 0, 300, %b[0] ; addd,1 0, 7, %b[1] ; sdisp %ctpr1, 3 }"
        "    { call %ctpr1, wbs = 16 }"
        "    .data"
        data
        "    .balign 16"
        "results:"
        $"    .space {8 * calls.Length}"
        "buffer:"
        $"    .space {bufferBytes}"
        ""
    ]

let assembled (text: string) : byte[] =
    match Assembler.assemble 5 (fun _ name -> Ok(name, text)) Map.empty "calls.S" with
    | Ok file -> file
    | Error problem -> failtest (Assembler.say problem)

/// Wide instructions that a program may take.
let private limit = 100_000L

/// Makes calls on the engine, by the files that it may reach.
let run (files: FilePolicy) (input: byte[]) (data: string) (calls: Call list) : Outcome =
    let streams = Hosts.Streams input
    let lines = ResizeArray<string>()

    let options =
        GuestOptions(
            Files = files,
            SystemCalls = Action<string> lines.Add,
            Arguments = [| "calls" |]
        )

    let file = assembled (source data calls)
    use running = GuestProcess.Start(ReadOnlySpan file, options, streams)
    let ending = running.Run limit
    let written = streams.Output.ToArray()
    let own = max 0 (written.Length - 8 * calls.Length - bufferBytes)

    {
        Results = [
            if written.Length > own then
                for index in 0 .. calls.Length - 1 -> BitConverter.ToInt64(written, own + 8 * index)
        ]
        Buffer = written |> Array.skip (min written.Length (own + 8 * calls.Length))
        Output = Array.truncate own written
        Lines = List.ofSeq lines
        Ending = ending
    }

/// A program on both, step by step and run freely, with tags and without, whose output is read up
/// to some bytes: how it ended with them; it is an error where the two differ.
let endingWithin (taken: int) (files: FilePolicy) (input: byte[]) (text: string) : string =
    let file = assembled text

    let ended way tags =
        let setting: Lockstep.Setting = {
            Version = None
            Tags = tags
            Arguments = [ "calls" ]
            Environment = []
            Input = input
            Limit = limit
            Taken = taken
            Pages = Ashlar.Reference.E2k.Process.pagesMax
            Every = 512L
            Ranges = []
            Files = files
        }

        match way setting file with
        | Lockstep.Agreed(_, ending) -> ProgramVectors.endOf ending
        | Lockstep.Differed difference -> failtest (Lockstep.say difference)
        | Lockstep.Refused reason -> failtest reason

    ended Lockstep.run false |> ignore
    let stepped = ended Lockstep.run true
    Expect.equal (ended Lockstep.runFree true) stepped "run freely"
    stepped

/// The same with all output read.
let ending files input text = endingWithin Int32.MaxValue files input text

/// A program of calls on both; it is an error where they differ or it does not come to its end.
let agree (files: FilePolicy) (input: byte[]) (data: string) (calls: Call list) : unit =
    Expect.equal (ending files input (source data calls)) "7" "the program goes on to its end"

/// A folder that is gone afterwards.
let inFolder (work: string -> 'a) : 'a =
    let folder = Directory.CreateTempSubdirectory "ashlar-e2k-"

    try
        work folder.FullName
    finally
        folder.Delete true
