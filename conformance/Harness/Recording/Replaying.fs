/// Recordings against the oracle: a recording is a system under test that does again what it did.
module Ashlar.Conformance.Replaying

open System
open System.IO
open Ashlar.Conformance.Recordings
open Ashlar.Reference.Block

/// A server as it was recorded.
[<Sealed>]
type RecordedSubject(profile: Profile, mode: ComparisonMode, recording: Recording) =
    inherit Subject()

    let mutable rest = recording.Steps
    let mutable last: Observation voption = ValueNone

    override _.Act _ =
        match rest with
        | step :: others ->
            rest <- others
            last <- ValueSome step.Observation
            step.Observation.Answer
        | [] -> Answer.Broken "the recording ends"

    override _.Observe answer =
        match last with
        | ValueSome seen -> { seen with Answer = answer }
        | ValueNone -> { Answer = answer; Nodes = []; Backends = []; Exports = []; Files = [] }

    override this.Matches(world, state) =
        let theirs = OracleView.observeIn profile world state Answer.Done
        Comparison.differences mode theirs (this.Observe Answer.Done) |> List.isEmpty

/// What a replay came to.
type Report = {
    Episodes: int
    /// Steps that were compared, and those on which oracle and recording agree. A step that
    /// disagrees is the last of its episode.
    Steps: int
    Agreed: int
    /// What was compared, with the steps whose differences are declared.
    Coverage: Coverage
    /// Recordings that end with the server's death, which is no verdict.
    Deaths: int
    /// The line of the episode, and what disagrees in it.
    Mismatches: (int * Profile * Disagreement) list
}

let private modeOf (recording: Recording) =
    recording.Hidden
    |> List.fold (fun mode name -> ComparisonMode.hide name mode) ComparisonMode.qmp

/// The profile of a recording: the one asked for, or the one it was made with.
let private profileOf (wanted: Profile option) (script: Script) =
    wanted
    |> Option.orElse (Script.profile script.Header)
    |> Option.defaultValue Profile.qemu72

let private check wanted (accept: Acceptance) (report: Report) (line: int) (recording: Recording) =
    let before = report.Coverage.StepsDeclared
    let profile = profileOf wanted recording.Script
    let mode = modeOf recording
    let steps = recording.Steps |> List.map (fun s -> Script.step s.Command)
    let script = { recording.Script with Steps = steps }
    // The oracle's own invariants are what lanes look at.
    let options = { Profile = profile; Mode = mode; InvariantEvery = 32; Accept = accept }

    use subject = new RecordedSubject(profile, mode, recording)
    let start = Script.world script

    let agreed, mismatch =
        match Checking.run options report.Coverage start subject (ScriptSource script) ignore with
        | Verdict.Agreed count -> count, []
        | Verdict.Disagreed d -> d.Step, [ line, profile, d ]

    let declared = int (report.Coverage.StepsDeclared - before)

    {
        report with
            Episodes = report.Episodes + 1
            Steps = report.Steps + agreed + mismatch.Length
            Agreed = report.Agreed + agreed - declared
            Deaths = report.Deaths + (if recording.Death.IsSome then 1 else 0)
            Mismatches = report.Mismatches @ mismatch
    }

/// Replays recordings, line by line, or says at which LINE:COLUMN they are none.
let replay
    (wanted: Profile option)
    (accept: Acceptance)
    (lines: string seq)
    : Result<Report, string> =
    let none = {
        Episodes = 0
        Steps = 0
        Agreed = 0
        Coverage = Coverage()
        Deaths = 0
        Mismatches = []
    }

    match Recordings.fold (check wanted accept) none lines with
    // Nothing compared is nothing agreed.
    | Ok report when report.Steps = 0 -> Error "1:1: the trace has no step"
    | other -> other

/// Replays recordings from a file.
let replayFile (wanted: Profile option) (accept: Acceptance) (path: string) =
    replay wanted accept (Inputs.lines path Limits.lineCharacters)

/// The last line of a replay.
let summary (report: Report) : string =
    let more = [
        if report.Coverage.StepsDeclared > 0L then
            $", {report.Coverage.StepsDeclared} differ as declared"
        if report.Deaths > 0 then
            $", {report.Deaths} ended by a death"
    ]

    $"steps {report.Agreed}/{report.Steps} in {report.Episodes} episodes"
    + String.concat "" more
