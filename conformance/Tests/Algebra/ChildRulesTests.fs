/// What a node asks of its children, as laws: asking more above never asks less below, and every
/// driver's rule in the words of its requirement. The oracle and the engine are held to the same.
module Ashlar.Conformance.Tests.Algebra.ChildRulesTests

open Expecto
open Hedgehog
open Hedgehog.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators.Replay
open Ashlar.Conformance.Tests.Algebra
open Ashlar.Conformance.Tests.Algebra.Tops

let private draws = 300<tests>

let private holds name property = law draws name (Property.falseToFailure property)

/// Whether every edge of the first asks no more than the same edge of the second.
let private allAskNoMore (less: Asks) (more: Asks) =
    List.ofSeq less.Keys = List.ofSeq more.Keys
    && less |> Map.forall (fun name asked -> Gens.asksNoMore asked more[name])

let private monotone maker =
    testList "monotone" [
        holds
            "BLK-PERM-031 asking more above never asks less below"
            (property {
                let! case = Tops.case
                let! less, more = Gens.ordered

                return
                    match asks maker case [ less ], asks maker case [ more ] with
                    | Some below, Some further -> allAskNoMore below further
                    | _ -> true
            })
        holds
            "BLK-PERM-031 who is granted more is granted less"
            (property {
                let! case = Tops.case
                let! less, more = Gens.ordered
                return asks maker case [ more ] = None || asks maker case [ less ] <> None
            })
        holds
            "BLK-PERM-033 only what all users ask together counts"
            (property {
                let! case = Tops.case
                let! struct (p1, s1) = Gens.pair
                let! struct (p2, s2) = Gens.pair
                let together = [ struct (p1 ||| p2, s1 &&& s2) ]

                return
                    match asks maker case [ struct (p1, s1); struct (p2, s2) ] with
                    | Some two -> asks maker case together = Some two
                    | None -> true
            })
        holds
            "BLK-PERM-014 an edge to a child opened with force-share shares everything"
            (property {
                let! case = Tops.case
                let! user = Gens.pair

                return
                    match asks maker { case with ForceShare = true } [ user ] with
                    | Some below -> below |> Map.forall (fun _ (struct (_, s)) -> s = Perm.All)
                    | None -> true
            })
        holds
            "BLK-PERM-006 a read-only format node without a writer asks no child for a write"
            (property {
                let! top = Gen.item [ Top.Raw; Top.Window; Top.Qcow2 ]
                let! struct (perm, shared) = Gens.pair
                let case = { Top = top; ReadOnly = true; ForceShare = false }
                let reader = struct (Perm.minus perm (Perm.writing ||| Perm.RZ), shared)

                return
                    match asks maker case [ reader ] with
                    | Some below ->
                        below
                        |> Map.forall (fun _ (struct (p, _)) -> not (Perm.meets p Perm.changing))
                    | None -> false
            })
    ]

/// A driver's rule said anew: from the users' pair to what each child is asked.
let private rule id what (top: Gen<Top>) (readOnly: Gen<bool>) expected maker =
    holds
        $"{id} {what}"
        (property {
            let! top = top
            let! readOnly = readOnly
            let! user = Gens.pair
            let case = { Top = top; ReadOnly = readOnly; ForceShare = false }

            return
                match asks maker case [ user ] with
                | Some below -> below = Map.ofList (expected top readOnly user)
                | None -> true
        })

let private only top = Gen.constant top
let private off = Gen.constant false

let private drivers = [
    rule
        "BLK-PERM-020"
        "raw without a window passes everything on"
        (only Top.Raw)
        Gen.bool
        (fun _ _ user -> [ "file", user ])
    rule
        "BLK-PERM-020"
        "raw with a window never shares resize, and writes only for writers"
        (only Top.Window)
        Gen.bool
        (fun _ _ (struct (p, s)) -> [ "file", struct (p, Perm.minus s Perm.RZ) ])
    rule
        "BLK-PERM-022"
        "throttle passes everything on"
        (only Top.Throttle)
        Gen.bool
        (fun _ _ user -> [ "file", user ])
    rule
        "BLK-PERM-023"
        "copy-on-read always takes and shares write-unchanged"
        (only Top.CopyOnRead)
        Gen.bool
        (fun _ _ (struct (p, s)) -> [ "file", struct (p ||| Perm.WU, s ||| Perm.WU) ])
    rule
        "BLK-PERM-024"
        "blkdebug adds what it takes and keeps back what it does not share"
        (Gen.zip Gens.perm Gens.perm |> Gen.map Top.Blkdebug)
        Gen.bool
        (fun top _ (struct (p, s)) ->
            match top with
            | Top.Blkdebug(take, unshare) -> [ "image", struct (p ||| take, Perm.minus s unshare) ]
            | _ -> [])
    rule
        "BLK-PERM-025"
        "quorum lets nobody change one copy, and writes to mend only with a vote"
        (Gen.zip Gen.bool Gen.bool |> Gen.map Top.Quorum)
        Gen.bool
        (fun top _ (struct (p, s)) ->
            let mends = top = Top.Quorum(true, false)
            let asked = struct ((if mends then p ||| Perm.W else p), s &&& (Perm.CR ||| Perm.WU))
            [ "children.0", asked; "children.1", asked ])
    rule
        "BLK-PERM-012"
        "qcow2 reads and, when writable, writes and resizes its file"
        (only Top.Qcow2)
        Gen.bool
        (fun _ readOnly (struct (p, s)) ->
            let needed = if readOnly then Perm.CR else Perm.CR ||| Perm.changing
            let file = struct (p ||| needed, s &&& (Perm.CR ||| Perm.WU))
            let others = if Perm.meets s Perm.W then Perm.changing else Perm.None
            let backing = struct (p &&& Perm.CR, Perm.CR ||| Perm.WU ||| others)
            [ "file", file; "backing", backing ])
    rule
        "BLK-PERM-011"
        "a backing child is read only for a reader, and never written"
        (only Top.Qcow2)
        off
        (fun _ _ (struct (p, s)) ->
            let others = if Perm.meets s Perm.W then Perm.changing else Perm.None
            let needed = Perm.CR ||| Perm.changing ||| p

            [
                "backing", struct (p &&& Perm.CR, Perm.CR ||| Perm.WU ||| others)
                "file", struct (needed, s &&& (Perm.CR ||| Perm.WU))
            ])
]

let private laws (name: string) (make: unit -> SubjectMaker) =
    let maker = new Maker(make)

    testList name [ monotone maker; testList "drivers" [ for law in drivers -> law maker ] ]

let tests =
    testList "child rules" [
        laws "oracle" (fun () -> new OracleMaker(Profile.ashlar) :> SubjectMaker)
        laws "engine" (fun () -> new EngineMaker("engine", new MemoryWorldMaker()) :> SubjectMaker)
    ]
