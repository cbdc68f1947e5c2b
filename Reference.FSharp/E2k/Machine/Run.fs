/// Running a program: fetching bundles, which are decoded once, stepping, committing, and system
/// calls. Requirements: spec/e2k/step.md, E2K-RUN; spec/e2k/linux.md.
namespace Ashlar.Reference.E2k

open System
open System.Collections.Generic

/// How a program ended.
type Ending =
    | Exited of int
    | Killed of signal: string * Trap
    /// By a signal that the program sent itself.
    | Signalled of number: int
    /// The limit of bundles was reached.
    | Stopped

/// A program that runs: the places that committed steps write, and the last committed state.
type Process = {
    Table: Table
    Memory: Memory
    Registers: RegisterFile
    Host: Linux.Host
    State: State
    Kernel: Linux.Kernel
}

/// From an image to its end.
module Process =
    /// E2K-RUN-001: pages that a program may have: 1 GiB.
    let pagesMax = 1 <<< 18

    /// A program's first state, with a limit of its own for pages.
    let startWithin pages table version tags host (file: byte[]) arguments environment =
        let memory = Memory pages

        Load.load memory file arguments environment
        |> Result.map (fun image ->
            // E2K-ELF-006: what nobody is to foresee comes from outside, as for getrandom.
            (host: Linux.Host).Call memory 385UL [|
                image.Random
                Load.randomBytes
                0UL
                0UL
                0UL
                0UL
            |]
            |> ignore

            let registers = RegisterFile tags

            for place in 0 .. State.firstWindow - 1 do
                registers.Write place (State.valid Bits.zero)

            let version = version |> Option.orElse image.Version |> Option.defaultValue 2

            {
                Table = table
                Memory = memory
                Registers = registers
                Host = host
                State = State.start version tags image.Entry image.StackLimit image.StackTop
                Kernel = Linux.start image
            })

    /// A program's first state.
    let start table version tags host file arguments environment =
        startWithin pagesMax table version tags host file arguments environment

    let private wordsMax = 16

    /// E2K-RUN-002: the words of the bundle at an address.
    let private fetch (memory: Memory) (address: uint64) : Result<uint32[], Trap> =
        match memory.TryFetch address with
        | ValueNone -> Error(PageFault address)
        | ValueSome header ->
            let words = Array.zeroCreate<uint32>(min wordsMax (Syllables.lengthOf header))
            let mutable missing = None

            for index in 0 .. words.Length - 1 do
                let place = address + uint64 (4 * index)

                match memory.TryFetch place with
                | ValueSome word -> words[index] <- word
                | ValueNone -> missing <- Some(PageFault place)

            match missing with
            | Some trap -> Error trap
            | None -> Ok words

    let private planAt (running: Process) (version: int) (address: uint64) : Result<Plan, Trap> =
        fetch running.Memory address
        |> Result.bind (fun words ->
            Planner.plan running.Table version words |> Result.mapError IllegalOperation)

    /// E2K-SYS-002: arguments are the first registers of the window that the call would have had;
    /// the result goes to the first, and the others are invalid.
    let private system (running: Process) (state: State) entry place =
        let registers = running.Registers
        let last = state.Window.Base + state.Window.Size - 1
        let number = registers.Read place

        let argument index =
            if place + index > last then
                0UL
            else
                (registers.Read(place + index)).Bits.Low

        let arguments = Array.init 6 (fun index -> argument (index + 1))

        let leave (kernel: Linux.Kernel) (outcome: Result<State * Signals.Table, int>) =
            outcome
            |> Result.map (fun (state, signals) -> state, { kernel with Signals = signals })
            |> Result.mapError Signalled

        let answer =
            // No number that can be read is no call there is.
            let entry = if number.Tag <> 0 then -1 else entry
            let host, memory = running.Host, running.Memory

            match entry, number.Bits.Low with
            | 3, 254UL ->
                let result = HardwareStacks.call memory registers state place arguments
                Linux.Returns(result, running.Kernel)
            | _, number -> Linux.callBy host memory state running.Kernel entry number arguments

        match answer with
        | Linux.Exits code -> Error(Exited code)
        | Linux.Leaves ->
            Signals.back running.Memory registers state running.Kernel.Signals
            |> leave running.Kernel
        | Linux.Returns(value, kernel) ->
            for index in place + 1 .. last do
                registers.Write index (if state.Tags then State.nothing else State.valid Bits.zero)

            registers.Write place (State.valid (Bits.low (uint64 value)))
            Signals.deliver running.Memory registers state kernel.Signals |> leave kernel

    /// E2K-SIG-001: a handler that is entered or left, or the end.
    let private trapped (running: Process) (state: State) (trap: Trap) =
        let kernel = running.Kernel

        match Signals.trapped running.Memory running.Registers state kernel.Signals trap with
        | Ok(next, signals) -> Ok(next, { kernel with Signals = signals })
        | Error signal when
            state.Ip = Signals.returnAddress && not kernel.Signals.Interrupted.IsEmpty
            ->
            Error(Signalled signal)
        | Error signal -> Error(Killed(Linux.nameOf signal, trap))

    /// E2K-RUN-003: bundles one after the other until an end, at most so many; how it ended, and
    /// how many there were, and the last state. Each that was carried out is shown with the state
    /// before it.
    let follow (retired: Change -> unit) (bundlesMax: int64) (running: Process) =
        let plans = Dictionary<uint64, Plan>()
        let mutable state = running.State
        let mutable running = running
        let mutable ending: Ending voption = ValueNone
        let mutable bundles = 0L
        let mutable changes = running.Memory.CodeChanges

        while ending.IsNone do
            // E2K-MEM-004: what was decoded holds until code is written.
            if running.Memory.CodeChanges <> changes then
                plans.Clear()
                changes <- running.Memory.CodeChanges

            let plan =
                match plans.TryGetValue state.Ip with
                | true, plan -> Ok plan
                | _ ->
                    let plan = planAt running state.Version state.Ip

                    match plan with
                    | Ok found -> plans[state.Ip] <- found
                    | Error _ -> ()

                    plan

            let outcome = plan |> Result.bind (Step.step running.Registers running.Memory state)

            match outcome with
            | Error trap ->
                match trapped running state trap with
                | Ok(next, kernel) ->
                    state <- next
                    running <- { running with Kernel = kernel }
                | Error ended -> ending <- ValueSome ended
            | Ok change ->
                retired change
                state <- change.Commit()
                bundles <- bundles + 1L

                match change.SystemCall with
                | Some(entry, place) ->
                    match system running state entry place with
                    | Ok(next, kernel) ->
                        state <- next
                        running <- { running with Kernel = kernel }
                    | Error ended -> ending <- ValueSome ended
                | None -> ()

                if ending.IsNone && bundles >= bundlesMax then
                    ending <- ValueSome Stopped

        ending.Value, bundles, state

    /// As `follow`, without the last state.
    let watch retired bundlesMax running : Ending * int64 =
        let ending, bundles, _ = follow retired bundlesMax running
        ending, bundles

    /// As `watch`, with nobody watching.
    let run (bundlesMax: int64) (running: Process) : Ending * int64 =
        watch ignore bundlesMax running
