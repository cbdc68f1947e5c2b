/// Random scripts for FsCheck: a draft is a list of decisions for each step, and becomes commands
/// by looking at the oracle's state, so that most of them are about something that is there.
module Ashlar.Conformance.Tests.Commands.Drafts

open FsCheck
open FsCheck.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators

let private mebibyte = 1_048_576L

let private file name format mode : WorldFile = {
    Name = name
    Format = format
    SizeBytes = mebibyte
    Mode = mode
    Owned = true
    Locks = []
}

let private qcow2 backing =
    Format.Qcow2 {
        World.plainHeader with
            BackingFile = Option.map fst backing
            BackingFormat = Option.map snd backing
    }

/// The world of every draft: few files, so that nodes meet on them.
let world: Script = {
    Script.empty with
        Files = [
            file "disk" Format.Raw 0o644
            file "other" Format.Raw 0o644
            file "readable" Format.Raw 0o444
            file "hidden" Format.Raw 0o000
            file "image" (qcow2 None) 0o644
            file "overlay" (qcow2 (Some("image", "qcow2"))) 0o644
            file "frozen" (qcow2 (Some("disk", "raw"))) 0o444
        ]
        Exports = [
            {
                Server = Script.defaultServer
                Name = "rw"
                SizeBytes = mebibyte
                ReadOnly = false
            }
            {
                Server = Script.defaultServer
                Name = "ro"
                SizeBytes = mebibyte
                ReadOnly = true
            }
        ]
        ThrottleGroups = [ "group" ]
}

let private str (s: string) = Value.Str s

let private poolNames = [ "n0"; "n1"; "n2"; "n3"; "n4"; "n5"; "n6"; "n7" ]

let private nodeNames (state: State) = Graph.nodes state |> Seq.map _.Name |> List.ofSeq

/// A node that is there, mostly.
let private someNode (c: Choices) (state: State) =
    match nodeNames state with
    | [] -> c.Pick poolNames
    | names ->
        if c.Percent 4 then
            c.Pick poolNames
        else
            c.Pick(List.rev names)

/// A name that is free, mostly.
let private freshNode (c: Choices) (state: State) =
    if c.Percent 6 then
        c.Pick [ "n0"; "b0"; "1st"; ""; "a-name-that-is-longer-than-thirty-one" ]
    else
        match poolNames |> List.except (nodeNames state) with
        | [] -> c.Pick poolNames
        | free -> free.Head

let private backends (state: State) =
    state.Backends.Values |> Seq.map _.Name |> Seq.filter ((<>) "") |> List.ofSeq

let private someBackend (c: Choices) (state: State) =
    match backends state with
    | [] -> "b0"
    | names -> if c.Percent 4 then "b9" else c.Pick names

/// A flag: absent, on or off.
let private flag (c: Choices) name onPercent =
    if c.Percent onPercent then [ name, Value.Bool true ]
    elif c.Percent 10 then [ name, Value.Bool false ]
    else []

let private common (c: Choices) =
    let readOnly = flag c "read-only" 30
    let auto = flag c "auto-read-only" 40

    let rare =
        if c.Percent 15 then
            c.Pick [
                [ "force-share", Value.Bool true ]
                [ "discard", str "unmap" ]
                [ "cache", Value.Dict [ "no-flush", Value.Bool true ] ]
                [ "detect-zeroes", str "unmap" ]
                [ "no-such-option", Value.Null ]
            ]
        else
            []

    readOnly @ auto @ rare

let private perms (c: Choices) : Perm = enum<Perm>(c.Below 16)

let private mask (c: Choices) name =
    if c.Percent 50 then
        [ name, Value.List(Perm.toQapi (perms c) |> List.map str) ]
    else
        []

let private fileNode (c: Choices) =
    let name =
        c.Pick [ "disk"; "other"; "readable"; "hidden"; "image"; "overlay"; "frozen"; "gone" ]

    let locking = if c.Percent 25 then [ "locking", str "off" ] else []
    [ "driver", str "file"; "filename", str name ] @ locking

let private nbdNode (c: Choices) = [
    "driver", str "nbd"
    "server", Value.Dict [ "type", str "unix"; "path", str Script.defaultServer ]
    "export", str (c.Pick [ "rw"; "ro"; "gone" ])
]

/// Deep enough for a filter over a format over a file.
let private depthMax = 2

