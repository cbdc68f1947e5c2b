/// Properties of commands on the engine, seen through observations alone: no oracle decides here,
/// it only helps to choose commands.
module Ashlar.Conformance.Tests.Commands.EngineTests

open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Commands.Drafts
open Ashlar.Conformance.Tests.Commands.Properties

let private drafts = 200

/// A maker belongs to one thread, and tests run side by side.
let private maker =
    new System.Threading.ThreadLocal<SubjectMaker>(fun () ->
        new EngineMaker("engine", new MemoryWorldMaker()) :> SubjectMaker)

let private start () = maker.Value.Start Drafts.world

/// What is there, without the answer given last.
let private seen (subject: Subject) = subject.Observe Answer.Done

/// A qcow2 node may write back what it holds at any time, and its file may grow by that: while
/// there is one, the lengths of files and of what is over them say nothing about the graph.
let private withoutFileLengths (o: Observation) =
    let own = [ "qcow2"; "null-co"; "nbd" ]

    let blur (n: ObservedNode) =
        if List.contains n.Driver own then
            n
        else
            { n with LengthBytes = -1L }

    if o.Nodes |> List.exists (fun n -> n.Driver = "qcow2") then
        { o with Nodes = List.map blur o.Nodes }
    else
        o

let private expectSame what (before: Observation) (after: Observation) =
    let differences = Comparison.differences ComparisonMode.full (withoutFileLengths before) after

    if not differences.IsEmpty then
        let line d = $"{d.Aspect}: {d.Expected} -> {d.Actual}"
        failtest (what + "\n  " + String.concat "\n  " (List.map line differences))

let private isOk (answer: Answer) =
    match answer with
    | Answer.Done
    | Answer.Data _
    | Answer.AnyData -> true
    | Answer.Refused _ -> false
    | Answer.Broken reason -> failtest reason

/// Every step of so many drafts on a fresh engine each: before, the command, its answer, after.
let private everyStep name drafts check =
    property name drafts Profile.ashlar (fun draft ->
        use subject = start ()

        for command in draft.Commands do
            let before = seen subject
            let answer = subject.Act command
            check subject before command answer)

/// What reads of every backend return, small and at both ends: content is part of "nothing".
let private contents (subject: Subject) (observation: Observation) =
    observation.Backends
    |> List.choose _.Name
    |> List.map (fun name -> name, subject.Act(Request(name, Request.Read(0L, 65_536L))))

let private refused =
    everyStep
        "BLK-PERM-032 BLK-GRAPH-007 a refused command leaves all that can be seen as it was"
        drafts
        (fun subject before command answer ->
            if not (isOk answer) then
                expectSame (shown command) before (seen subject))

let private refusedContents =
    everyStep
        "BLK-DATA-001 a refused command leaves what users read as it was"
        (drafts / 2)
        (fun subject before command answer ->
            ignore answer
            let first = contents subject before
            let again = subject.Act command

            if not (isOk again) then
                Expect.equal (contents subject before) first (shown command))

let private moves =
    everyStep
        "the environment's moves change nothing that is open"
        drafts
        (fun subject before command answer ->
            match command with
            | Move _ ->
                Expect.isTrue (isOk answer) (shown command)
                expectSame (shown command) before (seen subject)
            | _ -> ())

let private inverse (command: Command) =
    match command with
    | BlockdevAdd options ->
        match Value.find "node-name" (Value.members options) with
        | ValueSome(Value.Str name) -> Some(BlockdevDel name)
        | _ -> None
    | BackendAttach(name, _, _, _) -> Some(BackendDetach name)
    | BlockExportAdd(id, _, _, _, _) -> Some(BlockExportDel id)
    | _ -> None

let private inverses =
    everyStep
        "BLK-GRAPH-004 BLK-PERM-041 BLK-EXPORT-006 what is made is unmade without a trace"
        drafts
        (fun subject before command answer ->
            match inverse command with
            | Some undo when isOk answer ->
                let what = $"{shown command}, then {shown undo}"
                let back = subject.Act undo
                Expect.isTrue (isOk back) $"{what}: {Observation.answerText back}"
                expectSame what before (seen subject)
                subject.Act command |> ignore
            | _ -> ())

let private loosening =
    everyStep "BLK-PERM-034 giving everything back never fails" drafts (fun subject _ command _ ->
        for backend in (seen subject).Backends do
            match backend.Name with
            | Some name when command.IsMove ->
                // bit by bit, since asking again for what was just given back may fail
                let mutable perm = backend.Perm
                let mutable shared = backend.Shared

                for bit in Perm.ordered do
                    perm <- Perm.minus perm bit
                    shared <- shared ||| bit
                    let set = BackendSet(name, perm, shared)

                    let answer = subject.Act set
                    Expect.isTrue (isOk answer) $"{shown set}: {Observation.answerText answer}"
            | _ -> ())

let private function' =
    property "a step is a function of its inputs" drafts Profile.ashlar (fun draft ->
        use one = start ()
        use other = start ()

        for command in draft.Commands do
            Expect.equal (other.Act command) (one.Act command) (shown command)

        expectSame "the end" (seen one) (seen other))

let private identity =
    property
        "BLK-REOPEN-023 a reopen with the same options and children changes nothing"
        drafts
        Profile.ashlar
        (fun draft ->
            use subject = start ()
            let taken = draft.Run()

            // Where the model leaves an end open the engine may have gone another way.
            let follows (step: Taken) = isOk (subject.Act step.Command) = step.Outcome.Result.IsOk

            let goesTogether = taken |> List.map follows |> List.forall id

            match List.tryLast taken with
            | Some last when goesTogether && not last.Command.IsMove ->
                let before = seen subject

                for command in ReopenTests.identities last.Outcome.State do
                    let answer = subject.Act command
                    Expect.isTrue (isOk answer) $"{shown command}: {Observation.answerText answer}"
                    expectSame (shown command) before (seen subject)
            | _ -> ())

let private isClosed =
    property
        "BLK-GRAPH-004 deleting everything leaves no descriptor and no lock"
        drafts
        Profile.ashlar
        (fun draft ->
            use subject = start ()

            for command in draft.Commands do
                subject.Act command |> ignore

            let unmake (o: Observation) = [
                for id, _ in o.Exports -> BlockExportDel id
                for b in o.Backends |> List.choose _.Name -> BackendDetach b
                for n in o.Nodes -> BlockdevDel n.Name
            ]

            // Each round frees at least the topmost nodes.
            let mutable left = seen subject

            for _ in 0 .. left.Nodes.Length do
                for command in unmake left do
                    subject.Act command |> ignore

                left <- seen subject

            Expect.isEmpty left.Nodes "nodes are left"
            Expect.isEmpty left.Files "descriptors or locks are left")

let tests =
    testList "engine" [
        refused
        refusedContents
        moves
        inverses
        loosening
        function'
        identity
        isClosed
    ]
