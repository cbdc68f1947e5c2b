/// Which parts a lane consists of, and what happens to what they find.
module Ashlar.Conformance.Plan

open System
open System.Threading
open Ashlar.Reference.Block

/// What a run is asked for.
type Wish = {
    Lane: Lane
    /// What the lane checks: its own system, or a QMP server instead.
    Sut: Sut
    /// A part of a lane, such as memory of smoke/memory.
    PartName: string option
    Seed: uint64
    Budget: Budget
    Profile: Profile
    Workers: int
    Only: int64 option
}

let private share (percent: int) (budget: Budget) =
    match budget with
    | Budget.Steps n -> Budget.Steps(max 1L (n * int64 percent / 100L))
    | Budget.Seconds s -> Budget.Seconds(max 1 (s * percent / 100))

/// The invariants hold after every step in smoke; a lane for volume looks at one step in eight.
let private part (wish: Wish) scratch name (profile: Profile) (sut: Sut) (budget: Budget) =
    let thorough = wish.Lane.Name = Lane.smoke.Name

    {
        Lane = name
        Seed = wish.Seed
        Profile = profile
        Sut = sut
        Budget = budget
        InvariantEvery = if thorough then 1 else 8
        Accept = Acceptance.None
        Workers = wish.Workers
        Only = wish.Only
        Maker = Lane.maker sut profile scratch
    }

/// How long soak stays with one kind of files before it turns to the other.
let private soakTurnSeconds = 30

let private soakTurns (seconds: int) = [
    for turn in 0 .. max 0 ((seconds - 1) / soakTurnSeconds) ->
        turn, min soakTurnSeconds (seconds - turn * soakTurnSeconds)
]

let private smoke (wish: Wish) make =
    if not (Lane.hasEngine wish.Profile) then
        // Named as the part of the whole lane for the profile, so that replay lines find it.
        [ make $"smoke/{wish.Profile.Name}" wish.Profile Sut.EngineInMemory wish.Budget ]
    else
        [
            yield make "smoke/memory" wish.Profile Sut.EngineInMemory (share 80 wish.Budget)
            yield make "smoke/files" wish.Profile Sut.EngineOnFiles (share 12 wish.Budget)
            // Profiles without an engine: the oracle must be total and keep its promises there,
            // too.
            for profile in Profile.all do
                if not (Lane.hasEngine profile) then
                    yield
                        make
                            $"smoke/{profile.Name}"
                            profile
                            Sut.EngineInMemory
                            (share 2 wish.Budget)
        ]

/// Soak turns between memory and files; every turn has its own seed. A turn that is asked for by
/// its number is there however long the run was that it is from.
let private soak (wish: Wish) make =
    let turn (number: int) budget =
        let sut =
            if number % 2 = 1 then
                Sut.EngineOnFiles
            else
                Sut.EngineInMemory

        make $"soak/{number}" wish.Profile sut budget

    match wish.PartName, wish.Budget with
    | Some digits, budget ->
        match Int32.TryParse digits with
        | true, number when number >= 0 -> [ turn number budget ]
        | _ -> []
    | None, Budget.Steps _ -> [ make "soak" wish.Profile Sut.EngineInMemory wish.Budget ]
    | None, Budget.Seconds seconds ->
        soakTurns seconds
        |> List.map (fun (number, length) -> turn number (Budget.Seconds length))

/// The parts of a lane, in order.
let parts (scratch: Scratch option) (wish: Wish) : Part list =
    let make = part wish scratch

    let all =
        match wish.Lane.Name with
        | "smoke" -> smoke wish make
        | "soak" -> soak wish make
        | "canary" ->
            let lane = make "canary" wish.Profile Sut.EngineInMemory wish.Budget

            [
                {
                    lane with
                        Maker = fun _ -> new EngineMaker("blind engine", new BlindWorldMaker())
                }
            ]
        | name -> [ make name wish.Profile wish.Sut wish.Budget ]

    match wish.PartName with
    | None -> all
    | Some part -> all |> List.filter (fun p -> p.Lane = wish.Lane.Name + "/" + part)

/// Whether the lane needs a directory.
let needsFiles (wish: Wish) : bool =
    not (Lane.isInMemory wish.Sut)
    || wish.Lane.Name = Lane.smoke.Name
    || wish.Lane.Name = Lane.soak.Name

/// Runs something on a thread of its own with a large stack, since a files worker changes its
/// thread and options may nest deeply.
let onThread (work: unit -> 'a) : 'a =
    let mutable result: Result<'a, exn> voption = ValueNone

    let body () =
        result <-
            ValueSome(
                try
                    Ok(work ())
                with error ->
                    Error error
            )

    let thread = Thread(body, 64 * 1024 * 1024)
    thread.Start()
    thread.Join()

    match result with
    | ValueSome(Ok value) -> value
    | ValueSome(Error error) -> raise error
    | ValueNone -> invalidOp "the thread ended without a result"

/// Checks that look at every step, for replays and shrinking.
let strict (mode: ComparisonMode) (profile: Profile) : CheckOptions = {
    Profile = profile
    Mode = mode
    InvariantEvery = 1
    Accept = Acceptance.None
}

/// Runs one script and says what disagreed that is not declared; counts go to the coverage.
let checkAccepting
    (accept: Acceptance)
    (coverage: Coverage)
    (maker: SubjectMaker)
    (script: Script)
    =
    let profile = Script.profile script.Header |> Option.defaultValue Profile.ashlar
    let options = { strict maker.Mode profile with Accept = accept }

    match Checking.script options coverage maker script with
    | Verdict.Agreed _ -> None
    | Verdict.Disagreed d -> Some d

/// Runs one script and says what disagreed.
let check (maker: SubjectMaker) (script: Script) : Disagreement option =
    checkAccepting Acceptance.None (Coverage()) maker script

/// The shortest script with a disagreement of the same kind that is not declared, or the script
/// itself when it does not disagree by itself. The same for any number of workers.
let shrinkAccepting (accept: Acceptance) (crew: Crew) (script: Script) =
    let checkOn script maker = checkAccepting accept (Coverage()) maker script

    match crew.One(checkOn script) with
    | None -> script, None
    | Some first ->
        let wanted = Disagreement.signature first

        let isWanted (found: Disagreement option) =
            found |> Option.exists (fun d -> Disagreement.signature d = wanted)

        let fails (maker: SubjectMaker) (candidate: Script) =
            let found = checkOn candidate maker
            // One hang is waited for, the next ones are known.
            if found |> Option.exists Disagreement.isHang then
                crew.IsHasty <- true
                maker.Hasten true

            isWanted found

        let search (start: Script) = Shrinking.shrinkBy (crew.FirstOf fails) start
        let cut = { script with Steps = List.truncate (first.Step + 1) script.Steps }
        crew.IsHasty <- Disagreement.isHang first

        let start =
            if crew.One(fun maker -> fails maker cut) then
                cut
            else
                script

        let quick = search start
        crew.IsHasty <- false

        match crew.One(checkOn quick) with
        | found when isWanted found -> quick, found
        | _ when not (Disagreement.isHang first) -> quick, None
        | _ ->
            // What seemed to hang was slow.
            let small = search script
            small, crew.One(checkOn small)

/// The same without declared differences.
let shrink (crew: Crew) (script: Script) : Script * Disagreement option =
    shrinkAccepting Acceptance.None crew script
