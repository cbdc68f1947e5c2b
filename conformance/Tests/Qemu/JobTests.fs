/// Jobs at rest on a real storage daemon: chains of images, with and without an export on top, and
/// after the start of a job the graph the oracle says (BLK-JOB).
module Ashlar.Conformance.Tests.Qemu.JobTests

open System.IO
open System.Text.Json
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Reference.Block

let private needs () =
    Needs.program ServerKind.qemuProgram "qemu-system-common"
    Needs.program "setpriv" "util-linux"

/// Who looks at the active layer.
type private User =
    | Nobody
    | Reader
    | Writer

/// A chain of so many images, `c0` at the bottom, and a job on it.
type private Case = { Length: int; User: User; IsShort: bool; Start: string; Job: Job }

let private mebibyte = 1_048_576L
let private str (s: string) = Value.Str s

let private file name format size : WorldFile = {
    Name = name
    Format = format
    SizeBytes = size
    Mode = 0o644
    Owned = true
    Locks = []
}

let private world (case: Case) : Script = {
    Script.empty with
        Files =
            file "t" Format.Raw mebibyte
            :: [
                for i in 0 .. case.Length - 1 ->
                    let size = if case.IsShort && i = 0 then mebibyte / 2L else mebibyte
                    file $"c{i}" (Format.Qcow2 World.plainHeader) size
            ]
}

let private commands (case: Case) : Command list = [
    let leaf name =
        BlockdevAdd(
            Value.Dict [ "driver", str "file"; "node-name", str name; "filename", str name ]
        )

    leaf "t"

    for i in 0 .. case.Length - 1 do
        let isActive = i = case.Length - 1
        let file = [ "driver", str "file"; "node-name", str $"f{i}"; "filename", str $"c{i}" ]

        BlockdevAdd(
            Value.Dict [
                "driver", str "qcow2"
                "node-name", str $"n{i}"
                "file", Value.Dict file
                "backing", (if i = 0 then Value.Null else str $"n{i - 1}")
                "read-only", Value.Bool(not isActive)
            ]
        )

    if case.User <> Nobody then
        NbdServerStart
        BlockExportAdd("e", $"n{case.Length - 1}", None, (case.User = Writer), ThreadWish.none)
]

let private arguments (case: Case) (members: (string * Value) list) : string * Value =
    let common = [
        "job-id", str "j"
        "device", str $"n{case.Length - 1}"
        "speed", Value.Int 1L
        "filter-node-name", str "filter"
        // without data to copy a job would be over at once
        "auto-finalize", Value.Bool false
    ]

    case.Start, Value.Dict(common @ members)

/// The job in QMP's words, over a state whose nodes have these names.
let private start (case: Case) (state: State) (job: Job) =
    let name id = str state.Nodes[id].Name

    arguments
        case
        (match job with
         | Job.Commit(_, top, bottom) -> [ "top-node", name top; "base-node", name bottom ]
         | Job.ActiveCommit(_, bottom) -> [ "base-node", name bottom ]
         | Job.Mirror(_, target)
         | Job.Backup(_, target) -> [ "target", name target; "sync", str "full" ]
         | Job.Stream(_, ValueSome bottom) -> [ "base-node", name bottom ]
         | Job.Stream(_, ValueNone) -> [])

let private cases = [
    for length in 2..4 do
        for user in [ Nobody; Reader; Writer ] do
            for isShort in [ false; true ] do
                let active = length - 1

                let case start job = {
                    Length = length
                    User = user
                    IsShort = isShort
                    Start = start
                    Job = job
                }

                for bottom in 0 .. active - 1 do
                    // BLK-JOB-003
                    case "block-commit" (Job.ActiveCommit(active, bottom))

                    for top in bottom + 1 .. active - 1 do
                        // BLK-JOB-002
                        case "block-commit" (Job.Commit(active, top, bottom))

                for bottom in 0 .. active - 2 do
                    case "block-stream" (Job.Stream(active, ValueSome bottom))

                case "block-stream" (Job.Stream(active, ValueNone))
                // BLK-JOB-004
                case "blockdev-mirror" (Job.Mirror(active, -1))
                // BLK-JOB-005
                case "blockdev-backup" (Job.Backup(active, -1))
]

/// Cases count nodes by their place in the chain; the state has numbers of its own.
let private resolve (state: State) (job: Job) : Job =
    let id place = state.Names[$"n{place}"]
    let target = state.Names["t"]

    match job with
    | Job.Commit(active, top, bottom) -> Job.Commit(id active, id top, id bottom)
    | Job.ActiveCommit(active, bottom) -> Job.ActiveCommit(id active, id bottom)
    | Job.Mirror(source, _) -> Job.Mirror(id source, target)
    | Job.Backup(source, _) -> Job.Backup(id source, target)
    | Job.Stream(active, bottom) -> Job.Stream(id active, ValueOption.map id bottom)

