/// The one test executable: each room's list is named here, once.
module Ashlar.Conformance.Tests.Program

open Expecto

let all = testList "ashlar" [ PackagesTests.tests ]

[<EntryPoint>]
let main arguments = runTestsWithCLIArgs [] arguments all
