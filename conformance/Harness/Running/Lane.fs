/// Lanes: ways of checking, each with its surroundings, its systems and its budget.
namespace Ashlar.Conformance

open System.IO
open Ashlar.Reference.Block

/// How long a lane runs.
[<RequireQualifiedAccess>]
type Budget =
    /// At least so many transitions; the same scripts on every machine.
    | Steps of int64
    | Seconds of int

/// What a lane is to its user.
type Lane = {
    Name: string
    /// One sentence.
    Meaning: string
    Budget: Budget
    /// The seed when none is given; `None` draws one.
    Seed: uint64 option
    RealFiles: bool
    /// Whether the run must end with a disagreement.
    MustFail: bool
}

/// The lanes and what they run on.
module Lane =
    /// Random scripts in memory.
    let memory = {
        Name = "memory"
        Meaning = "Random scripts over files in process memory, for volume."
        Budget = Budget.Seconds 20
        Seed = None
        RealFiles = false
        MustFail = false
    }

    /// Random scripts on real files.
    let files = {
        memory with
            Name = "files"
            Meaning =
                "Random scripts over real raw and qcow2 files: modes, descriptors and locks are \
                 the kernel's."
            RealFiles = true
    }

    /// Fixed seeds, both kinds of files.
    let smoke = {
        memory with
            Name = "smoke"
            Meaning =
                "Fixed seeds through memory and files, every invariant after every step; under a \
                 minute."
            Budget = Budget.Steps 400_000L
            Seed = Some 1UL
    }

    /// Every graph and script of a small world.
    let exhaustive = {
        memory with
            Name = "exhaustive"
            Meaning =
                "All graphs of up to 3 nodes with all scripts of up to 3 commands from a stated \
                 alphabet, under both policies of auto-read-only."
            Budget = Budget.Steps System.Int64.MaxValue
            Seed = Some 0UL
    }

    /// As long as somebody likes.
    let soak = {
        memory with
            Name = "soak"
            Meaning = "Memory and files in turn until the time is over."
            Budget = Budget.Seconds 600
    }

    /// The lane that must fail: a bench that finds nothing here finds nothing anywhere.
    let canary = {
        memory with
            Name = "canary"
            Meaning =
                "The memory lane with an engine view that loses one lock byte; it must find a \
                 disagreement."
            Budget = Budget.Steps 100_000L
            Seed = Some 1UL
            MustFail = true
    }

    /// Every lane, in the order of `list`.
    let all = [ smoke; exhaustive; memory; files; soak; canary ]

    /// The lane of that name.
    let ofName (name: string) : Lane option = all |> List.tryFind (fun l -> l.Name = name)

    /// Whether an engine implements the profile.
    let hasEngine (profile: Profile) : bool =
        profile.Name = Profile.ashlar.Name || profile.Name = Profile.ashlarStatic.Name

    let private isLegacy (profile: Profile) = profile.Texts = Texts.Qemu31

    /// What generators of a lane may do.
    let surroundings (realFiles: bool) (profile: Profile) : Surroundings = {
        RealFiles = realFiles
        ForeignOwners = not realFiles || Libc.userId () = 0
        Legacy = isLegacy profile
        StaticPercent =
            if profile.Name = Profile.ashlarStatic.Name then 100
            elif profile.Name = Profile.ashlar.Name then 20
            else 0
    }

    /// The system a worker checks. Called on the worker's own thread.
    let maker (realFiles: bool) (profile: Profile) (scratch: Scratch option) (worker: string) =
        if not (hasEngine profile) then
            new OracleMaker(profile) :> SubjectMaker
        else
            match realFiles, scratch with
            | true, Some scratch ->
                let directory = scratch.Sub worker
                new EngineMaker("engine, files", new FilesWorldMaker(directory))
            | true, None -> raise (IOException "the files lane needs a scratch directory")
            | false, _ -> new EngineMaker("engine, memory", new MemoryWorldMaker())
