/// Every lane of random scripts runs in each of its parts.
module Ashlar.Conformance.Tests.Generators.LaneTests

open Expecto
open Ashlar.Conformance

/// The exhaustive lane has tests of its own, and so has the one that needs a daemon; the canary
/// must fail.
let private lanes = [ Lane.smoke; Lane.memory; Lane.files; Lane.soak; Lane.model ]

/// Long enough for two turns of soak: one in memory and one on files.
let private twoTurns = Budget.Seconds 31

let private parts (scratch: Scratch) (lane: Lane) =
    Plan.parts (Some scratch) {
        Lane = lane
        Sut = lane.Sut
        PartName = None
        Seed = 5UL
        Budget = twoTurns
        Profile = lane.Profile
        Workers = 2
        Only = None
    }

let tests =
    testList "lanes" [
        for lane in lanes do
            test $"{lane.Name} runs in each part and agrees" {
                use scratch = Scratch.Open()

                for part in parts scratch lane do
                    let result = Runner.run (Progress()) { part with Budget = Budget.Steps 200L }
                    Expect.equal result.Disagreements 0 part.Lane
                    Expect.isGreaterThanOrEqual result.Coverage.Transitions 200L part.Lane
            }
    ]
