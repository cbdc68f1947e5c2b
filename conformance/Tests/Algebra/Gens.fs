/// Random permissions, pairs of them and drivers, written by hand: the domain is small, so that a
/// few hundred draws see most of it.
module Ashlar.Conformance.Tests.Algebra.Gens

open Hedgehog
open Hedgehog.FSharp
open Ashlar.Reference.Block

/// Any of the sixteen sets; shrinks to fewer bits.
let perm: Gen<Perm> = Gen.int32 (Range.linear 0 15) |> Gen.map enum<Perm>

/// What a user has: a set it needs and a set it lets others have.
let pair: Gen<struct (Perm * Perm)> =
    Gen.zip perm perm |> Gen.map (fun (p, s) -> struct (p, s))

/// A pair, and one that asks for no less: more needed, less shared.
let ordered: Gen<struct (Perm * Perm) * struct (Perm * Perm)> =
    gen {
        let! struct (p, s) = pair
        let! more = perm
        let! less = perm
        return struct (p, s), struct (p ||| more, Perm.minus s less)
    }

/// Whether the first pair asks for no more than the second.
let asksNoMore (struct (p1, s1): struct (Perm * Perm)) (struct (p2, s2): struct (Perm * Perm)) =
    Perm.subset p1 p2 && Perm.subset s2 s1

/// The users of one node: none to six, as many as the conflict test ever has to order in practice.
let users: Gen<struct (Perm * Perm) list> = Gen.list (Range.linear 0 6) pair

/// The same elements in another order.
let shuffled (items: 'a list) : Gen<'a list> =
    Gen.list (Range.singleton items.Length) (Gen.int32 (Range.constant 0 1_000_000))
    |> Gen.noShrink
    |> Gen.map (fun keys -> List.zip keys items |> List.sortBy fst |> List.map snd)
