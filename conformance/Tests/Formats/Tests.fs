/// The tests of the reference of image formats.
module Ashlar.Conformance.Tests.Formats.Tests

let all = [
    WriterTests.tests
    FieldTests.tests
    DamageTests.tests
    EngineTests.tests
    QemuTests.tests
]
