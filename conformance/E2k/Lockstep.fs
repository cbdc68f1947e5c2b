/// A program on reference and engine, one wide instruction after the other, up to the first
/// difference, which is shown with what came before. Requirements: spec/e2k/step.md, E2K-STEP,
/// E2K-RUN-003, E2K-RUN-004.
module Ashlar.Conformance.E2k.Lockstep

open System
open System.IO
open Ashlar.Reference.E2k

/// What both are given.
type Setting = {
    Version: int option
    Tags: bool
    Arguments: string list
    Environment: string list
    Input: byte[]
    /// Bytes of output that are taken before nobody reads.
    Taken: int
    /// Wide instructions at most.
    Limit: int64
    /// Pages at most.
    Pages: int
    /// After so many, all registers are compared, not only those written.
    Every: int64
    /// Places of memory that are compared at the end: first address and bytes.
    Ranges: (uint64 * int) list
    /// Files that both may reach (E2K-SYS-010).
    Files: Ashlar.E2k.FilePolicy
}

/// Where the two first differed.
type Difference = {
    /// Wide instructions before it.
    Before: int64
    What: string
    /// The last wide instructions, the differing one last.
    Window: string list
}

/// What came of a run: wide instructions, and the ending of the reference or a difference.
type Verdict =
    | Agreed of int64 * Ending
    | Differed of Difference
    | Refused of string

exception private Differs of string

/// Wide instructions that are shown before a difference.
let private windowMax = 8

/// The bundle at an address as text.
let private textAt (memory: Memory) version (address: uint64) =
    let words =
        Seq.initInfinite (fun index -> memory.TryRead (address + uint64 (4 * index)) 4)
        |> Seq.truncate 16
        |> Seq.takeWhile _.IsSome
        |> Seq.map (fun word -> uint32 word.Value)
        |> Array.ofSeq

    if words.Length = 0 then
        $"{address:x}: nothing is there"
    else
        let length = min words.Length (Syllables.lengthOf words[0])

        match Decoder.decode Table.specification version (Array.truncate length words) with
        | Ok operations -> $"{address:x}: {Printer.bundle operations}"
        | Error wrong -> $"{address:x}: illegal, {wrong.Reason} ({wrong.Rule})"

/// The last addresses, oldest first.
type private Trail() =
    let addresses = Array.zeroCreate<uint64> windowMax
    let mutable count = 0L

    member _.Add(address: uint64) =
        addresses[int (count % int64 windowMax)] <- address
        count <- count + 1L

    member _.Count = count

    member _.Last = [
        for index in max 0L (count - int64 windowMax) .. count - 1L ->
            addresses[int (index % int64 windowMax)]
    ]

let private whenDiffers (difference: string option) =
    match difference with
    | Some what -> raise (Differs what)
    | None -> ()

/// What both leave; a program that a signal has killed leaves registers to nobody.
let private finish setting (running: Process) (state: State) ending engine =
    match ending with
    | Signalled _ -> ()
    | _ ->
        whenDiffers (Engine.controlDifference state (engine: Ashlar.E2k.GuestProcess).Machine)
        whenDiffers (Engine.registersDifference state running.Registers engine)

    for first, bytes in setting.Ranges do
        whenDiffers (Engine.memoryDifference first bytes running.Memory engine)

