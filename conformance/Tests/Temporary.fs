/// Directories of tests. They lie in the harness's own scratch directory, so that what a killed run
/// of the tests leaves behind is cleared by the next run of tests or bench.
module Ashlar.Conformance.Tests.Temporary

open System
open System.IO
open System.Threading
open Ashlar.Conformance

let private scratch =
    lazy
        (let scratch = Scratch.Open()

         AppDomain.CurrentDomain.ProcessExit.Add(fun _ -> (scratch :> IDisposable).Dispose())
         scratch)

let mutable private made = 0

/// A directory that is gone afterwards.
let withDirectory (name: string) (body: string -> 'a) : 'a =
    let number = Interlocked.Increment &made
    let directory = scratch.Value.Sub $"{name}-{number}"

    try
        body directory
    finally
        Directory.Delete(directory, true)
