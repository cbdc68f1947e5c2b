/// The house rules as one list; `build.fsx check` runs it by its name, ashlar.tidy.
module Ashlar.Conformance.Tests.Tidy.Tests

open Expecto

let all =
    testList "tidy" [
        Layout.tests
        Calls.tests
        Arrows.tests
        Requirements.tests
        Prose.tests
        Tables.tests
        FindingPages.tests
        Hygiene.tests
    ]