let rec private options (c: Choices) (state: State) depth : (string * Value) list =
    let own =
        if depth = 0 then
            [ "node-name", str (freshNode c state) ]
        else
            []

    let child () = reference c state depth

    let driver =
        match c.Below 20 with
        | 0
        | 1
        | 2 -> [ "driver", str "null-co"; "size", Value.Int mebibyte ]
        | 3
        | 4
        | 5
        | 6
        | 7 -> fileNode c
        | 8 -> nbdNode c
        | 9
        | 10
        | 11 -> [ "driver", str "raw"; "file", child () ] @ window c
        | 12
        | 13
        | 14 -> [ "driver", str "qcow2"; "file", imageChild c state depth ] @ backing c state depth
        | 15
        | 16 -> [ "driver", str "throttle"; "throttle-group", str "group"; "file", child () ]
        | 17 -> [ "driver", str "copy-on-read"; "file", child () ]
        | 18 ->
            [ "driver", str "blkdebug"; "image", child () ]
            @ mask c "take-child-perms"
            @ mask c "unshare-child-perms"
        | _ -> [
            "driver", str "quorum"
            "children", Value.List [ child (); child () ]
            "vote-threshold", Value.Int(int64 (c.Below 3))
          ]

    driver @ own @ common c

and private window (c: Choices) =
    if c.Percent 25 then
        [ "offset", Value.Int(int64 (c.Below 4) * 65_536L) ]
    elif c.Percent 10 then
        [ "size", Value.Int(int64 (c.Below 4) * 262_144L) ]
    else
        []

/// A child: a node that is there, or one opened for it.
and private reference (c: Choices) (state: State) depth : Value =
    if depth >= depthMax || not (state.Nodes.IsEmpty || c.Percent 35) then
        str (someNode c state)
    else
        Value.Dict(options c state (depth + 1))

/// qcow2 needs an image below: mostly a file node of one.
and private imageChild (c: Choices) (state: State) depth : Value =
    if c.Percent 30 then
        reference c state depth
    else
        let name = c.Pick [ "image"; "overlay"; "frozen" ]
        Value.Dict([ "driver", str "file"; "filename", str name ] @ common c)

and private backing (c: Choices) (state: State) depth =
    match c.Below 4 with
    | 0
    | 1 -> []
    | 2 -> [ "backing", Value.Null ]
    | _ -> [ "backing", reference c state depth ]

let private replace name value (members: (string * Value) list) =
    (members |> List.filter (fst >> (<>) name)) @ [ name, value ]

let private remove name (members: (string * Value) list) = members |> List.filter (fst >> (<>) name)

/// One change to the options of a node that is there; none of them is often no change at all.
let private change (c: Choices) (state: State) (members: (string * Value) list) =
    match c.Below 12 with
    | 0
    | 1 -> members
    | 2
    | 3 -> members |> replace "read-only" (Value.Bool true)
    | 4
    | 5 -> members |> remove "read-only"
    | 6
    | 7 -> members |> replace "auto-read-only" (Value.Bool(c.Percent 50))
    | 8 -> members |> replace "file" (str (someNode c state))
    | 9 -> members |> replace "backing" (str (someNode c state))
    | 10 -> members |> replace "backing" Value.Null
    | _ -> members |> replace "offset" (Value.Int(int64 (c.Below 4) * 65_536L))

let private reopened (c: Choices) (state: State) : Value =
    let name = someNode c state

    match Graph.byName state name with
    | Some node -> Value.Dict(Given.explicitly state node |> change c state |> change c state)
    | None -> Value.Dict [ "driver", str "null-co"; "node-name", str name ]

let private request (c: Choices) =
    let offset = int64 (c.Below 20) * 65_536L
    let length = int64 (c.Below 6) * 30_000L

    match c.Below 5 with
    | 0
    | 1 -> Request.Read(offset, length)
    | 2
    | 3 -> Request.Write(offset, length, byte (1 + c.Below 255))
    | 4 -> Request.WriteZeroes(offset, length)
    | _ -> Request.Flush

let private move (c: Choices) =
    let path = c.Pick [ "disk"; "other"; "readable"; "hidden"; "image"; "overlay" ]
    let lockByte = c.Pick [ 100; 101; 102; 103; 200; 201; 202; 203 ]

    match c.Below 6 with
    | 0
    | 1 -> Move.Chmod(path, c.Pick [ 0o644; 0o444; 0o200; 0o000 ])
    | 2 -> Move.Rename(path, c.Pick [ "disk"; "other"; "gone" ])
    | 3 -> Move.Unlink path
    | 4 -> Move.TakeLock(path, lockByte)
    | _ -> Move.DropLock(path, lockByte)

let private export (c: Choices) (state: State) =
    let runs = {
        IoThread = c.Pick [ None; None; Some "io0"; Some "io1" ]
        Fixed = c.Percent 30
    }

    BlockExportAdd(c.Pick [ "e0"; "e1" ], someNode c state, None, c.Percent 50, runs)

