/// Recordings of servers: what each step of random scripts came to, kept as JSON lines, so that a
/// profile is checked later without the server (corpus/traces/README.md). Not here: the older form
/// without edges, which is in Traces.
module Ashlar.Conformance.Recordings

open System
open System.IO
open Ashlar.Conformance.TraceLines
open Ashlar.Reference.Block

/// One step as it was seen. A death ends a recording and has no observation.
type RecordedStep = { Command: Command; Observation: Observation }

/// One script on one fresh server.
type Recording = {
    /// What was recorded, with its version.
    Server: string
    /// Aspects that the server did not show.
    Hidden: string list
    /// Without steps; they are below.
    Script: Script
    Steps: RecordedStep list
    /// How the server ended before the script did, and on which command.
    Death: (Command * string) option
}

let private str (text: string) = Value.Str text
let private int (n: int) = Value.Int(int64 n)

let private holder (holder: Holder) =
    match holder with
    | Holder.Node name -> str name
    | Holder.Backend None -> Value.Null
    | Holder.Backend(Some name) -> Value.Dict [ "backend", str name ]

/// An observation as four lists, so that a step need only say what changed in them.
let private listsOf (o: Observation) : (string * Value list) list = [
    "nodes",
    [
        for (n: ObservedNode) in o.Nodes ->
            Value.List [
                str n.Name
                str n.Driver
                str (if n.ReadOnly then "ro" else "rw")
                Value.Int n.LengthBytes
            ]
    ]
    "edges",
    [
        for e in o.Nodes |> List.collect (fun (n: ObservedNode) -> n.Parents) ->
            Value.List [
                holder e.Holder
                str e.Name
                str e.Child
                str (Observation.permText e.Perm)
                str (Observation.permText e.Shared)
            ]
    ]
    "exports", [ for id, node in o.Exports -> Value.List [ str id; str node ] ]
    "fd",
    [
        for f in o.Files ->
            Value.List [
                int f.Inode
                int f.ReadOnlyDescriptors
                int f.WritableDescriptors
                str (Observation.locksText f.Locks)
            ]
    ]
]

/// A list without the items of another, each as often as it is there.
let private less (items: Value list) (gone: Value list) : Value list =
    let rec without item items =
        match items with
        | [] -> []
        | first :: rest when first = item -> rest
        | first :: rest -> first :: without item rest

    List.fold (fun left item -> without item left) items gone

/// What came and what went, of a list that changed.
let private changes (before: (string * Value list) list) (name: string, now: Value list) =
    let old = before |> List.tryFind (fun (n, _) -> n = name) |> Option.map snd
    let old = Option.defaultValue [] old

    [ name + "-", less old now; name + "+", less now old ]
    |> List.filter (snd >> List.isEmpty >> not)
    |> List.map (fun (n, items) -> n, Value.List items)

let private replyOf (answer: Answer) =
    match answer with
    | Answer.Refused(cls, text) ->
        Value.Dict [ "error", Value.Dict [ "class", str cls; "desc", str text ] ]
    | _ -> Value.Dict [ "return", Value.Dict [] ]

let private lineOf (command: Command) = "line", str (ScriptPrinter.command command)

/// A recording as lines, each one JSON object.
let lines (recording: Recording) : string list =
    let head =
        Value.Dict [
            "episode", str recording.Server
            if not recording.Hidden.IsEmpty then
                "hidden", Value.List(List.map str recording.Hidden)
            "script", str (ScriptPrinter.print { recording.Script with Steps = [] })
        ]

    let step (before: (string * Value list) list) (step: RecordedStep) =
        let now = listsOf step.Observation
        let reply = [ "reply", replyOf step.Observation.Answer ]
        Value.Dict(lineOf step.Command :: reply @ List.collect (changes before) now), now

    let steps, _ = List.mapFold step [] recording.Steps

    [
        head
        yield! steps
        match recording.Death with
        | Some(command, reason) -> Value.Dict [ lineOf command; "died", str reason ]
        | None -> ()
    ]
    |> List.map Json.render

let private small value =
    match number value with
    | n when n >= 0L && n <= 1_000_000L -> int32 n
    | _ -> fault "a small number was expected"

let private permOf (text: string) : Perm =
    let one (letters: string) =
        match letters with
        | "CR" -> Perm.CR
        | "W" -> Perm.W
        | "WU" -> Perm.WU
        | "RZ" -> Perm.RZ
        | _ -> fault $"'{letters}' is no permission"

    if text = "-" then
        Perm.None
    else
        text.Split ',' |> Array.fold (fun sum letters -> sum ||| one letters) Perm.None

let private locksOf (text: string) : int =
    let bit (digits: string) =
        match Int32.TryParse digits with
        | true, n when World.lockBit n <> 0 -> World.lockBit n
        | _ -> fault $"'{digits}' is no lock byte"

    if text = "-" then
        0
    else
        text.Split ',' |> Array.fold (fun sum digits -> sum ||| bit digits) 0

let private edgeOf value : ObservedEdge =
    match items value with
    | [ holder; name; child; perm; shared ] -> {
        Holder =
            match holder with
            | Value.Null -> Holder.Backend None
            | Value.Str node -> Holder.Node node
            | other -> Holder.Backend(Some(word (field "backend" (members other))))
        Name = word name
        Child = word child
        Perm = permOf (word perm)
        Shared = permOf (word shared)
      }
    | _ -> fault "an edge is holder, name, child, perm and shared"

