/// A disagreement told to a person: the script, both observations side by side, the oracle's
/// derivation, and the line that replays it.
module Ashlar.Conformance.Findings

open System
open Ashlar.Reference.Block

/// The oracle's observation that the subject came nearest to.
let expected (d: Disagreement) : Observation option =
    let against (o: Outcome) =
        let seen = OracleView.observe o.World o.State (OracleView.answer o.Result)
        seen, (Comparison.differences ComparisonMode.full seen d.Actual).Length

    match d.Allowed with
    | [] -> None
    | allowed -> allowed |> List.map against |> List.minBy snd |> fst |> Some

let private cut (width: int) (text: string) =
    if text.Length <= width then
        text.PadRight width
    else
        text.Substring(0, width - 1) + "…"

/// Two columns; a line that the other side lacks is marked. A line of the right side comes with
/// what it is compared as, which is the oracle's own line where the oracle leaves it open.
let sideBySide (width: int) (left: string list) (right: (string * string) list) : string list =
    let inRight, inLeft = set (List.map fst right), set left

    // Lines are aligned by the longest common subsequence, so that one missing line moves nothing.
    let l, r = Array.ofList left, Array.ofList (List.map fst right)
    let shown = Array.ofList (List.map snd right)
    let table = Array2D.zeroCreate (l.Length + 1) (r.Length + 1)

    for i in l.Length - 1 .. -1 .. 0 do
        for j in r.Length - 1 .. -1 .. 0 do
            table[i, j] <-
                if l[i] = r[j] then
                    table[i + 1, j + 1] + 1
                else
                    max table[i + 1, j] table[i, j + 1]

    let row mark a b = $"{cut width a} {mark} {b}".TrimEnd()

    let rec go i j rows =
        if i < l.Length && j < r.Length && l[i] = r[j] then
            go (i + 1) (j + 1) (row "|" l[i] shown[j] :: rows)
        elif
            i < l.Length
            && j < r.Length
            && not (inRight.Contains l[i])
            && not (inLeft.Contains r[j])
        then
            go (i + 1) (j + 1) (row "≠" l[i] shown[j] :: rows)
        elif i < l.Length && (j = r.Length || table[i + 1, j] >= table[i, j + 1]) then
            go (i + 1) j (row "<" l[i] "" :: rows)
        elif j < r.Length then
            go i (j + 1) (row ">" "" shown[j] :: rows)
        else
            List.rev rows

    go 0 0 []

/// Everything a person needs, in lines.
let describe (profile: Profile) (width: int) (d: Disagreement) : string list = [
    yield! Derivation.heading d.Step (ScriptPrinter.command d.Command)

    for violation in d.Violations do
        $"invariant {violation.Invariant} does not hold: {violation.Text}"

    match d.Expectation with
    | Some expected -> $"the script expects: {expected}"
    | None -> ()

    for difference in d.Differences do
        $"{difference.Aspect} differs"
        $"  oracle: {difference.Expected}"
        $"  system: {difference.Actual}"

    ""

    match expected d with
    | Some theirs ->
        $"""{"oracle".PadRight width} | system under test"""
        let compared = Observation.lines (Comparison.asAllowed theirs d.Actual)

        yield!
            sideBySide
                width
                (Observation.lines theirs)
                (List.zip compared (Observation.lines d.Actual))
    | None -> "the oracle allows no outcome at all"

    ""
    "why the oracle says so:"

    yield! Derivation.lines profile d.WorldBefore d.StateBefore d.Command
]

/// A script that carries the finding: what it shows, its seed, the requirement that decided.
let annotated (script: Script) (seed: uint64) (d: Disagreement) : Script =
    let requires =
        match d.Allowed with
        | { Result = Error refusal } :: _ -> [ refusal.Requirement ]
        | _ -> []

    {
        script with
            Header = {
                script.Header with
                    Shows = Some(Disagreement.sentence d)
                    Seed = Some seed
                    Requires = requires
            }
    }
