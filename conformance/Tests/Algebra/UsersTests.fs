/// The users of one node: what they ask for together, and when they get along.
module Ashlar.Conformance.Tests.Algebra.UsersTests

open Expecto
open Hedgehog
open Hedgehog.FSharp
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators.Replay
open Ashlar.Conformance.Tests.Algebra

let private draws = 300<tests>

/// What the oracle makes of a command that leaves nothing open.
let private step world state command =
    match Oracle.step Profile.ashlar world state command with
    | [ outcome ] -> outcome
    | outcomes -> failtest $"%d{outcomes.Length} outcomes of {command}"

/// One node without children and without a host: nothing but its users can refuse a user.
let private lonely readOnly =
    let options =
        Value.Dict [
            "driver", Value.Str "null-co"
            "node-name", Value.Str "n"
            "read-only", Value.Bool readOnly
        ]

    (step World.empty Graph.empty (BlockdevAdd options)).State

/// Attaches users one after the other; each one by number, so that an order is a list of numbers.
let private attachAll state (users: (int * struct (Perm * Perm)) list) =
    ((state, []), users)
    ||> List.fold (fun (state, results) (number, struct (perm, shared)) ->
        let outcome = step World.empty state (BackendAttach($"b{number}", "n", perm, shared))

        outcome.State, Result.isOk outcome.Result :: results)

let private allAccepted state users = attachAll state users |> snd |> List.forall id

/// BLK-PERM-003, said in its own words: nobody needs what another one does not share.
let private getAlong (users: struct (Perm * Perm) list) =
    let numbered = List.indexed users

    List.allPairs numbered numbered
    |> List.forall (fun ((i, struct (_, shared)), (j, struct (perm, _))) ->
        i = j || Perm.subset perm shared)

let private nodeOf state =
    match Graph.byName state "n" with
    | Some node -> node
    | None -> failtest "the node is gone"

let private together state = Graph.cumulative state (nodeOf state)

/// Users that share everything, so that they always get along.
let private generous =
    Gens.users |> Gen.map (List.map (fun (struct (p, _)) -> struct (p, Perm.All)))

let private cumulative =
    testList "BLK-PERM-002 what users ask for together" [
        law
            draws
            "is the union of perm and the intersection of shared, (none, all) without users"
            (property {
                let! users = Gens.users
                let state, results = attachAll (lonely false) (List.indexed users)
                let accepted = List.zip users (List.rev results) |> List.filter snd |> List.map fst

                let expected =
                    (struct (Perm.None, Perm.All), accepted)
                    ||> List.fold (fun (struct (p, s)) (struct (perm, shared)) ->
                        struct (p ||| perm, s &&& shared))

                return together state = expected
             }
             |> Property.falseToFailure)
        law
            draws
            "does not depend on who came first"
            (property {
                let! users = generous
                let! others = Gens.shuffled (List.indexed users)
                let state, _ = attachAll (lonely false) (List.indexed users)
                let other, _ = attachAll (lonely false) others
                return together state = together other
             }
             |> Property.falseToFailure)
        law
            draws
            "only grows with one more user, and shrinks back when it leaves"
            (property {
                let! users = generous
                let! struct (perm, shared) = Gens.pair
                let state, _ = attachAll (lonely false) (List.indexed users)
                let more = step World.empty state (BackendAttach("one", "n", perm, shared))
                let back = step World.empty more.State (BackendDetach "one")

                return
                    (Result.isError more.Result
                     || Gens.asksNoMore (together state) (together more.State)
                        && Result.isOk back.Result)
                    && together back.State = together state
             }
             |> Property.falseToFailure)
    ]

let private conflicts =
    testList "BLK-PERM-003 users that conflict" [
        law
            draws
            "all are accepted exactly when nobody needs what another does not share"
            (property {
                let! users = Gens.users
                return allAccepted (lonely false) (List.indexed users) = getAlong users
             }
             |> Property.falseToFailure)
        law
            draws
            "two are accepted in one order exactly when they are in the other"
            (property {
                let! a = Gens.pair
                let! b = Gens.pair
                let both order = allAccepted (lonely false) order
                return both [ 0, a; 1, b ] = both [ 1, b; 0, a ]
             }
             |> Property.falseToFailure)
        law
            draws
            "whether all are accepted does not depend on the order of the list"
            (property {
                let! users = Gens.users
                let! others = Gens.shuffled (List.indexed users)
                let first = allAccepted (lonely false) (List.indexed users)
                return first = allAccepted (lonely false) others
             }
             |> Property.falseToFailure)
        law
            draws
            "a refusal names two users of the node and exactly what stands between them"
            (property {
                let! struct (p, s) = Gens.pair
                let! struct (q, t) = Gens.pair
                let state, _ = attachAll (lonely false) [ 0, struct (p, s) ]
                let outcome = step World.empty state (BackendAttach("b1", "n", q, t))

                let says by from missing =
                    $"Permission conflict on node 'n': permissions '{Perm.text missing}' are both "
                    + $"required by block device '{by}' (uses node 'n' as 'root' child) and "
                    + $"unshared by block device '{from}' (uses node 'n' as 'root' child)."

                return
                    match outcome.Result with
                    | Ok _ -> Perm.subset q s && Perm.subset p t
                    | Error refusal ->
                        // BLK-PERM-004: the newcomer is at the head of the list
                        let expected =
                            if not (Perm.subset p t) then
                                says "b0" "b1" (Perm.minus p t)
                            else
                                says "b1" "b0" (Perm.minus q s)

                        refusal.Requirement = "BLK-PERM-003" && refusal.Text = expected
             }
             |> Property.falseToFailure)
    ]

let private readOnly =
    testList "BLK-PERM-006 users of a read-only node" [
        law
            draws
            "are accepted exactly when none of them writes (BLK-PERM-007: or resizes)"
            (property {
                let! users = generous
                let changes = Perm.writing ||| Perm.RZ

                let expected =
                    users |> List.forall (fun (struct (p, _)) -> not (Perm.meets p changes))

                return allAccepted (lonely true) (List.indexed users) = expected
             }
             |> Property.falseToFailure)
    ]

let tests = testList "users of a node" [ cumulative; conflicts; readOnly ]
