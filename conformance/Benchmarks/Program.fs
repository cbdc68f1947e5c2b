/// Runs the benchmarks that the command line selects: Fast against Reference.
module Ashlar.Conformance.Benchmarks.Program

open BenchmarkDotNet.Running

[<EntryPoint>]
let main arguments =
    let assembly = System.Reflection.Assembly.GetExecutingAssembly()
    BenchmarkSwitcher.FromAssembly(assembly).Run(arguments) |> ignore
    0
