/// A script: a world and the commands that act in it, as one value (docs/scripts.md).
/// Its text form is in ScriptParser and ScriptPrinter; nothing here runs anything.
namespace Ashlar.Conformance

open Ashlar.Reference.Block

/// What a script says must come of a step.
[<RequireQualifiedAccess>]
type Expectation =
    | Ok
    /// A read that returns exactly these runs and zeroes elsewhere.
    | Data of Content
    /// A refusal; with a text, exactly that one.
    | Error of text: string option

/// One line that acts.
[<RequireQualifiedAccess>]
type Act =
    | Do of Command
    /// A QMP line that is no command: refused before any block layer sees it (BLK-OPEN-001).
    | Refused of execute: string * arguments: Value * refusal: Refusal

/// A line that acts and what is expected of it.
type ScriptStep = {
    Act: Act
    Expect: Expectation option
    /// Beginnings of lines that the observation after the step must have.
    Observe: string list
}

/// Which policy of auto-read-only the block layer runs under (BLK-RO-010, BLK-RO-015).
[<RequireQualifiedAccess>]
type Policy =
    | Dynamic
    | Static

/// What a script says about itself.
type Header = {
    /// One sentence: what the script shows.
    Shows: string option
    Profile: string
    Policy: Policy
    /// The seed that made it.
    Seed: uint64 option
    /// Requirement ids it shows.
    Requires: string list
}

/// A file of the world before the first step.
type WorldFile = {
    Name: string
    Format: Format
    SizeBytes: int64
    Mode: int
    Owned: bool
    /// Lock bytes another process holds, each in QEMU's layout (BLK-FILE-010).
    Locks: int list
}

/// An export of an NBD server that is already there.
type WorldExport = { Server: string; Name: string; SizeBytes: int64; ReadOnly: bool }

/// A whole script.
type Script = {
    Header: Header
    Files: WorldFile list
    Exports: WorldExport list
    ThrottleGroups: string list
    Steps: ScriptStep list
}

/// The words by which a script names what an image uses.
module Features =
    /// Every feature with its word.
    let words: (string * ImageFeature) list = [
        "corrupt", ImageFeature.Corrupt
        "dirty", ImageFeature.Dirty
        "snapshots", ImageFeature.Snapshots
        "bitmaps", ImageFeature.Bitmaps
        "encryption", ImageFeature.Encryption
        "external-data", ImageFeature.ExternalData
        "extended-l2", ImageFeature.ExtendedL2
        "unknown", ImageFeature.Unknown
        "compressed", ImageFeature.Compressed
    ]

    /// The feature's word.
    let word (feature: ImageFeature) : string =
        words |> List.find (fun (_, f) -> f = feature) |> fst

/// Makers and questions.
module Script =
    /// The server path of an export that names none.
    let defaultServer = "nbd.sock"

    /// What the name of a server at a TCP port begins with: `tcp:HOST:PORT`.
    let private tcp = "tcp:"

    /// Whether a world's server is at a TCP port.
    let isTcp (server: string) : bool = server.StartsWith(tcp, System.StringComparison.Ordinal)

    /// The address of a server that a world names.
    let serverAddress (name: string) : ServerAddress =
        if isTcp name then
            let at = name.LastIndexOf ':'
            let host = name[tcp.Length .. at - 1]
            ServerAddress.Inet(host, name[at + 1 ..])
        else
            ServerAddress.Unix name

    /// log2 of a qcow2 cluster when the world does not say otherwise: 64 KiB, as QEMU.
    let defaultClusterBits = 16

    /// A header that says nothing.
    let header: Header = {
        Shows = None
        Profile = Profile.ashlar.Name
        Policy = Policy.Dynamic
        Seed = None
        Requires = []
    }

    /// A script without files and steps.
    let empty: Script = {
        Header = header
        Files = []
        Exports = []
        ThrottleGroups = []
        Steps = []
    }

    /// A step without an expectation.
    let step (command: Command) : ScriptStep = { Act = Act.Do command; Expect = None; Observe = [] }

    /// The commands a block layer gets to see, in order.
    let commands (script: Script) : Command list =
        script.Steps
        |> List.choose (fun s ->
            match s.Act with
            | Act.Do command -> Some command
            | Act.Refused _ -> None)

    /// The oracle's profile of a script: the policy switch selects the static twin of `ashlar`.
    let profile (header: Header) : Profile option =
        match Profile.ofName header.Profile, header.Policy with
        | Some p, Policy.Static when p.Name = Profile.ashlar.Name -> Some Profile.ashlarStatic
        | found, _ -> found

    /// What a `garbage` file begins with: bytes that are no format's.
    let garbage (sizeBytes: int64) : byte[] =
        let text = "no image of any format"B
        Array.truncate (int (min sizeBytes (int64 text.Length))) text

    /// To the oracle garbage is raw data that it knows; its own Garbage are bytes it lost sight of.
    let private garbageContent: Content =
        let write content (at, value) = Content.write (int64 at) 1L value content
        garbage System.Int64.MaxValue |> Array.indexed |> Array.fold write []

    let private plain (file: WorldFile) : Inode =
        match file.Format with
        | Format.Garbage -> {
            World.plainFile Format.Raw file.SizeBytes with
                Content = Content.within 0L file.SizeBytes garbageContent
          }
        | format -> World.plainFile format file.SizeBytes

    let private inode (file: WorldFile) : Inode = {
        plain file with
            Mode = file.Mode
            Owned = file.Owned
            ForeignLocks = List.fold (fun bits b -> bits ||| World.lockBit b) 0 file.Locks
    }

    /// The world a script starts in, as the oracle sees it.
    let world (script: Script) : World =
        let files =
            (World.empty, script.Files)
            ||> List.fold (fun world file -> World.addFile file.Name (inode file) world)

        let remote (e: WorldExport) =
            struct (serverAddress e.Server, e.Name),
            {
                RemoteExport.SizeBytes = e.SizeBytes
                RemoteExport.ReadOnly = e.ReadOnly
                RemoteExport.Content = []
            }

        {
            files with
                Remotes = script.Exports |> List.map remote |> Map.ofList
                Objects =
                    script.ThrottleGroups
                    |> List.map (fun id -> id, ObjectKind.ThrottleGroup)
                    |> Map.ofList
        }
