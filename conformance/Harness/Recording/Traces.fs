/// Recorded traces of old QEMUs against the oracle's legacy profiles (corpus/traces/README.md).
/// A trace shows outcome, text, ro flags and descriptor modes, so these four are compared.
module Ashlar.Conformance.Traces

open System
open System.IO
open System.Text.RegularExpressions
open Ashlar.Conformance.TraceLines
open Ashlar.Reference.Block

/// Agreed and compared.
type Score = { Agreed: int; Compared: int }

/// A step on which oracle and record differ.
type Mismatch = {
    Line: int
    /// outcome, ro, descriptors or text.
    What: string
    Command: string
    Recorded: string
    Predicted: string
}

/// The comparison of a whole trace. Texts counts refused steps only.
type Report = {
    Outcomes: Score
    Ro: Score
    Descriptors: Score
    Texts: Score
    Mismatches: Mismatch list
}

/// What is compared after a step. An empty text is success.
type private Observed = {
    Text: string
    /// name, driver, ro or rw; sorted
    Nodes: (string * string * string) list
    /// file, modes of its descriptors; sorted
    Descriptors: (string * string list) list
}

/// A qcow2 image of a mebibyte as qemu-img makes it: three clusters and one first-level entry. No
/// step of a trace writes guest data, so it stays that long.
let private emptyImageBytes = 3L * 65536L + 8L

/// `0644 owner`: the process's user owns the file; `0444 other`: another user; `missing`: no file.
let private addFile (world: World) (name: string, file: Value) =
    let file = members file

    let size =
        match field "size" file with
        | Value.Int size when size >= 0L && size <= Limits.fileBytesMax -> size
        | _ -> fault $"the size of a file is a number from 0 to {Limits.fileBytesMax}"

    let isOctal = String.forall (fun c -> c >= '0' && c <= '7')

    match (word (field "mode" file)).Split ' ' with
    | [| mode; owner |] when isOctal mode && mode.Length = 4 ->
        let format =
            match field "format" file with
            | Value.Str "qcow2" -> Format.Qcow2 World.plainHeader
            | Value.Str "raw" -> Format.Raw
            | _ -> fault "the format of a file is raw or qcow2"

        let inode = {
            World.plainFile format size with
                HostBytes = (if format.IsRaw then -1L else emptyImageBytes)
                Mode = Convert.ToInt32(mode, 8)
                Owned = (owner = "owner")
        }

        World.addFile name inode world
    | [| "missing" |] -> world
    | _ -> fault "the mode of a file is not understood"

/// The world of an episode: its files, an NBD server and throttle group tg0.
let private start (episode: Members) =
    let world = { World.empty with Objects = Map [ "tg0", ObjectKind.ThrottleGroup ] }
    let files = members (field "world" episode)
    List.fold addFile world files, { Graph.empty with NbdServer = true }

let private generatedName = Regex(@"#block\d+", RegexOptions.Compiled)

/// Line ends are the monitor's, numbers of generated names are drawn at random.
let private plain (text: string) =
    generatedName.Replace(text.Replace("\r\n", "\n").TrimEnd '\n', "#block")

let private textOf (reply: Members) =
    match refusalOf reply with
    | Some error -> word (field "desc" error)
    | None ->
        match field "return" reply with
        | Value.Str text -> text
        | _ -> ""

let private recorded (step: Members) =
    let node value =
        match items value with
        | [ name; driver; mode ] -> word name, word driver, word mode
        | _ -> fault "a node is a name, a driver and ro or rw"

    let file (name, modes) = name, items modes |> List.map word |> List.sort

    {
        Text = plain (textOf (members (field "reply" step)))
        Nodes = items (field "nodes" step) |> List.map node |> List.sort
        Descriptors = members (field "fd" step) |> List.map file |> List.sort
    }

let private mode writable = if writable then "rw" else "ro"

let private descriptorsOf (world: World) (state: State) =
    let nameOf = world.Paths |> Map.toSeq |> Seq.map (fun (path, id) -> id, path) |> Map.ofSeq

    let held (node: Node) =
        match node.Settings with
        | Settings.File hold -> [
            if hold.ReadOnlyFd then
                hold.Inode, mode false
            if hold.WritableFd then
                hold.Inode, mode true
            match hold.LockFdWritable with
            | ValueSome writable -> hold.Inode, mode writable
            | ValueNone -> ()
          ]
        | _ -> []

    let lost = [ for struct (inode, writable) in state.LostFds -> inode, mode writable ]

    lost @ List.collect held (List.ofSeq state.Nodes.Values)
    |> List.groupBy fst
    |> List.map (fun (inode, modes) -> nameOf[inode], modes |> List.map snd |> List.sort)
    |> List.sort