/// Both engines side by side; `stepped` is told each wide instruction that both carried out.
let private both
    setting
    running
    (engine: Ashlar.E2k.GuestProcess)
    (outputs: MemoryStream * MemoryStream)
    =
    let trail = Trail()
    let mutable ended: Ashlar.E2k.Ending voption = ValueNone

    let retired (change: Change) =
        // What the wide instruction before left, once its system call is done.
        if
            trail.Count % setting.Every = 0L
            // The engine enters handlers of signals with the step that comes next.
            && (Engine.controlDifference change.Before engine.Machine).IsNone
        then
            whenDiffers (Engine.registersDifference change.Before running.Registers engine)

        trail.Add change.Before.Ip
        let step = engine.Step()

        if step.HasValue then
            ended <- ValueSome step.Value

            if step.Value.Trap.Kind <> Ashlar.E2k.TrapKind.None then
                raise (Differs $"traps: {step.Value.Trap}, the reference goes on")

        whenDiffers (Engine.writesDifference change engine)
        whenDiffers (Engine.controlDifference change.After engine.Machine)

    try
        let ending, bundles, state = Process.follow retired setting.Limit running

        let found =
            match ending, ended with
            | _, ValueSome ended -> ended
            | Stopped, ValueNone ->
                Ashlar.E2k.Ending(Ashlar.E2k.EndingKind.Stopped, 0, Ashlar.E2k.Trap())
            | _, ValueNone ->
                trail.Add state.Ip

                engine.Step()
                |> Option.ofNullable
                |> Option.defaultValue (
                    Ashlar.E2k.Ending(Ashlar.E2k.EndingKind.Stopped, 0, Ashlar.E2k.Trap())
                )

        whenDiffers (Engine.endingDifference ending found)
        finish setting running state ending engine

        if (fst outputs).ToArray() <> (snd outputs).ToArray() then
            raise (Differs "writes other output")

        Agreed(bundles, ending)
    with Differs what ->
        Differed {
            Before = max 0L (trail.Count - 1L)
            What = what
            Window = trail.Last |> List.map (textAt running.Memory running.State.Version)
        }

let private started (setting: Setting) (file: byte[]) =
    let streams () = Hosts.Streams(setting.Input, setting.Taken)
    let wanted, found = streams (), streams ()
    let host = Hosts.referenceWithin setting.Pages wanted setting.Files
    let table = Table.specification

    match
        Process.startWithin
            setting.Pages
            table
            setting.Version
            setting.Tags
            host
            file
            setting.Arguments
            setting.Environment,
        Engine.startWithin
            setting.Pages
            setting.Version
            setting.Tags
            found
            setting.Files
            file
            setting.Arguments
            setting.Environment
    with
    | Ok running, Ok engine -> Ok(running, engine, (wanted.All, found.All))
    | Error refusal, Error _ -> Error(Refused $"{refusal.Reason} ({refusal.Rule})")
    | Error refusal, Ok engine ->
        engine.Dispose()
        Error(Differed { Before = 0L; What = $"is refused: {refusal.Reason}"; Window = [] })
    | Ok _, Error reason ->
        Error(Differed { Before = 0L; What = $"the engine refuses: {reason}"; Window = [] })

/// Steps a program on both, comparing what each wide instruction did.
let run (setting: Setting) (file: byte[]) : Verdict =
    match started setting file with
    | Error verdict -> verdict
    | Ok(running, engine, outputs) ->
        use engine = engine
        both setting running engine outputs

/// Lets both run by themselves, the engine as fast as it can, and compares what they leave.
let runFree (setting: Setting) (file: byte[]) : Verdict =
    match started setting file with
    | Error verdict -> verdict
    | Ok(running, engine, (wanted, found)) ->
        use engine = engine
        let ended = engine.Run setting.Limit
        // A trap comes after the wide instructions that were carried out.
        let limit =
            if ended.Kind = Ashlar.E2k.EndingKind.Killed then
                engine.Retired + 1L
            else
                engine.Retired

        try
            let ending, bundles, state = Process.follow ignore (max 1L limit) running

            whenDiffers (Engine.endingDifference ending ended)

            if bundles <> engine.Retired then
                raise (Differs $"{engine.Retired} wide instructions, not {bundles}")

            finish setting running state ending engine

            if wanted.ToArray() <> found.ToArray() then
                raise (Differs "writes other output")

            Agreed(bundles, ending)
        with Differs what ->
            Differed { Before = engine.Retired; What = what; Window = [] }

/// A difference for a person.
let say (difference: Difference) : string =
    String.concat
        "\n"
        ([
            yield! difference.Window |> List.map (fun line -> "  " + line)
            $"after {difference.Before} wide instructions the engine {difference.What}"
        ])
