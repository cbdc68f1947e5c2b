/// Directories of runs: callers of one process that race for a name each get one of their own.
module Ashlar.Conformance.Tests.ScratchTests

open System
open System.IO
open System.Threading
open Expecto
open Ashlar.Conformance

/// Enough for several to meet at the same name in most rounds, on any number of cores.
let private callers = 8
let private rounds = 60

/// One directory for each caller, all asked for at the same moment.
let private race () : Scratch array =
    use start = new Barrier(callers)
    let made: Result<Scratch, exn> option array = Array.create callers None

    let open' index () =
        start.SignalAndWait()

        made[index] <-
            Some(
                try
                    Ok(Scratch.Open())
                with error ->
                    Error error
            )

    let threads = [ for index in 0 .. callers - 1 -> Thread(open' index) ]
    threads |> List.iter _.Start()
    threads |> List.iter _.Join()

    made
    |> Array.map (fun result ->
        match result with
        | Some(Ok scratch) -> scratch
        | Some(Error error) -> failtest error.Message
        | None -> failtest "a caller gave up")

let tests =
    testList "scratch" [
        test "callers that race get a directory each, and take it away again" {
            for _ in 1..rounds do
                let made = race ()
                let names = made |> Array.map _.Directory
                Expect.equal (Array.distinct names).Length callers "directories"
                Expect.all names Directory.Exists "made"

                for scratch in made do
                    (scratch :> IDisposable).Dispose()

                Expect.all names (Directory.Exists >> not) "gone"
        }
    ]
