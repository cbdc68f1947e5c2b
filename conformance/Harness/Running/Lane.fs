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

/// What a lane checks.
[<RequireQualifiedAccess>]
type Sut =
    /// The engine, over files in process memory.
    | EngineInMemory
    /// The engine, over real files.
    | EngineOnFiles
    /// The model of `proofs/`, compiled.
    | Model
    /// A QMP server.
    | Server of ServerKind

/// What a lane is to its user.
type Lane = {
    Name: string
    /// One sentence.
    Meaning: string
    Budget: Budget
    /// The seed when none is given; `None` draws one.
    Seed: uint64 option
    Sut: Sut
    /// The profile when none is given.
    Profile: Profile
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
        Sut = Sut.EngineInMemory
        Profile = Profile.ashlar
        MustFail = false
    }

    /// Random scripts on real files.
    let files = {
        memory with
            Name = "files"
            Meaning =
                "Random scripts over real raw and qcow2 files: modes, descriptors and locks are \
                 the kernel's."
            Sut = Sut.EngineOnFiles
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

    /// Random scripts on a real QEMU.
    let qemu = {
        memory with
            Name = "qemu"
            Meaning =
                "Random scripts of QMP commands on the machine's own qemu-storage-daemon, a \
                 process for each script; --sut names another QMP server."
            Sut = Sut.Server ServerKind.Qemu
            Profile = Profile.qemu72
    }

    /// Random scripts through what is proved.
    let model = {
        memory with
            Name = "model"
            Meaning =
                "Random scripts through the proved model of proofs/, compiled, beside the oracle: \
                 the same decisions, the same graph."
            Sut = Sut.Model
    }

    /// Losses of power. It has a bench of its own, beside the one for scripts.
    let crash = {
        memory with
            Name = "crash"
            Meaning =
                "Random requests on random qcow2 images; the file after a loss of power at any \
                 moment must open, be sound and hold what was flushed."
    }

    /// Every lane, in the order of `list`.
    let all = [ smoke; exhaustive; memory; files; soak; canary; model; qemu; crash ]

    /// The lane of that name.
    let ofName (name: string) : Lane option = all |> List.tryFind (fun l -> l.Name = name)

    /// Whether an engine implements the profile.
    let hasEngine (profile: Profile) : bool =
        profile.Name = Profile.ashlar.Name || profile.Name = Profile.ashlarStatic.Name

    let private isLegacy (profile: Profile) = profile.Texts = Texts.Qemu31

    /// Whether it is a QMP server.
    let isServer (sut: Sut) : bool =
        match sut with
        | Sut.Server _ -> true
        | Sut.EngineInMemory
        | Sut.EngineOnFiles
        | Sut.Model -> false

    /// Whether its files are its own, in process memory.
    let isInMemory (sut: Sut) : bool =
        match sut with
        | Sut.EngineInMemory
        | Sut.Model -> true
        | Sut.EngineOnFiles
        | Sut.Server _ -> false

    /// The profile of a system when none is given.
    let usualProfile (sut: Sut) : Profile =
        match sut with
        | Sut.EngineInMemory
        | Sut.EngineOnFiles
        | Sut.Model
        | Sut.Server ServerKind.Storaged -> Profile.ashlar
        | Sut.Server _ -> Profile.qemu72

    /// How many workers a system can serve: a server that runs already is one.
    let workersOf (sut: Sut) (wanted: int) : int =
        match sut with
        | Sut.Server(ServerKind.Unix _) -> 1
        | _ -> wanted

    /// The options of `replay` and `shrink` that name the system, with a blank behind them.
    let systemOptions (sut: Sut) : string =
        match sut with
        | Sut.EngineInMemory -> ""
        | Sut.EngineOnFiles -> "--files "
        | Sut.Model -> "--sut model "
        | Sut.Server kind -> $"--sut {Quoting.shell (ServerKind.word kind)} "

    /// What generators of a lane may do.
    let surroundings (sut: Sut) (profile: Profile) : Surroundings = {
        RealFiles = not (isInMemory sut)
        ForeignOwners = isInMemory sut || Libc.userId () = 0
        OverQmp = isServer sut
        LiveServers =
            match sut with
            | Sut.EngineInMemory
            | Sut.EngineOnFiles
            | Sut.Model
            | Sut.Server(ServerKind.Qemu | ServerKind.Storaged) -> true
            | Sut.Server _ -> false
        Legacy = isLegacy profile
        StaticPercent =
            // A server has the one policy it was built with.
            if isServer sut then 0
            elif profile.Name = Profile.ashlarStatic.Name then 100
            elif profile.Name = Profile.ashlar.Name then 20
            else 0
    }

    /// The system a worker checks. Called on the worker's own thread.
    let maker (sut: Sut) (profile: Profile) (scratch: Scratch option) (worker: string) =
        let directory () =
            match scratch with
            | Some scratch -> scratch.Sub worker
            | None -> raise (IOException "real files need a scratch directory")

        match sut with
        | Sut.Server(ServerKind.Unix _ as kind) -> new QmpMaker(kind, profile, "") :> SubjectMaker
        | Sut.Server kind -> new QmpMaker(kind, profile, directory ())
        | _ when not (hasEngine profile) -> new OracleMaker(profile)
        | Sut.Model -> new ModelMaker(profile)
        | Sut.EngineOnFiles -> new EngineMaker("engine, files", new FilesWorldMaker(directory ()))
        | Sut.EngineInMemory -> new EngineMaker("engine, memory", new MemoryWorldMaker())
