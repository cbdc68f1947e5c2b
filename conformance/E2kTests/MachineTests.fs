/// The e2k reference as a machine: wide instructions written as text, carried out from a program's
/// first state, and whole programs. Requirements: spec/e2k/state.md, spec/e2k/step.md,
/// spec/e2k/traps.md, spec/e2k/linux.md.
module Ashlar.Conformance.Tests.E2k.MachineTests

open System
open System.IO
open System.IO.Compression
open System.Reflection
open Expecto
open Hedgehog.FSharp
open Ashlar.Reference.E2k
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.Generators.Replay

/// A machine after some wide instructions, and the trap that ended them, if one did.
type private Machine = { State: State; Registers: RegisterFile; Memory: Memory; Trap: Trap option }

let private version = 5
let private codeAt = 0x20000UL
let private dataAt = 0x30000UL

let private everything = { MayRead = true; MayWrite = true; MayExecute = true }

let private fresh () =
    let memory = Memory 64
    memory.Map (codeAt / 4096UL) everything
    memory.Map (dataAt / 4096UL) everything
    let registers = RegisterFile true

    for place in 0 .. State.firstWindow - 1 do
        registers.Write place (State.valid Bits.zero)

    {
        State = State.start version true codeAt 0x40000UL 0x50000UL
        Registers = registers
        Memory = memory
        Trap = None
    }

let private planOf text =
    match EncodingVectors.assemble version false text with
    | Error wrong -> failtest $"{text}: {wrong}"
    | Ok words -> Planner.plan Table.specification version words

/// One wide instruction more; after a trap nothing more happens.
let private next (machine: Machine) (text: string) =
    let outcome =
        planOf text
        |> Result.mapError IllegalOperation
        |> Result.bind (Step.step machine.Registers machine.Memory machine.State)

    match machine.Trap, outcome with
    | Some _, _ -> machine
    | None, Ok change -> { machine with State = change.Commit() }
    | None, Error trap -> { machine with Trap = Some trap }

let private after (texts: string list) = (fresh (), texts) ||> List.fold next

let private register (machine: Machine) number =
    machine.Registers.Read(machine.State.Window.Base + number)

/// What %rN holds after wide instructions that trap nowhere.
let private gives (rule: string) (texts: string list) number (value: uint64) (tag: int) =
    test $"""{rule}: {String.concat " " texts}""" {
        let machine = after texts
        Expect.isNone machine.Trap rule
        let found = register machine number
        Expect.equal (found.Bits.Low, found.Tag) (value, tag) rule
    }

let private traps (rule: string) (texts: string list) (signal: string) =
    test $"""{rule}: {String.concat " " texts} is {signal}""" {
        let machine = after texts
        Expect.equal (Option.map Linux.signalOf machine.Trap) (Some signal) rule
    }

/// The address of data as a literal.
let private data = $"0x{dataAt:x}"

