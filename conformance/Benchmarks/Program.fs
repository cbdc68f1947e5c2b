/// Runs the benchmarks that the command line selects: Fast against Reference.
module Ashlar.Conformance.Benchmarks.Program

open System
open System.IO
open BenchmarkDotNet.Columns
open BenchmarkDotNet.Configs
open BenchmarkDotNet.Exporters
open BenchmarkDotNet.Jobs
open BenchmarkDotNet.Loggers
open BenchmarkDotNet.Running
open BenchmarkDotNet.Toolchains.InProcess.Emit
open Perfolizer.Horology

/// Short enough that all of them take a few minutes, long enough that a ratio of two means
/// something. In this process: nothing is compiled anew, and both sides share one runtime.
let private job =
    Job.Default
        .WithToolchain(InProcessEmitToolchain.DontLogOutput)
        .WithWarmupCount(3)
        .WithIterationCount(6)
        .WithIterationTime(TimeInterval.FromMilliseconds 60.0)

let private config (artifacts: string) =
    ManualConfig
        .CreateEmpty()
        .AddJob(job)
        .AddColumnProvider(DefaultColumnProviders.Instance)
        .AddLogger(NullLogger.Instance)
        .WithArtifactsPath(artifacts)
        .WithOption(ConfigOptions.DisableLogFile, true)

let private measure (arguments: string array) =
    let assembly = System.Reflection.Assembly.GetExecutingAssembly()
    let artifacts = Directory.CreateTempSubdirectory "ashlar-bench-"

    try
        let summaries =
            BenchmarkSwitcher.FromAssembly(assembly).Run(arguments, config artifacts.FullName)
            |> List.ofSeq

        for summary in summaries do
            MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default)

        Growth.print summaries

        let isSound (summary: BenchmarkDotNet.Reports.Summary) =
            not summary.HasCriticalValidationErrors && summary.Reports |> Seq.forall _.Success

        if summaries.IsEmpty || not (List.forall isSound summaries) then
            Console.Error.WriteLine "A benchmark failed or none was selected."
            1
        else
            0
    finally
        artifacts.Delete true

[<EntryPoint>]
let main arguments =
    match arguments with
    | [| "storaged" |] -> Daemons.run ()
    | [| "img" |] -> ImageTools.compare ()
    | [| "e2k"; folder |] -> Machines.measure folder
    | _ -> measure arguments
