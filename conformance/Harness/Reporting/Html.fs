/// The run as one page that needs nothing else: no script, no network, light and dark.
module Ashlar.Conformance.Html

open System
open System.Globalization
open System.Net
open System.Text
open Ashlar.Reference.Block

let private escape (text: string) : string = string (WebUtility.HtmlEncode text)
let private thousands (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)

let private card (value: string) (label: string) =
    $"<div class=\"card\"><b>{escape value}</b><span>{escape label}</span></div>"

let private cards (report: RunReport) (coverage: Coverage) =
    let struct (total, exercised, both) = RunReport.requirements report

    String.concat "" [
        "<div class=\"cards\">"
        card (thousands coverage.Transitions) "checked transitions"
        card (string (RunReport.disagreements report)) "disagreements"
        card $"{exercised} / {total}" "requirements exercised"
        card (string both) "accepted and refused"
        card $"{report.Planted.Killed} / {report.Planted.Total}" "planted bugs killed, last hunt"
        "</div>"
    ]

let private laneRow (result: PartResult) =
    let c = result.Coverage
    let seconds = result.Elapsed.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)

    String.concat "" [
        $"<tr><td>{escape result.Part.Lane}</td><td>{escape result.Part.Profile.Name}</td>"
        $"<td class=\"n\">{result.Part.Seed}</td><td class=\"n\">{thousands result.Scripts}</td>"
        $"<td class=\"n\">{thousands c.Transitions}</td>"
        $"<td class=\"n\">{thousands (RunReport.rate result)}</td><td class=\"n\">{seconds}</td>"
        $"<td class=\"n\">{thousands c.Accepted}</td><td class=\"n\">{thousands c.Refused}</td>"
        $"<td class=\"n\">{result.Disagreements}</td></tr>"
    ]

let private lanes (report: RunReport) =
    let head =
        "<tr><th>lane</th><th>profile</th><th class=\"n\">seed</th><th class=\"n\">scripts</th>"
        + "<th class=\"n\">transitions</th><th class=\"n\">per second</th><th class=\"n\">seconds"
        + "</th><th class=\"n\">accepted</th><th class=\"n\">refused</th>"
        + "<th class=\"n\">disagreements</th></tr>"

    "<div class=\"scroll\"><table>"
    + head
    + String.concat "" (report.Results |> List.map laneRow)
    + "</table></div>"

/// What was not compared and what happened beside the steps, of QMP servers.
let private systems (report: RunReport) =
    [
        for result in report.Results do
            if Lane.isServer result.Part.Sut then
                $"System under test: {result.System}"

                for lack in result.Lacks do
                    $"Not compared: {lack}"

                for entry in result.Coverage.Noticed do
                    $"Noticed: {thousands entry.Value} {entry.Key}"

        for cause, count in RunReport.deathCauses report do
            $"Ended the system under test, which is a finding and no verdict: {count} x {cause}"
    ]
    |> List.map (fun line -> $"<p class=\"soft\">{escape line}</p>")
    |> String.concat ""

/// Declared differences, used or not.
let private declared (report: RunReport) (coverage: Coverage) =
    let row (d: Declaration, count: int64) =
        let used = if count = 0L then "never used" else thousands count

        $"<tr><td>{escape d.Id}</td><td>{escape d.Requirement}</td><td>{escape d.Reason}</td>"
        + $"<td class=\"n\">{used}</td></tr>"

    match RunReport.declared report with
    | [] -> ""
    | used ->
        "<h2>Declared differences</h2><div class=\"scroll\"><table><tr><th>id</th>"
        + "<th>requirement</th><th>reason</th><th class=\"n\">steps</th></tr>"
        + String.concat "" (List.map row used)
        + $"</table></div><p class=\"soft\">{thousands coverage.EndedDeclared} scripts went no "
        + "further than such a step</p>"

/// Of a cell, for the longest bar: two that add up to the most have room in it side by side.
let private barPercent = 70.0

let private commandRow (most: int64) (name: string) (tally: Tally) =
    let width (n: int64) =
        let w = barPercent * sqrt (float n / float (max 1L most))
        w.ToString("0.0", CultureInfo.InvariantCulture)

    let share =
        if tally.Total = 0L then
            0L
        else
            100L * tally.Accepted / tally.Total

    String.concat "" [
        $"<tr><td>{escape name}</td><td class=\"n\">{thousands tally.Accepted}</td>"
        $"<td class=\"n\">{thousands tally.Refused}</td><td class=\"n\">{share} %%</td>"
        $"<td class=\"bars\"><span class=\"bar a\" style=\"width:{width tally.Accepted}%%\"></span>"
        $"<span class=\"bar r\" style=\"width:{width tally.Refused}%%\"></span></td></tr>"
    ]

let private commands (coverage: Coverage) =
    let used =
        Array.zip CommandKind.names coverage.Commands |> Array.filter (fun (_, t) -> t.Total > 0L)

    let most = used |> Array.fold (fun most (_, t) -> max most t.Total) 1L

    let rows = used |> Array.map (fun (name, tally) -> commandRow most name tally)

    "<div class=\"scroll\"><table><tr><th>command</th><th class=\"n\">accepted</th>"
    + "<th class=\"n\">refused</th><th class=\"n\">accepted</th><th>accepted and refused (root "
    + "scale)</th></tr>"
    + String.concat "" rows
    + "</table></div>"