let private stateTests = [
    gives "E2K-ST-001" [ "ord,0 %r6, %r7, %r8" ] 8 0UL 0
    gives "E2K-ST-002" [ "ldd,0,sm 0, 0, %r1"; "gettagd,2 %r1, %r2" ] 2 5UL 0
    gives "E2K-ST-003" [ "subs,0 0, 1, %r1"; "addd,0 %r1, 0, %r2" ] 2 0xffffffffUL 0
    traps "E2K-ST-004" [ "setwd wsz = 0x4"; "addd,0 0, 1, %r8" ] "SIGSEGV"
    traps "E2K-ST-004" [ "setwd wsz = 0x20"; "addd,0 %r40, 1, %r1" ] "SIGILL"
    gives "E2K-ST-006" [ "setbn rsz = 0x3, rbs = 0x4, rcur = 0x0"; "addd,0 0, 7, %b[1]" ] 9 7UL 0
    traps "E2K-ST-006" [ "addd,0 0, 1, %b[0]" ] "SIGSEGV"
    gives
        "E2K-ST-007"
        [
            "setbn rsz = 0x3, rbs = 0x4, rcur = 0x0"
            "addd,0 0, 7, %b[0] ; abn abnf=1, abnt=1"
            "addd,0 %b[2], 0, %r1"
        ]
        1
        7UL
        0
    traps "E2K-ST-008" [ "disp %ctpr1, .+0x8"; "ct %ctpr1 ? %pred0" ] "SIGILL"
    gives
        "E2K-ST-009"
        [
            "setbp psz = 0x3"
            "cmpedb,0 0, 0, %pred3 ; cmpedb,1 0, 1, %pred0"
            "abp abpf=1, abpt=1"
            "addd,0 0, 1, %r1 ? %pred0"
        ]
        1
        1UL
        0
    gives
        "E2K-ST-012"
        [ "rwd,0 _f64 0x0003002400000040, %lsr"; "rrd,0 %lsr, %r1" ]
        1
        0x0003002400000040UL
        0
    gives "E2K-ST-013" [ "rwd,0 _f32s 0x77f, %fpcr"; "rrd,0 %fpcr, %r1" ] 1 0x77fUL 0
    gives "E2K-ST-015" [ "getsp,0 _f32s 0xffffffe1, %r1" ] 1 0x4ffe0UL 0
    traps "E2K-ST-015" [ "getsp,0 _f32s 0xfff00000, %r1" ] "SIGSEGV"
    traps "E2K-MEM-001" [ "ldd,0 0, 8, %r1" ] "SIGSEGV"
    gives
        "E2K-MEM-002"
        [
            $"addd,0 0, _f32s {data}, %%r1 ; addd,1 0, 5, %%r2"
            "std,2 %r1, 0, %r2 ; ldd,0 %r1, 0, %r3"
        ]
        3
        0UL
        0
    gives
        "E2K-MEM-003"
        [
            $"addd,0 0, _f32s {data}, %%r1 ; addd,1 0, 5, %%r2"
            "std,2 %r1, 0, %r2"
            "lddsd,0 %r1, 0, %r3"
        ]
        3
        5UL
        0
]

/// Data at %r1, locked with what a text in between does, then asked for: %r5 is 1 where the lock is
/// gone.
let private locked between = [
    $"addd,0 0, _f32s {data}, %%r1 ; disp %%ctpr1, .+0x100"
    "ldd,0 %r1, 0, %r2, mas = 0x4"
    between
    "ldd,0 %r1, 0, %r2, mas = 0x3 ; ct %ctpr1 ? %MLOCK "
]

/// Whether the last transfer went 256 bytes on from where it was prepared.
let private jumps (rule: string) (texts: string list) (isExpected: bool) =
    test $"""{rule}: {String.concat " " texts}""" {
        let machine = after texts
        Expect.isNone machine.Trap rule
        Expect.equal (machine.State.Ip = codeAt + 0x100UL) isExpected rule
    }

let private withoutTags = {
    fresh () with
        State = State.start version false codeAt 0x40000UL 0x50000UL
}

let private lockTests = [
    jumps "E2K-DAM-001" (locked "nop 1") false
    jumps "E2K-DAM-002" (locked "stb,2 %r1, 7, %r3") true
    jumps "E2K-DAM-002" (locked "stb,2 %r1, 8, %r3") false
    jumps
        "E2K-DAM-003"
        [
            $"addd,0 0, _f32s {data}, %%r1 ; disp %%ctpr1, .+0x100"
            "ldd,0 %r1, 0, %r2, mas = 0x3 ; ct %ctpr1 ? %MLOCK"
        ]
        true
    test "E2K-ST-016: without tags nothing is invalid" {
        let machine =
            (withoutTags,
             [ "ldd,0,sm 0, 0, %r1"; "addd,0 %r1, 2, %r2"; "addd,0 0, 3, %r3 ? %pred0" ])
            ||> List.fold next

        Expect.isNone machine.Trap "E2K-ST-016"
        Expect.equal (register machine 2).Bits.Low 2UL "the sum"
        Expect.equal (register machine 3).Bits.Low 0UL "the guard"
    }
    traps
        "E2K-ST-009"
        [
            "setbp psz = 0x3"
            "cmpedb,0 0, 0, %pred3"
            "setbp psz = 0x1"
            "addd,0 0, 1, %r1 ? %pred3"
        ]
        "SIGILL"
]

