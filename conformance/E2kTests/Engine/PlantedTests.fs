/// The bench tests itself: every bug planted in the engine is noticed, by comparing operations or
/// by random programs.
module Ashlar.Conformance.Tests.E2k.Engine.PlantedTests

open System
open Expecto
open Ashlar.Conformance.E2k.Fuzzing

type private Bug = Ashlar.E2k.Bug

let private bugs = Enum.GetValues<Bug>() |> List.ofArray |> List.filter ((<>) Bug.None)

/// Operands drawn for each operation, and wide instructions of random programs after that.
let private draws = 150

let private steps = 300_000L

/// The switch, which only a Planted build has.
let private switchOn (bug: Bug) =
    match typeof<Ashlar.E2k.Planted>.GetProperty "Active" with
    | null -> failtest "this build has no planted bugs"
    | property -> property.SetValue(null, bug)

let private isNoticed () = OperationTests.differs draws || (Fuzz.run 1 steps ignore).Finding.IsSome

let private hunt (bug: Bug) =
    test $"{bug} is noticed" {
        switchOn bug

        try
            Expect.isTrue (isNoticed ()) $"{bug}"
        finally
            switchOn Bug.None
    }

/// For a Planted build: the bugs share one switch, so that they are hunted one after the other.
let planted =
    testSequenced (
        testList "planted bugs" [
            test "nothing is noticed while no bug is on" {
                switchOn Bug.None
                Expect.isFalse (OperationTests.differs draws) "operations"
            }
            yield! List.map hunt bugs
        ]
    )

/// For every build.
let tests =
    testList "the bench itself" [
        test "at least thirty bugs are planted" {
            Expect.isGreaterThanOrEqual bugs.Length 30 "bugs"
        }
    ]
