/// An observation: everything that may be compared after a command, in the words of QMP.
/// It is made for people and for slow comparisons; the loop of a lane compares structures directly
/// and makes observations only of what differs.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// How a command ended.
[<RequireQualifiedAccess>]
type Answer =
    | Done
    /// What a read returned: the runs that are not zero.
    | Data of Content
    /// Bytes that the model does not follow; only an oracle answers so.
    | AnyData
    /// A refusal: QMP's class and text. An oracle's text of "*" stands for any, and a "*" inside
    /// for any number.
    | Refused of cls: string * text: string
    /// The system under test broke: an exception or a death is never an answer.
    | Broken of reason: string

/// Who holds an edge, as people name it.
[<RequireQualifiedAccess>]
type Holder =
    | Node of name: string
    /// A backend; no name for the root of an export.
    | Backend of name: string option

/// One edge.
type ObservedEdge = { Holder: Holder; Name: string; Child: string; Perm: Perm; Shared: Perm }

/// One node with its edges in list order (BLK-GRAPH-006).
type ObservedNode = {
    Name: string
    Driver: string
    ReadOnly: bool
    /// -1 when the model does not follow it.
    LengthBytes: int64
    Children: ObservedEdge list
    Parents: ObservedEdge list
}

/// One backend: a named user, or the root of an export.
type ObservedBackend = { Name: string option; Node: string; Perm: Perm; Shared: Perm }

/// What is open and locked for one file of the world, over all descriptors of the process.
type ObservedFile = {
    /// The inode's number in the world, which a rename does not change.
    Inode: int
    ReadOnlyDescriptors: int
    WritableDescriptors: int
    /// Lock bytes held: bit i for 100 + i, bit 4 + i for 200 + i (BLK-FILE-010).
    Locks: int
}

/// Everything.
type Observation = {
    Answer: Answer
    /// By name, ordinal.
    Nodes: ObservedNode list
    /// In the order they were made.
    Backends: ObservedBackend list
    /// Ids, ordinal.
    Exports: (string * string) list
    /// By inode; only files with descriptors or locks.
    Files: ObservedFile list
}

/// Observations as text, a fact a line, so that two of them can stand side by side.
module Observation =
    /// An answer on one line.
    let answerText (answer: Answer) : string =
        match answer with
        | Answer.Done -> "ok"
        | Answer.Data [] -> "ok, all zeroes"
        | Answer.Data runs ->
            let run (r: Run) =
                let digits = (int r.Byte).ToString "X2"
                $"{r.Offset}+{r.Length}=0x{digits}"

            "ok, " + String.Join(" ", List.map run runs)
        | Answer.AnyData -> "ok, any data"
        | Answer.Refused(cls, text) -> $"{cls}: {text}"
        | Answer.Broken reason -> "BROKEN: " + reason

    /// A holder on one line.
    let holderText (holder: Holder) : string =
        match holder with
        | Holder.Node name -> name
        | Holder.Backend(Some name) -> $"backend {name}"
        | Holder.Backend None -> "backend"

    let private letters = [| "CR"; "W"; "WU"; "RZ" |]

    /// A set of permissions in short: `CR,W` or `-`.
    let permText (perm: Perm) : string =
        let names = [
            for i in 0..3 do
                if Perm.meets perm Perm.ordered[i] then
                    letters[i]
        ]

        if names.IsEmpty then "-" else String.Join(",", names)

    /// Lock bytes as numbers.
    let locksText (bits: int) : string =
        let bytes = [
            for i in 0..7 do
                if bits &&& (1 <<< i) <> 0 then
                    string (if i < 4 then 100 + i else 196 + i)
        ]

        if bytes.IsEmpty then "-" else String.Join(",", bytes)

    /// One edge, seen from either end.
    let edgeText (edge: ObservedEdge) : string =
        let masks = $"perm {permText edge.Perm} shared {permText edge.Shared}"
        $"{holderText edge.Holder} --{edge.Name}--> {edge.Child}  {masks}"

    let private nodeLines (node: ObservedNode) = [
        let access = if node.ReadOnly then "ro" else "rw"

        let length =
            if node.LengthBytes < 0L then
                "?"
            else
                string node.LengthBytes

        $"node {node.Name} ({node.Driver}) {access} {length} bytes"

        for edge in node.Children do
            "  child " + edgeText edge

        for edge in node.Parents do
            "  parent " + edgeText edge
    ]

    let private fileLine (file: ObservedFile) =
        let descriptors = $"{file.ReadOnlyDescriptors} ro, {file.WritableDescriptors} rw"
        $"file {file.Inode}: {descriptors}, locks {locksText file.Locks}"

    /// Every fact, a line each.
    let lines (o: Observation) : string list = [
        "answer " + answerText o.Answer

        for node in o.Nodes do
            yield! nodeLines node

        for b in o.Backends do
            let name = Option.defaultValue "(no name)" b.Name
            $"backend {name} on {b.Node}: wants {permText b.Perm} shares {permText b.Shared}"

        for id, node in o.Exports do
            $"export {id} of {node}"

        for file in o.Files do
            fileLine file
    ]

    /// The first of some lines that no line of the observation begins with, as `#observe` says it.
    let missing (wanted: string list) (o: Observation) : string option =
        let words (line: string) =
            String.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))

        let seen = lines o |> List.map words

        let isThere (line: string) =
            seen
            |> List.exists (fun s -> s = line || s.StartsWith(line + " ", StringComparison.Ordinal))

        wanted |> List.tryFind (isThere >> not) |> Option.map (fun line -> "#observe " + line)