let private stepTests = [
    traps "E2K-STEP-002" [ "ldrd,0 %r1, 0, %r2" ] "SIGILL"
    gives
        "E2K-STEP-004"
        [ "addd,0 0, 1, %r1 ; addd,1 0, 2, %r2"; "addd,0 %r1, 0, %r2 ; addd,1 %r2, 0, %r1" ]
        1
        2UL
        0
    test "E2K-STEP-005: a load that faults leaves what stands beside it undone" {
        let machine =
            after [
                $"addd,0 0, _f32s {data}, %%r3"
                "addd,0 0, 1, %r1 ; std,2 %r3, 0, %r3 ; cmpedb,1 0, 0, %pred0 ; ldd,5 0, 0, %r2"
            ]

        Expect.isSome machine.Trap "the load faults"
        Expect.equal (register machine 1).Bits.Low 0UL "the register"
        Expect.equal (machine.Memory.TryRead dataAt 8) (ValueSome 0UL) "the memory"
        Expect.equal machine.State.Predicates (State.unwritten true) "the predicate"
    }
    gives "E2K-STEP-006" [ "setwd wsz = 0x18 ; addd,0 0, 1, %r40" ] 40 1UL 0
    gives
        "E2K-PRED-003"
        [
            "cmpedb,0 0, 1, %pred0"
            "pass %pred0, @p0 ; pass %pred1, @p1 ; landp @p0, @p1, @p4 ; pass @p4, %pred2"
            "addd,0 0, 3, %r1 ? ~%pred2"
        ]
        1
        3UL
        0
    traps
        "E2K-PRED-003"
        [
            "cmpedb,0 0, 1, %pred0"
            "pass %pred0, @p0 ; pass %pred1, @p1 ; andp @p0, @p1, @p4 ; pass @p4, %pred2"
            "addd,0 0, 3, %r1 ? ~%pred2"
        ]
        "SIGILL"
    gives
        "E2K-PRED-004"
        [
            "cmpedb,0 0, 0, %pred0"
            "pass %pred0, @p0 ; andp @p0, @p0, @p4 ; pass @p4, %pred1"
            "addd,0 0, 3, %r1 ? %pred1"
        ]
        1
        3UL
        0
    traps "E2K-SPEC-001" [ "ldd,0,sm 0, 0, %r1"; "addd,0 %r1, 0, %r2" ] "SIGILL"
    gives "E2K-SPEC-001" [ "ldd,0,sm 0, 0, %r1"; "addd,0,sm %r1, 1, %r2" ] 2 1UL 5
    gives "E2K-SPEC-002" [ "ldd,0,sm 0, 0, %r1" ] 1 0UL 5
    gives "E2K-SPEC-002" [ "sdivd,5,sm 0, 0, %r1" ] 1 0UL 5
    gives "E2K-SPEC-003" [ "addd,0,sm 0, 1, %r1 ? %pred0" ] 1 0x4000000040000001UL 5
    traps "E2K-SPEC-003" [ "addd,0 0, 1, %r1 ? %pred0" ] "SIGILL"
    gives "E2K-SPEC-004" [ "ldd,0,sm 0, 0, %r1"; "movtd,0 %r1, %r2" ] 2 0UL 5
    gives
        "E2K-BR-001"
        [
            "disp %ctpr1, .+0x100 ; cmpedb,0 0, 1, %pred0"
            "ct %ctpr1 ? %pred0"
            "addd,0 0, 1, %r1"
        ]
        1
        1UL
        0
    traps "E2K-BR-002" [ "ct %ctpr1" ] "SIGILL"
    traps "E2K-BR-002" [ "return %ctpr3"; "ct %ctpr3" ] "SIGSEGV"
    gives
        "E2K-BR-003"
        [
            "disp %ctpr1, .+0x100 ; addd,0 0, 9, %r9"
            "call %ctpr1, wbs = 0x4"
            "addd,0 %r1, 1, %r2"
        ]
        2
        10UL
        0
    gives
        "E2K-LOOP-001"
        [ "rwd,0 _f64 0x0003002400000001, %lsr"; "alc alcf=1, alct=1"; "rrd,0 %lsr, %r1" ]
        1
        0x0002002300000000UL
        0
    gives
        "E2K-LOOP-002"
        [
            "rwd,0 _f64 0x0000002000000001, %lsr ; disp %ctpr1, .+0x100"
            "ct %ctpr1 ? %NOT_LOOP_END"
            "addd,0 0, 1, %r1"
        ]
        1
        1UL
        0
    traps "E2K-TRAP-001" [ "addd,0 0, 1, %r63" ] "SIGSEGV"
    traps "E2K-TRAP-002" [ "ldd,0 0, 0, %r1 ; sdivd,5 0, 0, %r2" ] "SIGSEGV"
    traps "E2K-TRAP-003" [ "sdivd,5 0, 0, %r2" ] "SIGFPE"
    gives "E2K-INT-030" [ "addd,0 0, _f32s 0xff, %r1"; "adds_fb,0 %r1, 1, %r2" ] 2 0x55UL 0
    gives
        "E2K-INT-031"
        [ "addd,0 0, _f32s 0x40, %r1"; "cctope,0 %r1, %pred0"; "addd,0 0, 1, %r2 ? %pred0" ]
        2
        1UL
        0
]

