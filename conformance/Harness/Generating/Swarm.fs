/// What one script likes: weights and percentages drawn anew for each script, so that one has only
/// reopens and another only data, and rare combinations become common somewhere (swarm testing).
namespace Ashlar.Conformance

/// What a lane lets its generator do.
type Surroundings = {
    /// Real files: directories exist there.
    RealFiles: bool
    /// Another user's files: only root can make them.
    ForeignOwners: bool
    /// Only what QMP can say: no backends of the bench's own.
    OverQmp: bool
    /// NBD servers that are there already, for nbd nodes.
    LiveServers: bool
    /// Commands of the profiles qemu-3.1 and qemu-seed instead of today's.
    Legacy: bool
    /// The share of scripts, in percent, that run under the static policy.
    StaticPercent: int
}

/// The likings of one script.
type Swarm = {
    /// How many commands the script has.
    Steps: int
    /// By `CommandKind.indexOf`.
    Commands: int[]
    /// By `Swarm.drivers`.
    Drivers: int[]
    /// Node names; few, so that they collide.
    Names: string[]
    /// Children given inline instead of by reference.
    InlinePercent: int
    AutoReadOnlyPercent: int
    ReadOnlyPercent: int
    ForceSharePercent: int
    LockingOffPercent: int
    /// A node listed once more in a reopen.
    TwicePercent: int
    /// Options spoilt on purpose.
    InvalidPercent: int
    /// Nesting of inline children.
    DepthMax: int
    /// How often a step begins a story of several steps.
    StoryPercent: int
    /// A script about bytes: stories of data, backends that share everything.
    IsDataHeavy: bool
    /// Backends that may write and share everything.
    WidePercent: int
}

/// Drawing.
module Swarm =
    /// The drivers in the order of `Swarm.Drivers`.
    let drivers = [|
        "file"
        "null-co"
        "raw"
        "qcow2"
        "throttle"
        "copy-on-read"
        "blkdebug"
        "nbd"
        "quorum"
    |]

    let private driverWeights = [| 22; 8; 20; 18; 9; 8; 6; 8; 5 |]

    /// The order of CommandKind.names.
    let private commandWeights =
        Array.append [| 30; 9; 16; 9; 6; 2; 6; 3; 12; 8; 6; 10; 9; 4; 2; 7; 1; 1; 0 |] [| 1; 2; 3 |]

    /// Of scripts about data.
    let private dataWeights =
        Array.append [| 12; 5; 4; 5; 9; 1; 1; 1; 12; 3; 6; 22; 18; 10; 1; 1; 0; 0; 0 |] [|
            0
            0
            0
        |]

    let private legacyWeights =
        Array.append [| 30; 8; 0; 0; 3; 0; 0; 0; 4; 3; 2; 0; 0; 0; 0; 4; 10; 6; 20 |] [| 0; 0; 0 |]

    /// Most likings keep their weight, some vanish, some grow.
    let private factors = [| 0; 1; 1; 1; 1; 2; 4 |]

    let private allNames = [| "n0"; "n1"; "n2"; "n3"; "n4"; "n5"; "n6"; "n7"; "n8"; "n9" |]

    let private draw (dice: Dice) (weights: int[]) =
        weights |> Array.map (fun w -> w * dice.Pick factors)

    /// The likings of the script whose stream this is.
    let make (dice: Dice) (surroundings: Surroundings) : Swarm =
        let steps = dice.Between(12, 60)
        let isDataHeavy = not surroundings.Legacy && not surroundings.OverQmp && dice.Percent 25

        let weights =
            if surroundings.Legacy then legacyWeights
            elif isDataHeavy then dataWeights
            else commandWeights

        let commands = draw dice weights

        // Without nodes nothing happens, so adding keeps at least its own weight.
        commands[0] <- max commands[0] weights[0]
        let drivers = draw dice driverWeights
        drivers[0] <- max drivers[0] 6
        drivers[1] <- max drivers[1] 3

        // QMP has no word for a backend of the bench's own.
        if surroundings.OverQmp then
            Array.fill commands 8 7 0

        if not surroundings.LiveServers then
            drivers[7] <- 0

        {
            Steps = steps
            Commands = commands
            Drivers = drivers
            Names =
                if isDataHeavy then
                    allNames
                else
                    Array.sub allNames 0 (dice.Between(4, 10))
            InlinePercent = dice.Pick [| 10; 40; 60; 90 |]
            AutoReadOnlyPercent = dice.Pick [| 0; 15; 40; 80 |]
            ReadOnlyPercent = if isDataHeavy then 2 else dice.Pick [| 5; 20; 40; 60 |]
            ForceSharePercent = if isDataHeavy then 0 else dice.Pick [| 0; 0; 4; 20 |]
            LockingOffPercent = dice.Pick [| 0; 5; 5; 50 |]
            TwicePercent = if surroundings.OverQmp then 25 else 5
            InvalidPercent = if isDataHeavy then 0 else dice.Pick [| 0; 2; 4; 12 |]
            DepthMax = dice.Between(1, 4)
            StoryPercent =
                (let percent = if isDataHeavy then 8 else dice.Pick [| 0; 3; 8 |]
                 if surroundings.OverQmp then 0 else percent)
            IsDataHeavy = isDataHeavy
            WidePercent = if isDataHeavy then 85 else 10
        }
