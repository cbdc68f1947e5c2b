/// The one test executable: each room's list is named here, once.
module Ashlar.Conformance.Tests.Program

open System
open System.IO
open Expecto
open Expecto.Impl

/// The tests of a Release build: everything except the hunt for planted bugs.
let clean = [
    PackagesTests.tests
    Tidy.Tests.all
    testList "e2k" [
        E2k.EncodingTests.tests
        E2k.OperationTests.tests
        E2k.SoftFloatTests.tests
        E2k.AssemblyTests.tests
        E2k.MachineTests.tests
    ]
    TracesTests.tests
    ScratchTests.tests
    CorpusTests.tests
    CorpusTests.onEngine
    DerivationTests.tests
    testSequenced (testList "qcow2" Qcow2.Tests.all)
    testSequenced (testList "formats" Formats.Tests.all)
    testList "io" [ Io.HostFilesTests.tests; Io.LockTests.tests; Io.EngineTests.tests ]
    testList "data path" [
        Data.DriverTests.tests
        Data.FlushTests.tests
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

/// Writes the counts where build.fsx asks for them, to be summed over both configurations.
let private writeSummary (summary: TestRunSummary) =
    match Environment.GetEnvironmentVariable "ASHLAR_TEST_SUMMARY" with
    | null
    | "" -> ()
    | path ->
        let nameOf (test: FlatTest) = String.concat "." test.name

        let skipped =
            summary.results
            |> List.choose (fun (test, result) ->
                match result.result with
                | Ignored reason -> Some $"skipped {nameOf test}: {reason}"
                | _ -> None)

        let count (tests: _ list) = tests.Length

        File.WriteAllLines(
            path,
            $"passed {count summary.passed}"
            :: $"failed {count summary.failed + count summary.errored}"
            :: skipped
        )

[<EntryPoint>]
let main arguments =
    runTestsWithCLIArgs [ Append_Summary_Handler(SummaryHandler writeSummary) ] arguments all
