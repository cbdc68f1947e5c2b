/// The three test libraries answer: a broken restore shows here first, not in a property.
module Ashlar.Conformance.Tests.PackagesTests

open Expecto
open Hedgehog
open Hedgehog.FSharp

let tests =
    testList "packages" [
        testProperty "FsCheck draws integers" (fun (a: int) (b: int) -> a + b = b + a)
        test "Hedgehog draws from a range written by hand" {
            let isInRange =
                property {
                    let! value = Gen.int32 (Range.constant 0 7)
                    return value >= 0 && value <= 7
                }

            Property.checkBool isInRange
        }
    ]
