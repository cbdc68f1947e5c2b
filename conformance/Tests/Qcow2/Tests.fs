/// The tests of the qcow2 format.
module Ashlar.Conformance.Tests.Qcow2.Tests

let all = [
    ModelTests.tests
    ForeignTests.tests
    GrowthTests.tests
    SnapshotTests.tests
    CrashTests.tests
    RepairTests.tests
    LazyTests.tests
    ConcurrencyTests.tests
    HostileTests.tests
]
