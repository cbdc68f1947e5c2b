/// Permission sets are a lattice: union joins, intersection meets, and the names lose nothing.
module Ashlar.Conformance.Tests.Algebra.LatticeTests

open Expecto
open Hedgehog.FSharp
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators.Replay
open Ashlar.Conformance.Tests.Algebra

/// Sixteen sets: this many draws of three see most triples that matter.
let private draws = 400<Hedgehog.tests>

let private two name holds =
    law
        draws
        name
        (property {
            let! a = Gens.perm
            let! b = Gens.perm
            return holds a b
         }
         |> Property.falseToFailure)

let private three name holds =
    law
        draws
        name
        (property {
            let! a = Gens.perm
            let! b = Gens.perm
            let! c = Gens.perm
            return holds a b c
         }
         |> Property.falseToFailure)

/// The names of a text, each looked up again: text is a homomorphism into lists of names.
let private ofText (text: string) =
    text.Split(", ", System.StringSplitOptions.RemoveEmptyEntries)
    |> Array.map (fun name -> Perm.ordered[System.Array.IndexOf(Perm.names, name)])
    |> Array.fold (|||) Perm.None

let tests =
    testList "BLK-PERM-001 permission sets" [
        two "subset is the order of the union" (fun a b -> Perm.subset a b = (a ||| b = b))
        two "subset is the order of the intersection" (fun a b -> Perm.subset a b = (a &&& b = a))
        two "subset is antisymmetric" (fun a b -> not (Perm.subset a b && Perm.subset b a) || a = b)
        three "subset is transitive" (fun a b c ->
            not (Perm.subset a b && Perm.subset b c) || Perm.subset a c)
        three "the union is the least set above both" (fun a b c ->
            Perm.subset (a ||| b) c = (Perm.subset a c && Perm.subset b c))
        three "the intersection is the greatest set below both" (fun a b c ->
            Perm.subset c (a &&& b) = (Perm.subset c a && Perm.subset c b))
        three "union distributes over intersection" (fun a b c ->
            a ||| (b &&& c) = ((a ||| b) &&& (a ||| c)))
        two "absorption" (fun a b -> (a ||| (a &&& b)) = a && (a &&& (a ||| b)) = a)
        two "minus leaves what b lacks, and never leaves the four" (fun a b ->
            let left = Perm.minus a b

            Perm.subset left a
            && not (Perm.meets left b)
            && (left ||| (a &&& b)) = a
            && Perm.subset left Perm.All)
        two "to meet is to share a bit" (fun a b ->
            Perm.meets a b =
                Array.exists (fun p -> Perm.subset p a && Perm.subset p b) Perm.ordered)
        two "the text of a set names its members in order, each once" (fun a b ->
            ofText (Perm.text a) = a && (Perm.text a = Perm.text b) = (a = b))
        two "QAPI names give the set back" (fun a _ ->
            (Perm.None, Perm.toQapi a)
            ||> List.fold (fun sum name ->
                match Perm.ofQapi name with
                | ValueSome p -> sum ||| p
                | ValueNone -> failtest $"unknown name {name}")
                =
                a)
    ]