let private predicted (outcome: Outcome) =
    let nodes = [
        for node in outcome.State.Nodes.Values ->
            (if node.Name.StartsWith '#' then "#anonymous" else node.Name),
            Graph.driverName node.Driver,
            mode node.Writable
    ]

    {
        Text =
            match outcome.Result with
            | Ok _ -> ""
            | Error refusal -> plain refusal.Text
        Nodes = List.sort nodes
        Descriptors = descriptorsOf outcome.World outcome.State
    }

let private emptyReport =
    let none = { Agreed = 0; Compared = 0 }

    {
        Outcomes = none
        Ro = none
        Descriptors = none
        Texts = none
        Mismatches = []
    }

let private count agrees (score: Score) = {
    Agreed = score.Agreed + (if agrees then 1 else 0)
    Compared = score.Compared + 1
}

let private compare line (command: string) (seen: Observed) (said: Observed) (report: Report) =
    let outcome = (seen.Text = "") = (said.Text = "")
    let ro = seen.Nodes = said.Nodes
    let descriptors = seen.Descriptors = said.Descriptors
    let text = seen.Text = said.Text

    let differing = [
        if not outcome then
            "outcome", seen.Text, said.Text
        if not ro then
            "ro", $"%A{seen.Nodes}", $"%A{said.Nodes}"
        if not descriptors then
            "descriptors", $"%A{seen.Descriptors}", $"%A{said.Descriptors}"
        if seen.Text <> "" && not text then
            "text", seen.Text, said.Text
    ]

    let mismatches =
        differing
        |> List.map (fun (what, recorded, predicted) -> {
            Line = line
            What = what
            Command = command
            Recorded = recorded
            Predicted = predicted
        })

    {
        Outcomes = count outcome report.Outcomes
        Ro = count ro report.Ro
        Descriptors = count descriptors report.Descriptors
        Texts =
            if seen.Text = "" then
                report.Texts
            else
                count text report.Texts
        Mismatches = List.rev mismatches @ report.Mismatches
    }

/// A command that QMP itself would refuse stays where it is and reports that.
let private stepOf profile world state (command: Members) =
    let arguments = Value.find "arguments" command |> ValueOption.defaultValue (Value.Dict [])
    members arguments |> ignore

    match Command.ofQmp (word (field "execute" command)) arguments with
    | Error refusal -> { Result = Error refusal; State = state; World = world }
    | Ok command -> List.head (Oracle.step profile world state command)

let private take profile (world, state, report) number (entry: Members) =
    match Value.find "command" entry with
    | ValueSome command ->
        let outcome = stepOf profile world state (members command)
        let text = Json.render command
        let report = compare number text (recorded entry) (predicted outcome) report
        outcome.World, outcome.State, report
    | ValueNone ->
        let world, state = start entry
        world, state, report

/// Replays a trace, line by line, or says at which LINE:COLUMN it is no trace.
let replay (profile: Profile) (lines: string seq) : Result<Report, string> =
    let last (_, _, report) =
        // Nothing compared is nothing agreed.
        if report.Outcomes.Compared = 0 then
            fault "the trace has no step"

        { report with Mismatches = List.rev report.Mismatches }

    TraceLines.fold (take profile) last (World.empty, Graph.empty, emptyReport) lines

/// Replays a trace from a file.
let replayFile (profile: Profile) (path: string) : Result<Report, string> =
    replay profile (Inputs.lines path Limits.lineCharacters)

/// Whether all but the texts agree.
let agrees (report: Report) : bool =
    [ report.Outcomes; report.Ro; report.Descriptors ]
    |> List.forall (fun score -> score.Agreed = score.Compared)

/// The last line of a replay.
let summary (report: Report) : string =
    let part name (score: Score) = $"{name} {score.Agreed}/{score.Compared}"

    String.Join(
        ", ",
        [
            part "outcomes" report.Outcomes
            part "ro" report.Ro
            part "descriptors" report.Descriptors
            part "texts" report.Texts
        ]
    )
