/// Nodes whose children are watched: one of every driver that has children, over leaves that refuse
/// nothing by themselves, in the oracle or in the engine.
module Ashlar.Conformance.Tests.Algebra.Tops

open Expecto
open Hedgehog
open Hedgehog.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block

/// A maker for each thread, because a maker belongs to one (and tests run side by side).
type Maker = System.Threading.ThreadLocal<SubjectMaker>

/// A node to look below.
[<RequireQualifiedAccess>]
type Top =
    | Raw
    /// raw with an offset: a window, not a filter.
    | Window
    | Throttle
    | CopyOnRead
    | Blkdebug of take: Perm * unshare: Perm
    | Quorum of rewrites: bool * fifo: bool
    /// qcow2 over a file, with a backing node.
    | Qcow2

/// A top with its flag, and whether its leaves were opened with force-share.
type Case = { Top: Top; ReadOnly: bool; ForceShare: bool }

/// Any top; blkdebug with any masks.
let top: Gen<Top> =
    Gen.choice [
        Gen.item [ Top.Raw; Top.Window; Top.Throttle; Top.CopyOnRead; Top.Qcow2 ]
        Gen.zip Gens.perm Gens.perm |> Gen.map Top.Blkdebug
        Gen.zip Gen.bool Gen.bool |> Gen.map Top.Quorum
    ]

/// Any case.
let case: Gen<Case> =
    gen {
        let! top = top
        let! readOnly = Gen.bool
        let! forceShare = Gen.frequency [ 3, Gen.constant false; 1, Gen.constant true ]

        return { Top = top; ReadOnly = readOnly; ForceShare = forceShare }
    }

/// What one edge asks, by the edge's name.
type Asks = Map<string, struct (Perm * Perm)>

let private str (s: string) = Value.Str s

let private names (perm: Perm) = Value.List(Perm.toQapi perm |> List.map str)

/// An empty list is an option blkdebug does not take (BLK-OPEN-024).
let private mask name perm = if perm = Perm.None then [] else [ name, names perm ]

let private members (top: Top) =
    match top with
    | Top.Raw -> [ "driver", str "raw"; "file", str "leaf" ]
    | Top.Window -> [ "driver", str "raw"; "file", str "leaf"; "offset", Value.Int 512L ]
    | Top.Throttle -> [
        "driver", str "throttle"
        "throttle-group", str "group"
        "file", str "leaf"
      ]
    | Top.CopyOnRead -> [ "driver", str "copy-on-read"; "file", str "leaf" ]
    | Top.Blkdebug(take, unshare) ->
        [ "driver", str "blkdebug"; "image", str "leaf" ]
        @ mask "take-child-perms" take
        @ mask "unshare-child-perms" unshare
    | Top.Quorum(rewrites, fifo) -> [
        "driver", str "quorum"
        "children", Value.List [ str "leaf"; str "other" ]
        "vote-threshold", Value.Int 1L
        "rewrite-corrupted", Value.Bool rewrites
        "read-pattern", str (if fifo then "fifo" else "quorum")
      ]
    | Top.Qcow2 -> [ "driver", str "qcow2"; "file", str "image"; "backing", str "leaf" ]

/// force-share is for read-only nodes only (BLK-OPEN-007).
let private leafFlags forceShare = [
    "read-only", Value.Bool forceShare
    "force-share", Value.Bool forceShare
]

let private leaf forceShare name =
    Value.Dict([ "driver", str "null-co"; "node-name", str name ] @ leafFlags forceShare)

let private image forceShare =
    let own = [ "driver", str "file"; "node-name", str "image"; "filename", str "image.qcow2" ]
    Value.Dict(own @ leafFlags forceShare)

/// A world with one qcow2 image and one throttle group.
let world: Script = {
    Script.empty with
        Files = [
            {
                Name = "image.qcow2"
                Format = Format.Qcow2 World.plainHeader
                SizeBytes = 1_048_576L
                Mode = 0o644
                Owned = true
                Locks = []
            }
        ]
        ThrottleGroups = [ "group" ]
}

let private must (subject: Subject) command =
    match subject.Act command with
    | Answer.Done -> ()
    | answer -> failtest $"{ScriptPrinter.command command}: {Observation.answerText answer}"

let private tryAct (subject: Subject) command =
    match subject.Act command with
    | Answer.Done -> true
    | Answer.Refused _ -> false
    | answer -> failtest $"{ScriptPrinter.command command}: {Observation.answerText answer}"

let private children (subject: Subject) : Asks =
    (subject.Observe Answer.Done).Nodes
    |> List.filter (fun n -> n.Name = "top")
    |> List.collect _.Children
    |> List.map (fun e -> e.Name, struct (e.Perm, e.Shared))
    |> Map.ofList

/// What the top asks of its children once the users are attached, all or nothing: nothing is said
/// when the top or one of the users is refused.
let asks (maker: Maker) (case: Case) (users: struct (Perm * Perm) list) : Asks option =
    use subject = maker.Value.Start world

    for name in [ "leaf"; "other" ] do
        must subject (BlockdevAdd(leaf case.ForceShare name))

    must subject (BlockdevAdd(image case.ForceShare))

    let own = [ "node-name", str "top"; "read-only", Value.Bool case.ReadOnly ]

    let isUp =
        tryAct subject (BlockdevAdd(Value.Dict(members case.Top @ own)))
        && users
           |> List.indexed
           |> List.forall (fun (number, struct (perm, shared)) ->
               tryAct subject (BackendAttach($"user{number}", "top", perm, shared)))

    if isUp then Some(children subject) else None
