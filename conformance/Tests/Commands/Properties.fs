/// How the properties of commands are run: drafts over a fixed seed, checked step by step.
module Ashlar.Conformance.Tests.Commands.Properties

open Expecto
open FsCheck.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators
open Ashlar.Conformance.Tests.Commands.Drafts

/// The increment of SplitMix's stream that FsCheck draws from; any odd number.
let private gamma = 0x9E3779B97F4A7C15UL

/// Scripts of up to fifty steps: by then names, files and users have met many times.
let private stepsMax = 50

let private config drafts = {
    FsCheckConfig.defaultConfig with
        maxTest = drafts
        startSize = 4
        endSize = stepsMax
        replay = Some(Replay.seed, gamma, None)
}

/// A property of so many drafts. A draft that fails is shrunk and printed as a script.
let property (name: string) (drafts: int) (profile: Profile) (check: Draft -> unit) : Test =
    let checkWithLine (draft: Draft) =
        try
            check draft
        with :? AssertException as error ->
            raise (AssertException(error.Message + "\n" + Replay.line name))

    testPropertyWithConfig (config drafts) name (Prop.forAll (Drafts.drafts profile) checkWithLine)

/// A property of every step of so many drafts.
let everyStep name drafts profile (check: Taken -> unit) : Test =
    property name drafts profile (fun draft -> draft.Run() |> List.iter check)

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

/// Options of a root that are off when nobody says anything (BLK-OPEN-003): written down by an
/// open, left out by a reopen, and the same either way.
let private isDefault (name: string, value: Value) =
    value = Value.Bool false
    && List.contains name [ "read-only"; "auto-read-only"; "cache.direct"; "cache.no-flush" ]

/// The state without its counters, without the order in which options were given or that a default
/// was said, and without what a node remembers of its length: what a user could ever see.
let visible (state: State) : State =
    let plain (node: Node) = {
        node with
            Explicit = List.sortBy fst node.Explicit
            Effective = node.Effective |> List.filter (isDefault >> not) |> List.sortBy fst
            KnownBytes = -1L
    }

    {
        state with
            Nodes = state.Nodes |> Map.map (fun _ node -> plain node)
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
