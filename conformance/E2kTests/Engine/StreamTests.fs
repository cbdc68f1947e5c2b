/// Software-pipelined loops over streams of the array unit, drawn at random: prologue, middle and
/// last turns, streams that cross pages, end off their memory or stand still. Requirement:
/// spec/e2k/step.md, E2K-RUN-004.
module Ashlar.Conformance.Tests.E2k.Engine.StreamTests

open Expecto
open Hedgehog.FSharp
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.Generators.Replay
open Ashlar.Reference.E2k
open Ashlar.Reference.E2k.Assembly

/// What is drawn of a loop.
type private Draw = {
    Version: int
    Tags: bool
    /// Turns of one round, and rounds.
    Count: int
    Rounds: int
    Prologue: int
    Epilogue: int
    StoreMode: int
    /// log2 of an element's bytes.
    Format: int
    /// Where the streams begin, in bytes from their arrays.
    FirstRead: int
    FirstStore: int
    /// The array unit's increments of the second stream and of the store.
    ReadStep: int
    StoreStep: int
    Index: int
    /// Whether a predicate guards the store, and the increment behind it.
    IsGuarded: bool
    GuardsIncrement: bool
    /// Pairs that turn.
    Pairs: int
    /// Whether the turn is a bundle by itself.
    IsSplit: bool
    /// Whether the second stream's array lies last, not the store's.
    ReadsLast: bool
    /// Whether nothing has been written to the registers that turn.
    IsFresh: bool
}

let private number first last = Gen.int32 (Range.constantFrom first first last)

let private draw =
    gen {
        let! version = Gen.item [ 3; 5; 6 ]
        let! tags = Gen.bool
        let! count = number 1 900
        let! rounds = number 1 9
        let! prologue = number 0 7
        let! epilogue = number 0 7
        let! storeMode = number 0 1
        let! format = number 0 3
        // Misaligned only where the version does not refuse it.
        let aligned place = if version < 5 then place &&& ~~~7 else place

        let! firstRead = number 0 4096
        let! firstStore = number 0 4096
        let! readStep = Gen.item [ 1; 1; 1; 2; 0; 3; -1; 600 ]
        let! storeStep = Gen.item [ 1; 1; 1; 2; 0; -1 ]
        let! index = number 0 3
        let! isGuarded = Gen.bool
        let! guardsIncrement = Gen.bool
        let! pairs = number 6 11
        let! isSplit = Gen.bool
        let! readsLast = Gen.bool
        let! isFresh = Gen.frequency [ 5, Gen.constant false; 1, Gen.constant true ]

        return {
            Version = version
            Tags = tags
            Count = count
            Rounds = rounds
            Prologue = prologue
            Epilogue = epilogue
            StoreMode = storeMode
            Format = format
            FirstRead = aligned firstRead
            FirstStore = aligned firstStore
            ReadStep = readStep
            StoreStep = storeStep
            Index = index <<< format
            IsGuarded = isGuarded
            GuardsIncrement = guardsIncrement
            Pairs = pairs
            IsSplit = isSplit
            ReadsLast = readsLast
            IsFresh = isFresh
        }
    }

