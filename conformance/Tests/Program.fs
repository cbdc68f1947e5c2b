/// The test executable of all but the e2k machine: each room's list is named here, once.
module Ashlar.Conformance.Tests.Program

open Expecto

/// The tests of a Release build: everything except the hunt for planted bugs.
let clean = [
    PackagesTests.tests
    Tidy.Tests.all
    TracesTests.tests
    ScratchTests.tests
    CorpusTests.tests
    CorpusTests.onEngine
    DerivationTests.tests
    testSequenced (testList "qcow2" Qcow2.Tests.all)
    testSequenced (testList "formats" Formats.Tests.all)
    testSequenced Simd.Tests.tests
    testList "io" [ Io.HostFilesTests.tests; Io.LockTests.tests; Io.EngineTests.tests ]
    testList "data path" [
        Data.DriverTests.tests
        Data.FlushTests.tests
        Data.FaultTests.tests
        Data.GateTests.tests
        Data.DiscardTests.tests
    ]
    testList "algebra" [
        Algebra.LatticeTests.tests
        Algebra.UsersTests.tests
        Algebra.ChildRulesTests.tests
    ]
    testList "commands" [
        Commands.RefusalTests.tests
        Commands.InverseTests.tests
        Commands.ReopenTests.tests
        Commands.ReadOnlyTests.tests
        Commands.UserTests.tests
        Commands.EngineTests.tests
    ]
    testList "generators" [
        Generators.GeneratorTests.tests
        Generators.ShrinkTests.tests
        Generators.ExhaustiveTests.tests
        Generators.LaneTests.tests
    ]
    testList "nbd" [
        Nbd.ListenTests.tests
        Nbd.HandshakeTests.tests
        Nbd.TransmissionTests.tests
        Nbd.HostileTests.tests
        Nbd.CommandTests.tests
        Nbd.ProgramTests.tests
        Nbd.RemoteTests.tests
        Nbd.TcpTests.tests
    ]
    Mutants.MutantTests.tests
    testList "proofs" [ Proofs.ProveTests.tests; Proofs.ModelTests.tests ]
    Qemu.DaemonTests.tests
    Qemu.ServerTests.tests
    Qemu.FindingsTests.tests
    Qemu.JobTests.tests
    testList "cli" [
        Cli.MisuseTests.tests
        Cli.RunTests.tests
        Cli.AcceptTests.tests
        Cli.RecordingTests.tests
    ]
    testList "qmp" [
        Qmp.SessionTests.tests
        Qmp.JsonTests.tests
        Qmp.CommandTests.tests
        Qmp.SameAsQemuTests.tests
    ]
    Img.ImgTests.tests
    Img.CheckTests.tests
    Img.MapTests.tests
    Img.MeasureTests.tests
    Img.DdTests.tests
    Img.CommitTests.tests
    Img.SnapshotTests.tests
    IoTool.IoToolTests.tests
    Formats.LuksTests.tests
    testList "storaged" [
        Storaged.FlatOptionsTests.tests
        Storaged.KeyvalTests.tests
        Storaged.ArgumentTests.tests
        testSequenced (
            testList "daemon" [ Storaged.SocketTests.tests; Storaged.HostileTests.tests ]
        )
    ]
    testList "serving" [
        Serving.ImageHeaderTests.tests
        Serving.OracleServerTests.tests
        Serving.SameAsDaemonTests.tests
    ]
]

/// The tests of a Planted build: only those that switch a planted bug on.
let planted: Test list = [ Mutants.MutantTests.planted ]

let all =
    testList
        "ashlar"
        (if Ashlar.Block.PlantedBuild.IsPresent then
             planted
         else
             clean)

[<EntryPoint>]
let main arguments = TestSummary.run arguments all
