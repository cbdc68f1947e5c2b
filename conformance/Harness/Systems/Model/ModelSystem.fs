/// The proved model as a system under test: what Dafny verified, compiled, beside the oracle.
/// Options, images, lengths and texts are not in it; it is handed what the oracle did to the graph,
/// call by call, decides by itself whether that is allowed and what becomes of the graph, and both
/// have to come to the same.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block
open Ashlar.Proved

/// The model in one world, with the oracle that tells it what was asked.
[<Sealed>]
type ModelSubject(usual: Profile, script: Script) =
    inherit Subject()

    let profile = Script.profile script.Header |> Option.defaultValue usual
    let policy = ModelTerms.policy profile
    let mutable world = Script.world script
    let mutable state = Graph.empty
    let mutable model: Graph._IState = Graph.__default.Empty

    /// The requirements by which the model refuses, by its own reasons.
    let requirements (why: Checks._IWhy) : string list =
        if why.is_Conflict then
            [ "BLK-PERM-003" ]
        elif why.is_ReadOnly then
            [ "BLK-PERM-006"; "BLK-PERM-007" ]
        elif why.is_Cycle then
            [ "BLK-GRAPH-008"; "BLK-REOPEN-015" ]
        elif why.is_CannotOpen then
            [ "BLK-FILE-003"; "BLK-FILE-020" ]
        elif why.is_AnotherFile then
            [ "BLK-FILE-005" ]
        elif why.is_LockedOut then
            [ "BLK-FILE-011" ]
        elif why.is_ImplicitChild then
            [ "BLK-GRAPH-030" ]
        elif why.is_NoSuchNode || why.is_NoSuchChild then
            [ "BLK-REOPEN-015" ]
        elif why.is_NameTaken then
            [ "BLK-GRAPH-001" ]
        else
            []

    /// What only the model's own tests refuse: the oracle must not refuse by it where they do not.
    let decidedByModel =
        set [
            "BLK-PERM-003"
            "BLK-PERM-006"
            "BLK-PERM-007"
            "BLK-GRAPH-008"
            "BLK-FILE-005"
            "BLK-FILE-011"
        ]

    let pathsOf (actions: ResizeArray<GraphAction>) =
        let held =
            state.Nodes.Values
            |> Seq.choose (fun node ->
                match node.Settings with
                | Settings.File hold when hold.Path <> "" -> Some hold.Path
                | _ -> None)

        let opened =
            actions
            |> Seq.choose (fun action ->
                match action with
                | GraphAction.OpenFile(_, path, _) -> Some path
                | _ -> None)

        Seq.append held opened |> Seq.toArray

    /// The model through the actions, up to its first refusal: its state, or why and how far.
    let replay (actions: ResizeArray<GraphAction>) =
        let paths = pathsOf actions

        let rec go current rest =
            match rest with
            | [] -> Ok current
            | (next: ModelActions.Replayed) :: rest ->
                let world = ModelTerms.world world paths next.LockedOut
                let ended = Model.__default.Step(policy, world, current, next.Action)

                if ended.is_Accepted then
                    go ended.dtor_state rest
                else
                    Error(struct (ended.dtor_why, rest.Length))

        ModelActions.replayed state (List.ofSeq actions) |> go model

    /// What the two ends of one command have against each other, if anything.
    let judge (outcome: Outcome) (ended: Result<Graph._IState, struct (Checks._IWhy * int)>) =
        match outcome.Result, ended with
        | Ok _, Ok next ->
            match ModelState.differences outcome.State next with
            | [] ->
                model <- next
                None
            | differences -> Some(String.concat "; " differences)
        | Error _, Error(struct (why, _)) when why.is_Malformed -> Some "a malformed action"
        | Error _, Error(struct (_, left)) when left > 0 -> Some $"refused {left} actions early"
        | Error refusal, Error(struct (why, _)) ->
            match requirements why with
            | [] -> None
            | ids when List.contains refusal.Requirement ids -> None
            | ids -> Some $"""refused by {refusal.Requirement}, not {String.concat " or " ids}"""
        | Error refusal, Ok _ when decidedByModel.Contains refusal.Requirement ->
            Some $"accepted what {refusal.Requirement} refuses"
        | Error _, Ok _ -> None
        | Ok _, Error(struct (why, _)) -> Some $"refused what is accepted: {why}"

    override _.Act command =
        let actions = ResizeArray<GraphAction>()
        let outcome = Oracle.stepNoting actions profile world state command

        match judge outcome (replay actions) with
        | Some trouble -> Answer.Broken("the proved model: " + trouble)
        | None ->
            world <- outcome.World
            state <- outcome.State
            OracleView.answer outcome.Result

    override _.Observe answer = OracleView.observe world state answer

    override _.Matches(otherWorld, otherState) =
        obj.ReferenceEquals(state, otherState) && obj.ReferenceEquals(world, otherWorld)
        || (state = otherState && world = otherWorld)

/// Makes models of one profile.
[<Sealed>]
type ModelMaker(profile: Profile) =
    inherit SubjectMaker("proved model")

    override _.Lacks = [
        "options, images, lengths and texts are the oracle's; the model decides about the graph"
    ]

    override _.Start script = new ModelSubject(profile, script)