let private sourceOf draw =
    let letter = "bhwd"[draw.Format]
    let guard = if draw.IsGuarded then " ? %pred1" else ""
    let guardOfIncrement = if draw.GuardsIncrement then " ? %pred1" else ""
    let format = draw.Format + 1

    let turn = "alc alcf=0, alct=1\n abn abnf=0, abnt=1\n ct %ctpr1 ? #NOT_LOOP_END"

    let zeros =
        if draw.IsFresh then
            ""
        else
            [
                for register in 40..2..62 ->
                    $"    {{ addd,0 0, 0, %%r{register} ; addd,1 0, 0, %%r{register + 1} }}"
            ]
            |> String.concat "\n"

    // What lies last ends with its page.
    let arrays =
        [ "y:  .fill 1024, 8, 0x1112131415161718"; "z:  .fill 1024, 8, 0" ]
        |> (if draw.ReadsLast then List.rev else id)
        |> String.concat "\n"

    let status =
        (1L <<< 37)
        ||| (int64 draw.Prologue <<< 48)
        ||| (int64 draw.Epilogue <<< 32)
        ||| (int64 draw.StoreMode <<< 53)
        ||| int64 draw.Count

    let middle = if draw.IsSplit then "}\n{ loop_mode" else ""

    $"""
    .text
    .global _start
_start:
    {{ setwd wsz=32, nfx=1 ; setbn rsz={draw.Pairs}, rbs=20, rcur=0 }}
{zeros}
    {{ cmpedb,0 0, 0, %%pred1 }}
    {{ addd,0 0, {draw.Rounds}, %%r0 ; addd,1 0, 3, %%r1 }}
    {{ addd,0 0, x, %%r2 ; addd,1 0, y + {draw.FirstRead}, %%r3 }}
    {{ addd,0 0, z + {draw.FirstStore}, %%r4 ; addd,1 0, 0, %%r5 }}
    {{ addd,0 0, {draw.ReadStep}, %%r6 ; addd,1 0, {draw.StoreStep}, %%r7 }}
0:  {{ ldisp %%ctpr2, aau ; aaurwd,2 %%r2, %%aad0 ; aaurwd,5 %%r3, %%aad1 }}
    {{ disp %%ctpr1, 1f ; aaurwd,2 %%r4, %%aad2 ; aaurwd,5 %%r5, %%aasti0 }}
    {{ aaurwd,2 %%r6, %%aaincr1 ; aaurwd,5 %%r7, %%aaincr2 }}
    {{ rwd,0 0x{status:x}, %%lsr
      bap
      nop 7 }}
    {{ nop 7 }}
1:  {{ loop_mode
      mova{letter},0 area=0, ind=0, am=1, be=0, %%b[0]
      mova{letter},2 area=0, ind={draw.Index}, am=1, be=0, %%b[1]
      muld,0,sm %%b[2], %%r1, %%b[4]
      addd,1,sm %%b[6], %%b[5], %%b[8]
      cmpbdb,4,sm %%b[6], %%b[1], %%pred1
    {middle}
      staa{letter},2 %%b[10], %%aad2 [ %%aasti0 ]{guard}
      incr,2 %%aaincr2{guardOfIncrement}
      {turn} }}
    {{ eap ; subd,0 %%r0, 1, %%r0 ; disp %%ctpr3, 0b }}
    {{ cmpedb,0 %%r0, 0, %%pred0 ; nop 4 }}
    {{ ct %%ctpr3 ? ~%%pred0 }}
    {{ setbn rsz=7, rbs=16, rcur=0 }}
    {{ addd,0 0, 1, %%b[0] ; addd,1 0, 0, %%b[1] ; sdisp %%ctpr1, 3 }}
    {{ call %%ctpr1, wbs = 16 }}
    .align 8
aau:
    {{ fapb ct=1, dcd=0, fmt={format}, mrng=8, d=0, incr=0, ind=0, asz=1, abs=0, disp=0
      fapb dpl=0, dcd=0, fmt={format}, mrng=8, d=1, incr=1, ind=0, asz=1, abs=0, disp=0 }}
    .data
    .balign 4096
x:  .fill 1024, 8, 0x0102030405060708
{arrays}
"""

let private agrees draw =
    match
        Assembler.assemble draw.Version (fun _ path -> Ok(path, sourceOf draw)) Map.empty "loop.S"
    with
    | Error problem -> failtest (Assembler.say problem)
    | Ok file ->
        let setting: Lockstep.Setting = {
            Version = Some draw.Version
            Tags = draw.Tags
            Arguments = [ "loop" ]
            Environment = []
            Input = [||]
            Files = Hosts.sandbox
            Limit = 100_000L
            Taken = System.Int32.MaxValue
            Pages = Process.pagesMax
            Every = 512L
            Ranges = []
        }

        match Lockstep.runFree setting file with
        | Lockstep.Agreed(n, e) ->
            eprintfn "%A %d %A" (draw.Version, draw.Tags, draw.Count, draw.Rounds) n e
        | Lockstep.Differed difference -> failtest (Lockstep.say difference)
        | Lockstep.Refused reason -> failtest reason

let tests =
    testList "streams" [
        law
            100<Hedgehog.tests>
            "pipelined loops end alike"
            (property {
                let! draw = draw
                agrees draw
            })
    ]
