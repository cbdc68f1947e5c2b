/// One script through the oracle and a system under test, every step compared.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// A step on which the two sides differ, with all that is needed to explain it.
type Disagreement = {
    /// Counts from 0.
    Step: int
    Command: Command
    WorldBefore: World
    StateBefore: State
    /// What the oracle allows.
    Allowed: Outcome list
    /// What was seen.
    Actual: Observation
    /// Against the allowed outcome that is nearest.
    Differences: Difference list
    /// Invariants the oracle's own state breaks.
    Violations: Violation list
    /// What the script expected instead of what the oracle allows, if that is the trouble.
    Expectation: string option
}

/// Disagreements told apart and told.
module Disagreement =
    /// How the system broke, where it gave no answer at all.
    let broken (d: Disagreement) : string option =
        match d.Actual.Answer with
        | Answer.Broken reason -> Some reason
        | _ -> None

    /// Whether it did not answer in time.
    let isHang (d: Disagreement) : bool =
        match broken d with
        | Some reason -> reason.StartsWith("hung", StringComparison.Ordinal)
        | None -> false

    /// What kind of trouble it is: equal for disagreements that probably have one cause.
    let signature (d: Disagreement) : string =
        let command = CommandKind.names[CommandKind.indexOf d.Command]

        let trouble =
            match d.Differences, d.Violations, d.Expectation with
            | _ when (broken d).IsSome -> Option.get (broken d)
            | first :: _, _, _ -> string first.Aspect
            | [], first :: _, _ -> first.Invariant
            | [], [], Some _ -> "Expectation"
            | [], [], None -> "Hidden"

        let requirement =
            match d.Allowed with
            // A death has its own cause, whatever the oracle would have said.
            | _ when (broken d).IsSome -> "Broken"
            | { Result = Error refusal } :: _ -> refusal.Requirement
            | _ -> "accepted"

        $"{command}, {trouble}, {requirement}"

    /// One sentence that a script may carry as what it shows.
    let sentence (d: Disagreement) : string =
        let command = CommandKind.names[CommandKind.indexOf d.Command]

        match d.Differences, d.Violations, d.Expectation with
        | _ when (broken d).IsSome -> $"The system breaks at {command}: {(broken d).Value}."
        | first :: _, _, _ ->
            let what = (string first.Aspect).ToLowerInvariant()
            $"Oracle and engine disagree on {what} after {command}."
        | [], first :: _, _ -> $"The state after {command} breaks invariant {first.Invariant}."
        | [], [], Some expected -> $"A step of {command} does not end as expected: {expected}."
        | [], [], None -> $"Oracle and engine disagree after {command}."

/// How a script ended.
[<RequireQualifiedAccess>]
type Verdict =
    | Agreed of transitions: int
    | Disagreed of Disagreement

/// What is checked besides agreement.
type CheckOptions = {
    Profile: Profile
    Mode: ComparisonMode
    /// The invariants are checked on one step in so many; 1 is every step.
    InvariantEvery: int
    /// Differences that are none.
    Accept: Acceptance
}

/// Where commands come from: a script, or a generator that looks at the state.
[<AbstractClass>]
type Source() =
    /// The next command, or nothing at the end.
    abstract Next: World * State -> Command voption
    /// What the script expects of the command just given.
    abstract Expected: Expectation option
    default _.Expected = None
    /// What the script says is to be seen after it and is not, as the line that says so.
    abstract Missing: World * State -> string option
    default _.Missing(_, _) = None

/// A script's commands in order.
[<Sealed>]
type ScriptSource(script: Script) =
    inherit Source()

    let mutable rest =
        script.Steps
        |> List.filter (fun s ->
            match s.Act with
            | Act.Do _ -> true
            | Act.Refused _ -> false)

    let mutable expected: Expectation option = None
    let mutable observed: string list = []

    override _.Expected = expected

    override _.Missing(world, state) =
        if observed.IsEmpty then
            None
        else
            Observation.missing observed (OracleView.observe world state Answer.Done)

    override _.Next(_, _) =
        match rest with
        | { Act = Act.Do command; Expect = expect; Observe = observe } :: more ->
            rest <- more
            expected <- expect
            observed <- observe
            ValueSome command
        | _ -> ValueNone

