/// When two observations count as the same, and what to say when they do not.
namespace Ashlar.Conformance

open System
open System.Text.RegularExpressions

/// How strictly refusals are compared.
[<RequireQualifiedAccess>]
type TextMode =
    /// Class and text.
    | Exact
    /// The text with generated node names made equal: other profiles draw them at random.
    | Renamed
    /// Only the class.
    | Class
    /// Only that it was refused.
    | Ignored

/// What a comparison looks at. A lane states its mode; nothing is silently left out.
type ComparisonMode = {
    Texts: TextMode
    /// The order of children and parents lists (BLK-GRAPH-006, BLK-GRAPH-007).
    ListOrder: bool
    /// Names that the block layer made up itself; without them a node is known by its place.
    GeneratedNames: bool
    /// Edges with their permissions, and users of nodes; some servers do not tell them.
    Graph: bool
    /// Exports; likewise.
    Exports: bool
    /// Modes of descriptors (BLK-FILE-001).
    Descriptors: bool
    /// Lock bytes (BLK-FILE-010).
    Locks: bool
    /// What reads return (BLK-DATA-003).
    Data: bool
}

/// The modes in use.
module ComparisonMode =
    /// Everything; what the engine is held to.
    let full = {
        Texts = TextMode.Exact
        ListOrder = true
        GeneratedNames = true
        Graph = true
        Exports = true
        Descriptors = true
        Locks = true
        Data = true
    }

    /// What a QMP server shows: it draws names at random and does not tell the order of its lists.
    let qmp = {
        full with
            Texts = TextMode.Renamed
            ListOrder = false
            GeneratedNames = false
    }

    /// What some systems do not show, by name.
    let hideable: (string * (ComparisonMode -> bool)) list = [
        "edges", _.Graph
        "exports", _.Exports
        "descriptors", _.Descriptors
        "locks", _.Locks
    ]

    /// The mode without what has that name.
    let hide (name: string) (mode: ComparisonMode) : ComparisonMode =
        match name with
        | "edges" -> { mode with Graph = false }
        | "exports" -> { mode with Exports = false }
        | "descriptors" -> { mode with Descriptors = false }
        | "locks" -> { mode with Locks = false }
        | _ -> mode

/// A part of an observation, for grouping disagreements.
[<RequireQualifiedAccess>]
type Aspect =
    | Outcome
    | Text
    | Data
    | Nodes
    | Edges
    | ListOrder
    | Backends
    | Exports
    | Descriptors
    | Locks
    | Broken

/// One thing that differs.
type Difference = { Aspect: Aspect; Expected: string; Actual: string }