let private legend =
    [
        CoverageSvg.Fate.Both
        CoverageSvg.Fate.AcceptedOnly
        CoverageSvg.Fate.RefusedOnly
        CoverageSvg.Fate.Never
    ]
    |> List.map CoverageSvg.describe
    |> List.map (fun (cls, words) -> $"<span><i class=\"{cls}\"></i>{words}</span>")
    |> String.concat ""
    |> fun items -> $"<div class=\"legend\">{items}</div>"

let private requirementRows (coverage: Coverage) =
    let met = coverage.Requirements

    Requirements.all.Value
    |> List.map (fun r ->
        let accepted, refused =
            match met.TryGetValue r.Id with
            | true, t -> t.Accepted, t.Refused
            | _ -> 0L, 0L

        $"<tr><td><code>{r.Id}</code></td><td>{escape r.Title}</td>"
        + $"<td class=\"n\">{thousands accepted}</td><td class=\"n\">{thousands refused}</td></tr>")
    |> String.concat ""

let private requirements (coverage: Coverage) =
    String.concat "" [
        "<div class=\"scroll\">"
        CoverageSvg.draw coverage
        "</div>"
        legend
        "<details><summary>every requirement with its counts</summary><div class=\"scroll\">"
        "<table><tr><th>id</th><th>requirement</th><th class=\"n\">accepted</th>"
        "<th class=\"n\">refused</th></tr>"
        requirementRows coverage
        "</table></div></details>"
    ]

/// Edges of one observation that the other lacks.
let private oddEdges (mine: Observation) (other: Observation) =
    let edges (o: Observation) = o.Nodes |> List.collect _.Children |> set
    let odd = edges mine - edges other
    fun edge -> odd.Contains edge

let private drawing (title: string) marked (o: Observation) =
    $"<div><h3>{escape title}</h3><div class=\"scroll\">{GraphSvg.draw marked o}</div></div>"

let private finding (profile: Profile) (f: ReportedFinding) =
    let d = f.ShrunkDisagreement
    let before = OracleView.observe d.WorldBefore d.StateBefore Answer.Done
    let unmarked _ = false

    // Columns side by side must not wrap; the derivation's long lines must.
    let lines = Findings.describe profile 64 d
    let seen = lines |> List.takeWhile (fun line -> not (line.StartsWith "why "))
    let why = List.skip seen.Length lines

    let after =
        match Findings.expected d with
        | Some expected -> [
            drawing "after, oracle" (oddEdges expected d.Actual) expected
            drawing "after, system under test" (oddEdges d.Actual expected) d.Actual
          ]
        | None -> [ drawing "after, system under test" unmarked d.Actual ]

    String.concat "" [
        $"<h3>{escape (Disagreement.sentence d)}</h3>"
        $"<p class=\"soft\">Replay: <code>{escape (Runner.replayLine f.Found)}</code></p>"
        (match RunReport.replayScript f with
         | Some line -> $"<p class=\"soft\">Or the shrunk script: <code>{escape line}</code></p>"
         | None -> "")
        "<div class=\"pair\">"
        drawing "before" unmarked before
        yield! after
        "</div><pre>"
        escape (String.Join("\n", seen))
        "</pre><pre class=\"wrap\">"
        escape (String.Join("\n", why))
        "</pre><details><summary>the script, shrunk</summary><pre>"
        escape (ScriptPrinter.print f.Shrunk)
        "</pre></details>"
    ]

let private findings (report: RunReport) =
    if report.Findings.IsEmpty then
        "<p class=\"good\">Oracle and system agree on every transition.</p>"
    else
        report.Findings
        |> List.map (fun f ->
            let profile = Script.profile f.Shrunk.Header |> Option.defaultValue f.Found.Profile
            finding profile f)
        |> String.concat ""

/// The page.
let page (report: RunReport) : string =
    let coverage = RunReport.coverage report

    let verdict =
        match RunReport.isGood report, report.MustFail with
        | true, false -> "good", "No disagreement."
        | true, true -> "good", "The canary was caught, as it must be."
        | false, false -> "bad", "Oracle and system disagree."
        | false, true -> "bad", "The canary was not caught: the bench is blind."

    let html = StringBuilder()

    html
        .Append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .Append("<title>Ashlar conformance</title><style>")
        .Append(Style.sheet)
        .Append("</style></head><body><main><h1>Ashlar conformance</h1>")
        .Append($"<p class=\"verdict {fst verdict}\">{snd verdict}</p>")
        .Append($"<p class=\"soft\">profile {escape report.Profile}, build {escape report.Build}, ")
        .Append($"{report.Workers} workers</p>")
        .Append(cards report coverage)
        .Append("<h2>Lanes</h2>")
        .Append(lanes report)
        .Append(systems report)
        .Append("<h2>Disagreements</h2>")
        .Append(findings report)
        .Append(declared report coverage)
        .Append("<h2>Requirements</h2>")
        .Append(requirements coverage)
        .Append("<h2>Commands</h2>")
        .Append(commands coverage)
        .Append
        "</main></body></html>\n"
    |> ignore

    html.ToString()