/// The loop.
module Checking =
    let private sameAnswer (allowed: Result<Reply, Refusal>) (actual: Answer) : bool =
        match allowed, actual with
        | Ok Done, Answer.Done -> true
        | Ok(Data expected), Answer.Data found -> expected = found
        | Ok AnyData, Answer.Data _ -> true
        | Error refusal, Answer.Refused(cls, text) ->
            String.Equals(refusal.Class, cls) && Comparison.allows refusal.Text text
        | _ -> false

    let private sameAnswerIn (mode: ComparisonMode) allowed actual =
        sameAnswer allowed actual
        || (mode <> ComparisonMode.full
            && List.isEmpty (Comparison.answerDifferences mode (OracleView.answer allowed) actual))

    /// The allowed outcome the subject agrees with.
    let internal agreed mode (subject: Subject) (answer: Answer) (allowed: Outcome list) =
        let rec go outcomes =
            match outcomes with
            | [] -> ValueNone
            | outcome :: rest ->
                if
                    sameAnswerIn mode outcome.Result answer
                    && subject.Matches(outcome.World, outcome.State)
                then
                    ValueSome outcome
                else
                    go rest

        go allowed

    /// The differences to the nearest allowed outcome.
    let internal nearest (mode: ComparisonMode) (actual: Observation) (allowed: Outcome list) =
        let against (o: Outcome) =
            let expected = OracleView.observe o.World o.State (OracleView.answer o.Result)
            Comparison.differences mode expected actual

        if allowed.IsEmpty then
            []
        else
            allowed |> List.map against |> List.minBy List.length

    /// The allowed outcome that is nearest, in the profile's own view, and what differs from it.
    let private closest (options: CheckOptions) (actual: Observation) (allowed: Outcome list) =
        let against (o: Outcome) =
            let answer = OracleView.answer o.Result
            let expected = OracleView.observeIn options.Profile o.World o.State answer
            o, Comparison.differences options.Mode expected actual

        match allowed with
        | [] -> None
        | _ -> allowed |> List.map against |> List.minBy (snd >> List.length) |> Some

    let private ofAnswers = [ Aspect.Outcome; Aspect.Text; Aspect.Data ]

    /// The outcome to go on with after a step whose differences are all declared, and their ids.
    let private declared (options: CheckOptions) (subject: Subject) command actual allowed =
        match closest options actual allowed with
        | Some(outcome, differences) ->
            let name = CommandKind.names[CommandKind.indexOf command]

            let isShown =
                differences |> List.exists (fun d -> not (List.contains d.Aspect ofAnswers))

            match options.Accept.Judge(name, differences) with
            // What cannot be seen is declared by nobody. Asking also tells nodes apart anew.
            | Some ids when subject.Matches(outcome.World, outcome.State) || isShown ->
                Some struct (ids, outcome)
            | _ -> None
        | None -> None

    /// Whether one side refused and the other did not: from there on their states differ.
    let private parted (outcome: Outcome) (actual: Observation) =
        match outcome.Result, actual.Answer with
        | Error _, Answer.Refused _ -> false
        | Ok _, Answer.Refused _
        | Error _, _ -> true
        | Ok _, _ -> false

    /// What was expected of a step and did not come, as the line that said so. What the oracle
    /// leaves open meets every expectation.
    let unexpected (expect: Expectation option) (result: Result<Reply, Refusal>) : string option =
        match expect, result with
        | None, _
        | Some Expectation.Ok, Ok _
        | Some(Expectation.Error None), Error _ -> None
        | Some(Expectation.Data _), Ok AnyData -> None
        | Some(Expectation.Data runs), Ok(Data found) when runs = found -> None
        | Some(Expectation.Error(Some text)), Error r when Comparison.allows r.Text text -> None
        | Some expected, _ -> Some(ScriptPrinter.expectation expected)

    /// The result with the text that was seen, where the oracle allows several.
    let private said (result: Result<Reply, Refusal>) (answer: Answer) =
        match result, answer with
        | Error refusal, Answer.Refused(_, text) -> Error { refusal with Text = text }
        | _ -> result

    let internal disagreement step command world state allowed actual differences = {
        Step = step
        Command = command
        WorldBefore = world
        StateBefore = state
        Allowed = allowed
        Actual = actual
        Differences = differences
        Violations = []
        Expectation = None
    }

    /// Runs commands from a source until one disagrees or there are no more. `told` hears of every
    /// command before it is executed.
    let run
        (options: CheckOptions)
        (coverage: Coverage)
        (start: World)
        (subject: Subject)
        (source: Source)
        (told: Command -> unit)
        : Verdict =
        let mutable world = start
        let mutable state = Graph.empty
        let mutable step = 0
        let mutable verdict = ValueNone
        let mutable ended = false

        /// The next command that the system has; what it lacks was never to be asked of it.
        let rec draw () =
            match source.Next(world, state) with
            | ValueSome command when not (subject.Takes command) ->
                coverage.CountLeftOut()
                draw ()
            | other -> other

        let mutable next = draw ()
        let touched = Array.zeroCreate<uint64> Rule.subjects.Length

        while verdict.IsNone && not ended && next.IsSome do
            let command = next.Value
            told command
            let allowed = Oracle.stepTouching touched options.Profile world state command
            let answer = subject.Act command
            let fail () = disagreement step command world state allowed

            match agreed options.Mode subject answer allowed with
            | ValueNone ->
                let actual = subject.Observe answer

                match declared options subject command actual allowed with
                | Some(struct (ids, outcome)) ->
                    ended <- parted outcome actual
                    coverage.CountDeclared(ids, ended)
                    world <- outcome.World
                    state <- outcome.State
                    step <- step + 1
                    Array.Clear touched

                    if not ended then
                        next <- draw ()
                | None ->
                    let differences = nearest options.Mode actual allowed
                    verdict <- ValueSome(fail () actual differences)
            | ValueSome outcome ->
                coverage.Count(command, outcome.Result)
                coverage.CountTouched touched

                if step % options.InvariantEvery = 0 then
                    match Invariant.check options.Profile outcome.World outcome.State with
                    | [] -> ()
                    | violations ->
                        let broken = fail () (subject.Observe answer) []
                        verdict <- ValueSome { broken with Violations = violations }

                let wanted =
                    match unexpected source.Expected (said outcome.Result answer) with
                    | None -> source.Missing(outcome.World, outcome.State)
                    | some -> some

                match wanted with
                | Some expected when verdict.IsNone ->
                    let wrong = fail () (subject.Observe answer) []
                    verdict <- ValueSome { wrong with Expectation = Some expected }
                | _ -> ()

                world <- outcome.World
                state <- outcome.State
                step <- step + 1

                if verdict.IsNone then
                    next <- draw ()

        match verdict with
        | ValueSome found -> Verdict.Disagreed found
        | ValueNone -> Verdict.Agreed step

    /// Runs a script on a fresh subject.
    let script (options: CheckOptions) (coverage: Coverage) (maker: SubjectMaker) (script: Script) =
        use subject = maker.Start script
        run options coverage (Script.world script) subject (ScriptSource script) ignore