let private line parent name child (perm: Perm) (shared: Perm) =
    $"{parent} --{name}--> {child}  {Perm.show perm} / {Perm.show shared}"

let private expected (state: State) (world: World) (job: Job) =
    let context = Context.noting Profile.qemu72 world [||] ValueNone
    let node id = state.Nodes[id].Name

    [
        for edge in Jobs.atRest context state job ->
            let parent =
                match edge.Parent with
                | JobParent.Node id -> node id
                | JobParent.Filter -> "filter"
                | JobParent.Job -> "job j"
                | JobParent.Backend _
                | JobParent.Worker -> "user"

            let child =
                match edge.Child with
                | JobChild.Node id -> node id
                | JobChild.Filter -> "filter"

            line parent edge.Name child edge.Perm edge.Shared
    ]
    |> List.sort

let private perms =
    Map [
        "consistent-read", Perm.CR
        "write", Perm.W
        "write-unchanged", Perm.WU
        "resize", Perm.RZ
    ]

let private actual (reply: JsonElement) =
    let text (name: string) (e: JsonElement) = string (e.GetProperty(name).GetString())

    let parties =
        Map [
            for node in reply.GetProperty("nodes").EnumerateArray() ->
                let shown =
                    match text "type" node, text "name" node with
                    | "block-driver", name -> name
                    | "block-job", name -> "job " + name
                    | _ -> "user"

                node.GetProperty("id").GetInt64(), shown
        ]

    let mask (name: string) (edge: JsonElement) =
        (Perm.None, edge.GetProperty(name).EnumerateArray())
        ||> Seq.fold (fun sum word -> sum ||| perms[string (word.GetString())])

    [
        for edge in reply.GetProperty("edges").EnumerateArray() ->
            let party (name: string) = parties[edge.GetProperty(name).GetInt64()]
            let perm, shared = mask "perm" edge, mask "shared-perm" edge
            line (party "parent") (text "name" edge) (party "child") perm shared
    ]
    |> List.sort

let private step (world: World, state: State) (command: Command) =
    match Oracle.step Profile.qemu72 world state command with
    | { Result = Ok _ } as outcome :: _ -> outcome.World, outcome.State
    | _ -> failtest $"{ScriptPrinter.command command} is refused"

/// The graph after the start of the job, or why it cannot be started.
let private observe (place: string) (user: ServerUser) (case: Case) (start: string * Value) =
    let launch = {
        Directory = place
        User = user
        Command = [ ServerKind.qemuProgram; "--chardev"; "stdio,id=m"; "--monitor"; "m" ]
        Socket = None
        PidFile = None
    }

    let owners: FileOwners =
        match user.Drop with
        | Some id -> { Own = Some id; Foreign = 0 }
        | None -> { Own = None; Foreign = ServerUser.nobody }

    let files = new FilesWorld(place, world case, owners)

    try
        use server = QmpServer.Start(launch, Pace())
        let all = List.map Command.toQmp (commands case) @ [ start ]
        let query = [ "x-debug-query-block-graph", Value.Dict [] ]

        server.Talk(fun client ->
            let replies = client.Execute all

            match List.last replies, client.Execute query with
            | QmpReply.Return _, [ QmpReply.Return graph ] -> Ok(actual graph)
            | QmpReply.Error(_, text), _ -> Error text
            | _ -> Error "the graph is not shown")
    finally
        (files :> System.IDisposable).Dispose()
        File.Delete(place + "/nbd.sock")

let private compare place user (case: Case) =
    let world, state = List.fold step (Script.world (world case), Graph.empty) (commands case)
    let job = resolve state case.Job
    let what = $"{case.Length} images, {case.User}, short base {case.IsShort}: {case.Job}"

    match observe place user case (start case state job) with
    | Ok seen ->
        Expect.equal seen (expected state world job) what
        true
    | Error _ -> false

let tests =
    testSequenced (
        test "QEMU's graphs with a job at rest are the oracle's (BLK-JOB-001 to BLK-JOB-006)" {
            needs ()
            use scratch = Scratch.Open()
            let user = ServerUser.ofBench ()
            let directory = scratch.Sub "jobs"
            let place = directory + "/world"
            Libc.mkdir place

            user.Drop
            |> Option.iter (fun id ->
                Libc.giveByName place id

                for above in [ directory; scratch.Directory; Scratch.Home ] do
                    Libc.chmod above 0o711)

            let started = cases |> List.filter (compare place user)

            for kind in [ "block-commit"; "block-stream"; "blockdev-mirror"; "blockdev-backup" ] do
                let count = started |> List.filter (fun case -> case.Start = kind) |> List.length
                Expect.isGreaterThan count 8 $"jobs of {kind} that could begin"
        }
    )
