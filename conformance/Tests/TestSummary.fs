/// Runs the tests of an executable and leaves their counts where build.fsx sums them up.
module Ashlar.Conformance.Tests.TestSummary

open System
open System.IO
open Expecto
open Expecto.Impl

/// Writes the counts, and the tests that did not pass, where build.fsx asks for them, to be summed
/// over all executables.
let private write (summary: TestRunSummary) =
    match Environment.GetEnvironmentVariable "ASHLAR_TEST_SUMMARY" with
    | null
    | "" -> ()
    | path ->
        let nameOf (test: FlatTest) = String.concat "." test.name

        let named =
            summary.results
            |> List.choose (fun (test, result) ->
                match result.result with
                | Ignored reason -> Some $"skipped {nameOf test}: {reason}"
                | Failed _
                | Error _ -> Some $"broken {nameOf test}"
                | _ -> None)

        let count (tests: _ list) = tests.Length

        File.WriteAllLines(
            path,
            $"passed {count summary.passed}"
            :: $"failed {count summary.failed + count summary.errored}"
            :: named
        )

/// Runs tests with the arguments of the executable; its exit code.
let run arguments (tests: Test) =
    runTestsWithCLIArgs [ Append_Summary_Handler(SummaryHandler write) ] arguments tests