/// The files of the embedded programs.
let private programs =
    lazy
        (match Assembly.GetExecutingAssembly().GetManifestResourceStream "e2k-programs" with
         | null -> Map.empty
         | packed ->
             use packed = packed
             use archive = new ZipArchive(packed, ZipArchiveMode.Read)

             archive.Entries
             |> Seq.map (fun entry ->
                 use stream = entry.Open()
                 use bytes = new MemoryStream()
                 stream.CopyTo bytes
                 entry.FullName, bytes.ToArray())
             |> Map.ofSeq)

let private expectations =
    lazy
        (programs.Value
         |> Map.toList
         |> List.filter (fun (name, _) -> name.EndsWith ".expect")
         |> List.map (fun (_, bytes) -> ProgramVectors.parse (Text.Encoding.UTF8.GetString bytes)))

let private hello = lazy (programs.Value |> Map.find "hello.elf")

let private refuses (rule: string) what (change: byte[] -> byte[]) =
    test $"{rule}: {what} is refused" {
        match ProgramVectors.run version [ "hello" ] [] [||] (change (Array.copy hello.Value)) with
        | Ok _ -> failtest "it ran"
        | Error refusal -> Expect.equal refusal.Rule rule refusal.Reason
    }

let private set (at: int) (value: byte) (file: byte[]) =
    file[at] <- value
    file

/// A loop of two wide instructions that calls itself: a recursion without an end.
let private recursion () =
    let bundles = [ "disp %ctpr1, .+0x0"; "call %ctpr1, wbs = 0x0" ]

    let words =
        bundles
        |> List.map (fun text ->
            EncodingVectors.assemble version false text |> Result.defaultValue [||])
        |> Array.concat

    let machine = fresh ()

    words
    |> Array.iteri (fun index word ->
        machine.Memory.Write (codeAt + uint64 (4 * index)) 4 (uint64 word))

    machine

/// A host with empty streams.
let private nobody = Hosts.reference (Hosts.Streams [||]) Hosts.sandbox

