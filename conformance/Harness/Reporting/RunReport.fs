/// What a whole run came to: its lanes, what they covered, what they found; and the same as JSON.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// One finding, ready to be shown.
type ReportedFinding = {
    Found: Found
    /// The script as small as it got, and the disagreement on it.
    Shrunk: Script
    ShrunkDisagreement: Disagreement
    /// Where the script was written.
    Path: string option
}

/// A whole run.
type RunReport = {
    Profile: string
    Build: string
    Workers: int
    Results: PartResult list
    Findings: ReportedFinding list
    Planted: PlantedCount
    /// Whether disagreements were what the lane was for.
    MustFail: bool
}

/// Sums and texts of a run.
module RunReport =
    /// Transitions in a second.
    let rate (result: PartResult) : int64 =
        let seconds = result.Elapsed.TotalSeconds

        if seconds <= 0.0 then
            0L
        else
            int64 (float result.Coverage.Transitions / seconds)

    /// Everything that was covered.
    let coverage (report: RunReport) : Coverage =
        let sum = Coverage()

        for result in report.Results do
            sum.Add result.Coverage

        sum

    /// The requirements that say something of a profile that was run.
    let applicable (report: RunReport) : Requirements.Requirement list =
        let applies requirement =
            report.Results
            |> List.exists (fun result -> Requirements.applies result.Part.Profile requirement)

        Requirements.all.Value |> List.filter applies

    /// How many requirements apply, were exercised, and were both accepted and refused.
    let requirements (report: RunReport) : struct (int * int * int) =
        let met = (coverage report).Requirements

        let fates =
            applicable report
            |> List.map (fun r ->
                match met.TryGetValue r.Id with
                | true, tally -> CoverageSvg.fate (Some tally)
                | _ -> CoverageSvg.Fate.Never)

        let exercised = fates |> List.filter ((<>) CoverageSvg.Fate.Never) |> List.length
        let both = fates |> List.filter ((=) CoverageSvg.Fate.Both) |> List.length
        struct (fates.Length, exercised, both)

    /// All disagreements, kept or not.
    let disagreements (report: RunReport) : int =
        report.Results |> List.sumBy (fun r -> r.Disagreements)

    /// All deaths of a server under test.
    let deaths (report: RunReport) : int = report.Results |> List.sumBy _.Deaths

    /// The same by cause.
    let deathCauses (report: RunReport) : (string * int) list =
        report.Results |> List.collect _.DeathCauses

    /// Whether the run ended as its lane should.
    let isGood (report: RunReport) : bool = (disagreements report > 0) = report.MustFail

    /// The line that runs a script on a system.
    let replayLine (sut: Sut) (path: string) : string =
        $"ashlar-conform replay {Lane.systemOptions sut}{Quoting.shell path}"

    /// The line that runs the written script on the system that disagreed.
    let replayScript (f: ReportedFinding) : string option =
        f.Path |> Option.map (replayLine f.Found.Sut)

    /// The declared differences of a run, each with how many steps it was used for.
    let declared (report: RunReport) : (Declaration * int64) list =
        report.Results
        |> List.collect _.Part.Accept.Declarations
        |> List.distinctBy _.Id
        |> (coverage report).UsesOf

    let private int (n: int) = Value.Int(int64 n)

    /// The member `declaredDifferences` of a report.
    let declaredDifferences (used: (Declaration * int64) list) : Value =
        Value.List [
            for d, count in used ->
                Value.Dict [
                    "id", Value.Str d.Id
                    "requirement", Value.Str d.Requirement
                    "reason", Value.Str d.Reason
                    "steps", Value.Int count
                ]
        ]

    let private noticed (result: PartResult) =
        result.Coverage.Noticed |> Seq.map (fun entry -> entry.Key, Value.Int entry.Value)

    let private lane (result: PartResult) =
        Value.Dict [
            "lane", Value.Str result.Part.Lane
            // A seed uses all 64 bits; the signed number has the same bits.
            "seed", Value.Int(int64 result.Part.Seed)
            "profile", Value.Str result.Part.Profile.Name
            "scripts", Value.Int result.Scripts
            "transitions", Value.Int result.Coverage.Transitions
            "milliseconds", Value.Int(int64 result.Elapsed.TotalMilliseconds)
            "transitionsPerSecond", Value.Int(rate result)
            "accepted", Value.Int result.Coverage.Accepted
            "refused", Value.Int result.Coverage.Refused
            "disagreements", int result.Disagreements
            "deaths", int result.Deaths
            "system", Value.Str result.System
            "notCompared", Value.List(result.Lacks |> List.map Value.Str)
            "noticed", Value.Dict(List.ofSeq (noticed result))
            "deathCauses",
            Value.Dict(result.DeathCauses |> List.map (fun (cause, n) -> cause, int n))
        ]

    let private command (coverage: Coverage) (index: int) =
        Value.Dict [
            "command", Value.Str CommandKind.names[index]
            "accepted", Value.Int coverage.Commands[index].Accepted
            "refused", Value.Int coverage.Commands[index].Refused
        ]

    let private finding (f: ReportedFinding) =
        Value.Dict [
            "signature", Value.Str(Disagreement.signature f.Found.Disagreement)
            "replay", Value.Str(Runner.replayLine f.Found)
            "shows", Value.Str(Disagreement.sentence f.ShrunkDisagreement)
            "script",
            (match f.Path with
             | Some path -> Value.Str path
             | None -> Value.Null)
            "replayScript",
            (match replayScript f with
             | Some line -> Value.Str line
             | None -> Value.Null)
        ]

    /// The member `plantedBugs` of a report, and of what `mutants` writes.
    let plantedBugs (count: PlantedCount) : Value =
        Value.Dict [
            "total", int count.Total
            "killed", int count.Killed
            "from", Value.Str count.From
        ]

    /// The report as one JSON document.
    let toJson (report: RunReport) : string =
        let coverage = coverage report
        let struct (total, exercised, both) = requirements report

        Value.Dict [
            "profile", Value.Str report.Profile
            "build", Value.Str report.Build
            "workers", int report.Workers
            "lanes", Value.List(report.Results |> List.map lane)
            "commands",
            Value.List [
                for i in 0 .. CommandKind.names.Length - 1 do
                    if coverage.Commands[i].Total > 0L then
                        command coverage i
            ]
            "requirements",
            Value.Dict [
                "total", int total
                "exercised", int exercised
                "acceptedAndRefused", int both
            ]
            "declaredDifferences", declaredDifferences (declared report)
            "scriptsEndedByDeclared", Value.Int coverage.EndedDeclared
            "plantedBugs", plantedBugs report.Planted
            "findings", Value.List(report.Findings |> List.map finding)
        ]
        |> Json.render