let private observationOf (answer: Answer) (known: Map<string, Value list>) : Observation =
    let list name = known.TryFind name |> Option.defaultValue []
    let edges = list "edges" |> List.map edgeOf

    let node value : ObservedNode =
        match items value with
        | [ name; driver; mode; bytes ] ->
            let name = word name

            {
                Name = name
                Driver = word driver
                ReadOnly = (word mode = "ro")
                LengthBytes = number bytes
                Children = edges |> List.filter (fun e -> e.Holder = Holder.Node name)
                Parents = edges |> List.filter (fun e -> e.Child = name)
            }
        | _ -> fault "a node is a name, a driver, ro or rw, and its bytes"

    {
        Answer = answer
        Nodes =
            list "nodes"
            |> List.map node
            |> List.sortWith (fun a b -> String.CompareOrdinal(a.Name, b.Name))
        Backends =
            edges
            |> List.choose (fun e ->
                match e.Holder with
                | Holder.Backend name ->
                    Some { Name = name; Node = e.Child; Perm = e.Perm; Shared = e.Shared }
                | Holder.Node _ -> None)
        Exports =
            List.sort (list "exports")
            |> List.map (fun value ->
                match items value with
                | [ id; node ] -> word id, word node
                | _ -> fault "an export is an id and a node")
        Files =
            list "fd"
            |> List.map (fun value ->
                match items value with
                | [ inode; readOnly; writable; locks ] -> {
                    Inode = small inode
                    ReadOnlyDescriptors = small readOnly
                    WritableDescriptors = small writable
                    Locks = locksOf (word locks)
                  }
                | _ -> fault "descriptors are a file, two numbers and lock bytes")
            |> List.sortBy _.Inode
    }

let private answerOf (reply: Members) : Answer =
    match refusalOf reply with
    | Some error ->
        let text name = word (field name error)
        Answer.Refused(text "class", text "desc")
    | None ->
        field "return" reply |> ignore
        Answer.Done

/// A script's text, which is one line of JSON here; columns in it are of no use.
let private scriptOf (text: string) : Script =
    match ScriptParser.parse text with
    | Ok script -> script
    | Error wrong -> fault ("the script: " + wrong.Message)

let private commandOf (text: string) : Command =
    match Script.commands (scriptOf ("# ashlar-script 1\n" + text + "\n")) with
    | [ command ] -> command
    | _ -> fault "a step is one command"

/// Reading, a line at a time.
[<Sealed>]
type private Reader() =
    let mutable current: (int * Recording) option = None
    let mutable known: Map<string, Value list> = Map.empty

    let finished () = current |> Option.map (fun (at, r) -> at, { r with Steps = List.rev r.Steps })

    let begun entry : Recording = {
        Server = word (field "episode" entry)
        Hidden =
            match Value.find "hidden" entry with
            | ValueSome list -> items list |> List.map word
            | ValueNone -> []
        Script = scriptOf (word (field "script" entry))
        Steps = []
        Death = None
    }

    let stepped (recording: Recording) entry : Recording =
        let command = commandOf (word (field "line" entry))

        match Value.find "died" entry with
        | ValueSome reason -> { recording with Death = Some(command, word reason) }
        | ValueNone ->
            for name in [ "nodes"; "edges"; "exports"; "fd" ] do
                let before = known.TryFind name |> Option.defaultValue []

                let listed sign =
                    match Value.find (name + sign) entry with
                    | ValueSome list -> items list
                    | ValueNone -> []

                let gone = listed "-"
                let left = less before gone

                if left.Length <> before.Length - gone.Length then
                    fault $"'{name}-' has what was not there"

                known <- known.Add(name, left @ listed "+")

            let observation = observationOf (answerOf (members (field "reply" entry))) known
            let step = { Command = command; Observation = observation }
            { recording with Steps = step :: recording.Steps }

    /// The last recording, with the line that it began on.
    member _.End() = finished ()

    /// Takes a line; the recording before it, when the line begins another.
    member _.Take(number: int, entry: Members) : (int * Recording) option =
        match Value.find "episode" entry, current with
        | ValueSome _, _ ->
            let before = finished ()
            current <- Some(number, begun entry)
            known <- Map.empty
            before
        | ValueNone, None -> fault "a recording begins with an episode"
        | ValueNone, Some(_, { Death = Some _ }) -> fault "nothing comes after a death"
        | ValueNone, Some(at, recording) ->
            current <- Some(at, stepped recording entry)
            None

/// Goes through recordings one by one, each with the line that it begins on, or says at which
/// LINE:COLUMN they are none.
let fold (each: 'a -> int -> Recording -> 'a) (start: 'a) (lines: string seq) : Result<'a, string> =
    let reader = Reader()

    let add sum recording =
        match recording with
        | Some(at, recording) -> each sum at recording
        | None -> sum

    let take sum number entry = add sum (reader.Take(number, entry))

    let last sum =
        match reader.End() with
        | None -> fault "the trace has no step"
        | recording -> add sum recording

    TraceLines.fold take last start lines

/// Whether a file of traces is of this form.
let isOne (path: string) : bool =
    match Inputs.lines path Limits.lineCharacters |> Seq.tryHead with
    | Some line -> line.StartsWith("{\"episode\": \"", StringComparison.Ordinal)
    | None -> false