let private programTests = [
    test "the embedded programs do what is expected" {
        let wrong =
            expectations.Value
            |> List.choose (fun one ->
                let file = programs.Value |> Map.find (one.Name + ".elf")

                ProgramVectors.check one file |> Option.map (fun wrong -> $"{one.Name}: {wrong}"))

        Expect.isGreaterThan expectations.Value.Length 20 "programs"
        Expect.isEmpty wrong "E2K-RUN-003, E2K-SYS-001"
    }

    test "E2K-ST-005: a recursion without an end overflows" {
        let machine = recursion ()

        let running: Process = {
            Table = Table.specification
            Memory = machine.Memory
            Registers = machine.Registers
            Host = nobody
            State = machine.State
            Kernel = {
                BreakStart = 0UL
                Break = 0UL
                NextMapping = 0UL
                MappingsEnd = 0x3fe00000000UL
                Signals = Signals.none
            }
        }

        match Process.run 10_000_000L running with
        | Killed(signal, StackBounds), _ -> Expect.equal signal "SIGSEGV" "E2K-ST-005"
        | other, _ -> failtest $"{other}"
    }

    test "E2K-SYS-001: a number that is no call gives ENOSYS" {
        let kernel: Linux.Kernel = {
            BreakStart = 0UL
            Break = 0UL
            NextMapping = 0UL
            MappingsEnd = 0x3fe00000000UL
            Signals = Signals.none
        }

        match Linux.call nobody (Memory 1) (fresh ()).State kernel 9999UL (Array.zeroCreate 6) with
        | Linux.Returns(value, _) -> Expect.equal value -38L "E2K-SYS-001"
        | other -> failtest $"{other}"
    }

    test "E2K-ELF-005: argc is where the stack's top points" {
        let memory = Memory 1024

        match Load.load memory hello.Value [ "hello"; "world" ] [ "A=B" ] with
        | Error refusal -> failtest refusal.Reason
        | Ok image ->
            Expect.equal (memory.TryRead image.StackTop 8) (ValueSome 2UL) "argc"
            Expect.equal (image.StackTop % 16UL) 0UL "alignment"
    }

    refuses "E2K-ELF-001" "a file of text" (fun _ -> "#!/bin/sh\n"B)
    refuses "E2K-ELF-001" "a short file" (Array.truncate 63)
    refuses "E2K-ELF-001" "another machine" (set 18 62uy)
    refuses "E2K-ELF-001" "headers beyond the end" (set 38 1uy)
    refuses "E2K-ELF-003" "a file that is cut off" (fun file ->
        Array.truncate (file.Length / 2) file)
    refuses "E2K-ELF-004" "a segment at 0" (fun file ->
        let first = BitConverter.ToInt32(file, 32)

        for index in 0 .. BitConverter.ToUInt16(file, 56) |> int |> (fun n -> n - 1) do
            Array.fill file (first + 56 * index + 16) 8 0uy

        file)
]

/// What is left where a trap leaves everything: the machine before and after.
let private isUntouched (before: Machine) (registers: Register list) =
    let now = [ for place in -32 .. 63 -> before.Registers.Read place ]
    now = registers && before.Memory.TryRead dataAt 8 = ValueSome 0UL

let private vectorsTest =
    test "E2K-STEP-005: wide instructions of the vectors are done or change nothing" {
        let outcomes =
            EncodingTests.rows.Value
            |> List.filter (fun row -> row.Kind <> "fapb")
            |> List.map (fun row ->
                let machine = fresh ()
                let registers = [ for place in -32 .. 63 -> machine.Registers.Read place ]
                let state = { machine.State with Version = row.Version }

                match Planner.plan Table.specification row.Version row.Words with
                | Error wrong -> row, Error wrong.Rule
                | Ok plan ->
                    match Step.step machine.Registers machine.Memory state plan with
                    | Ok change ->
                        change.Commit() |> ignore
                        row, Ok()
                    | Error trap ->
                        Expect.isTrue (isUntouched machine registers) $"{row.Text}: {trap}"
                        row, Error "a trap")

        let refused =
            outcomes
            |> List.filter (fun (_, outcome) -> outcome = Error "E2K-STEP-002")
            |> List.length

        Expect.isLessThan refused (outcomes.Length / 3) "E2K-STEP-002"
    }

let private draws = 3000<Hedgehog.tests>

let private wordsTest =
    law
        draws
        "E2K-STEP-005: any words are carried out or change nothing"
        (property {
            let! words = EncodingTests.bundles
            let! version = Gen.int32 (Range.constant 2 6)
            let machine = fresh ()
            let registers = [ for place in -32 .. 63 -> machine.Registers.Read place ]
            let state = { machine.State with Version = version }

            return
                match Planner.plan Table.specification version words with
                | Error _ -> true
                | Ok plan ->
                    match Step.step machine.Registers machine.Memory state plan with
                    | Ok change ->
                        change.Commit() |> ignore
                        true
                    | Error _ -> isUntouched machine registers
         }
         |> Property.falseToFailure)

let tests =
    testList
        "machine"
        (stateTests @ lockTests @ stepTests @ programTests @ [ vectorsTest; wordsTest ])