/// Comparing two observations.
module Comparison =
    /// Whether a text is what the oracle's allows: a "*" at the end is any text, one inside any
    /// number.
    let allows (pattern: string) (text: string) : bool =
        pattern = text
        || (pattern.EndsWith '*'
            && text.StartsWith(pattern.Substring(0, pattern.Length - 1), StringComparison.Ordinal))
        || (pattern.Contains '*'
            && Regex.IsMatch(text, "^" + Regex.Escape(pattern).Replace(@"\*", "-?[0-9]+") + "$"))

    let private differ aspect expected actual =
        if expected = actual then
            []
        else
            [ { Aspect = aspect; Expected = expected; Actual = actual } ]

    /// What differs between two answers under the mode.
    let answerDifferences (mode: ComparisonMode) (expected: Answer) (actual: Answer) =
        let shown = Observation.answerText

        match expected, actual with
        | _, Answer.Broken _ -> [
            { Aspect = Aspect.Broken; Expected = shown expected; Actual = shown actual }
          ]
        | Answer.Refused(c1, t1), Answer.Refused(c2, t2) when c1 = c2 && allows t1 t2 -> []
        | Answer.AnyData, Answer.Data _ -> []
        | Answer.Refused(c1, t1), Answer.Refused(c2, t2) ->
            match mode.Texts with
            | TextMode.Exact -> differ Aspect.Text $"{c1}: {t1}" $"{c2}: {t2}"
            | TextMode.Renamed ->
                differ Aspect.Text $"{c1}: {Places.renamed t1}" $"{c2}: {Places.renamed t2}"
            | TextMode.Class -> differ Aspect.Text c1 c2
            | TextMode.Ignored -> []
        | Answer.Refused _, _
        | _, Answer.Refused _ -> [
            { Aspect = Aspect.Outcome; Expected = shown expected; Actual = shown actual }
          ]
        | _ ->
            if mode.Data then
                differ Aspect.Data (shown expected) (shown actual)
            else
                []

    let private nodeLine (n: ObservedNode) =
        let access = if n.ReadOnly then "ro" else "rw"
        $"{n.Name} ({n.Driver}) {access} {n.LengthBytes}"

    /// What the model does not follow is not compared.
    let private knownLengths (expected: Observation) (actual: Observation) =
        let unknown =
            expected.Nodes |> List.filter (fun n -> n.LengthBytes < 0L) |> List.map _.Name |> set

        actual.Nodes
        |> List.map (fun n ->
            if unknown.Contains n.Name then
                { n with LengthBytes = -1L }
            else
                n)

    let private nodes (expected: Observation) (actual: Observation) =
        let lines nodes = nodes |> List.map nodeLine |> String.concat "; "
        differ Aspect.Nodes (lines expected.Nodes) (lines (knownLengths expected actual))

    let private edgesOf (o: Observation) =
        o.Nodes
        |> List.collect (fun n -> n.Children @ n.Parents)
        |> List.map Observation.edgeText
        |> List.distinct

    let private listsOf (o: Observation) =
        o.Nodes
        |> List.map (fun n ->
            let children = n.Children |> List.map _.Name |> String.concat ","

            let parents =
                n.Parents
                |> List.map (fun e -> Observation.holderText e.Holder + "." + e.Name)
                |> String.concat ","

            $"{n.Name}: children [{children}] parents [{parents}]")

    let private onlyIn (a: string list) (b: string list) = List.except b a |> String.concat "; "

    let private edges (mode: ComparisonMode) (expected: Observation) (actual: Observation) =
        let e, a = edgesOf expected, edgesOf actual

        if List.sort e <> List.sort a then
            differ Aspect.Edges (onlyIn e a) (onlyIn a e)
        elif mode.ListOrder then
            let e, a = listsOf expected, listsOf actual
            differ Aspect.ListOrder (onlyIn e a) (onlyIn a e)
        else
            []

    let private backends (mode: ComparisonMode) (expected: Observation) (actual: Observation) =
        let ordered (o: Observation) = if mode.ListOrder then o.Backends else List.sort o.Backends

        differ Aspect.Backends (sprintf "%A" (ordered expected)) (sprintf "%A" (ordered actual))

    let private exports (expected: Observation) (actual: Observation) =
        differ Aspect.Exports (sprintf "%A" expected.Exports) (sprintf "%A" actual.Exports)

    let private files (mode: ComparisonMode) (expected: Observation) (actual: Observation) =
        let descriptors (o: Observation) =
            o.Files
            |> List.map (fun f ->
                $"file {f.Inode}: {f.ReadOnlyDescriptors} ro {f.WritableDescriptors} rw")
            |> String.concat "; "

        let locks (o: Observation) =
            o.Files
            |> List.filter (fun f -> f.Locks <> 0)
            |> List.map (fun f -> $"file {f.Inode}: {Observation.locksText f.Locks}")
            |> String.concat "; "

        [
            if mode.Descriptors then
                yield! differ Aspect.Descriptors (descriptors expected) (descriptors actual)
            if mode.Locks then
                yield! differ Aspect.Locks (locks expected) (locks actual)
        ]

    /// What was seen, with the oracle's own words where they leave it open: a length that it does
    /// not follow, an answer that it allows.
    let asAllowed (expected: Observation) (actual: Observation) : Observation = {
        actual with
            Nodes = knownLengths expected actual
            Answer =
                if
                    (answerDifferences ComparisonMode.full expected.Answer actual.Answer).IsEmpty
                then
                    expected.Answer
                else
                    actual.Answer
    }

    /// Everything that differs under the mode; empty when the two agree.
    let differences (mode: ComparisonMode) (expected: Observation) (actual: Observation) =
        let expected, actual =
            if mode.GeneratedNames then
                expected, actual
            else
                Places.placed expected, Places.placed actual

        answerDifferences mode expected.Answer actual.Answer
        @ nodes expected actual
        @ (if mode.Graph then
               edges mode expected actual @ backends mode expected actual
           else
               [])
        @ (if mode.Exports then exports expected actual else [])
        @ files mode expected actual
