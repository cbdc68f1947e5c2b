/// How the properties of commands are run: plans over a fixed seed, checked step by step.
module Ashlar.Conformance.Tests.Commands.Properties

open Expecto
open FsCheck.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators
open Ashlar.Conformance.Tests.Commands.Plan

/// The increment of SplitMix's stream that FsCheck draws from; any odd number.
let private gamma = 0x9E3779B97F4A7C15UL

/// Scripts of up to fifty steps: by then names, files and users have met many times.
let private stepsMax = 50

let private config plans = {
    FsCheckConfig.defaultConfig with
        maxTest = plans
        startSize = 4
        endSize = stepsMax
        replay = Some(Replay.seed, gamma, None)
}

/// A property of so many plans. A plan that fails is shrunk and printed as a script.
let property (name: string) (plans: int) (profile: Profile) (check: Plan -> unit) : Test =
    let checkWithLine (plan: Plan) =
        try
            check plan
        with :? AssertException as error ->
            raise (AssertException(error.Message + "\n" + Replay.line name))

    testPropertyWithConfig (config plans) name (Prop.forAll (Plan.plans profile) checkWithLine)

/// A property of every step of so many plans.
let everyStep name plans profile (check: Taken -> unit) : Test =
    property name plans profile (fun plan -> plan.Run() |> List.iter check)

/// Every allowed end of a command.
let outcomes (profile: Profile) world state command = Oracle.step profile world state command

/// The end of a command, the first of those allowed.
let outcome (profile: Profile) world state command : Outcome =
    match Oracle.step profile world state command with
    | first :: _ -> first
    | [] -> failtest $"no outcome of {ScriptPrinter.command command}"

/// Whether the command is accepted.
let isAccepted profile world state command = (outcome profile world state command).Result.IsOk

/// The reason of a refusal, for messages.
let answer (outcome: Outcome) = Observation.answerText (OracleView.answer outcome.Result)

/// The state without its counters: what a user could ever see.
let visible (state: State) : State = {
    state with
        NextNode = 0
        NextEdge = 0
        NextBackend = 0
        NextName = 0
}

/// Fails with both observations side by side.
let expectSameState (what: string) (world: World) (expected: State) (actual: State) =
    if visible expected <> visible actual then
        let lines state = OracleView.observe world state Answer.Done |> Observation.lines

        let gone = lines expected |> List.except (lines actual)
        let came = lines actual |> List.except (lines expected)

        if gone.IsEmpty && came.IsEmpty then
            failtest $"{what}: not observable, but the states differ\n%A{expected}\n%A{actual}"
        else
            let text = String.concat "\n  "
            failtest $"{what}\nbefore:\n  {text gone}\nafter:\n  {text came}"

/// What a command is called in messages.
let shown (command: Command) = ScriptPrinter.command command