/// The command that the decisions mean in that state.
let command (state: State) (numbers: int list) : Command =
    let c = Choices numbers

    c.Weighted [
        30, (fun () -> BlockdevAdd(Value.Dict(options c state 0)))
        14,
        (fun () ->
            BackendAttach(c.Pick [ "b0"; "b1"; "b2"; "n0" ], someNode c state, perms c, perms c))
        10, (fun () -> BackendSet(someBackend c state, perms c, perms c))
        4, (fun () -> BackendDetach(someBackend c state))
        8, (fun () -> BlockdevDel(someNode c state))
        16, (fun () -> BlockdevReopen(List.init (1 + c.Below 3) (fun _ -> reopened c state)))
        3, (fun () -> BlockdevSnapshot(someNode c state, someNode c state))
        3, (fun () -> BlockResize(someNode c state, int64 (c.Below 5) * 524_288L))
        2, (fun () -> NbdServerStart)
        5, (fun () -> export c state)
        2, (fun () -> BlockExportDel(c.Pick [ "e0"; "e1" ]))
        1, (fun () -> NbdServerStop)
        1, (fun () -> NbdServerAdd(someNode c state, c.Pick [ "e0"; "x0" ], c.Percent 50))
        1, (fun () -> NbdServerRemove(c.Pick [ "e0"; "x0" ], c.Percent 50))
        1, (fun () -> ObjectAdd(ObjectKind.ThrottleGroup, c.Pick [ "group"; "other"; "9!" ]))
        1, (fun () -> ObjectAdd(ObjectKind.IoThread, c.Pick [ "io0"; "io1" ]))
        1, (fun () -> ObjectDel(c.Pick [ "group"; "other"; "9!"; "io0"; "io1" ]))
        10, (fun () -> Request(someBackend c state, request c))
        8, (fun () -> Move(move c))
    ]
    <| ()

/// A step that was taken: the command in its state, and how it ended.
type Taken = { Command: Command; WorldBefore: World; StateBefore: State; Outcome: Outcome }

/// What one profile makes of decisions, step by step; of several outcomes the first is followed.
/// `told` hears of every command before it is taken, so that one that breaks the oracle is known.
let private runTelling (told: Command -> unit) (profile: Profile) (steps: int list list) =
    ((Script.world world, Graph.empty, []), steps)
    ||> List.fold (fun (world, state, taken) numbers ->
        let command = command state numbers
        told command

        match Oracle.step profile world state command with
        | outcome :: _ ->
            let step = {
                Command = command
                WorldBefore = world
                StateBefore = state
                Outcome = outcome
            }

            outcome.World, outcome.State, step :: taken
        | [] -> failwith $"the oracle allows no outcome of {ScriptPrinter.command command}")
    |> fun (_, _, taken) -> List.rev taken

/// A random script. It prints as the script it stands for, which every program of the bench takes.
[<StructuredFormatDisplay("{Text}")>]
type Draft = {
    Profile: Profile
    Steps: int list list
} with

    /// The steps as they are taken.
    member this.Run() : Taken list = runTelling ignore this.Profile this.Steps

    /// The commands alone, up to one that breaks the oracle.
    member this.Commands: Command list =
        let told = ResizeArray()

        try
            runTelling told.Add this.Profile this.Steps |> ignore
        with _ ->
            ()

        List.ofSeq told

    /// The draft as a script.
    member this.Script: Script = {
        world with
            Header = { Script.header with Profile = this.Profile.Name }
            Steps = this.Commands |> List.map Script.step
    }

    member this.Text: string = "\n" + ScriptPrinter.print this.Script
    override this.ToString() = this.Text

/// Decisions a command needs at most, nested options included.
let private numbersPerStep = 32

let private stepGen = Gen.listOfLength numbersPerStep (Gen.choose (0, 9_999))

let private halves (items: 'a list) =
    let n = items.Length / 2

    seq {
        if n > 0 then
            List.skip n items
            List.take n items
    }

let private without index items = List.removeAt index items

let private simpler (numbers: int list) =
    seq {
        let lastUsed = numbers |> List.tryFindIndexBack ((<>) 0)

        match lastUsed with
        | Some last ->
            List.take (last / 2) numbers

            for index in 0..last do
                if numbers[index] <> 0 then
                    List.updateAt index 0 numbers
                    List.updateAt index (numbers[index] / 2) numbers
        | None -> ()
    }

/// Fewer steps first, then plainer ones.
let private shrink (draft: Draft) : Draft seq =
    seq {
        for steps in halves draft.Steps do
            { draft with Steps = steps }

        for index in List.rev [ 0 .. draft.Steps.Length - 1 ] do
            { draft with Steps = without index draft.Steps }

        for index in 0 .. draft.Steps.Length - 1 do
            for step in simpler draft.Steps[index] do
                { draft with Steps = List.updateAt index step draft.Steps }
    }

/// Plans in a profile, of up to as many steps as FsCheck's size says.
let drafts (profile: Profile) : Arbitrary<Draft> =
    let draft =
        Gen.sized (fun size ->
            gen {
                let! length = Gen.choose (1, max 1 size)
                let! steps = Gen.listOfLength length stepGen
                return { Profile = profile; Steps = steps }
            })

    Arb.fromGenShrink (draft, shrink)
