/// Our programs and QEMU's in turn, so that what the machine does meanwhile falls on both; told by
/// medians.
module Ashlar.Conformance.Benchmarks.Pairs

open System
open System.Diagnostics
open System.Globalization
open System.IO

/// Starts a program, its standard streams ours.
let start (program: string) (directory: string) (arguments: string list) : Process =
    let info =
        ProcessStartInfo(
            program,
            arguments,
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true
        )

    match Process.Start info with
    | null -> failwith $"{program} does not start"
    | child -> child

let median (values: float list) : float = (List.sort values)[values.Length / 2]

/// A number with so many digits behind the point ("F2"), or in groups of thousands ("N0").
let text (digits: string) (x: float) : string = x.ToString(digits, CultureInfo.InvariantCulture)

/// Pairs of what both measured; who goes first changes from pair to pair.
let measured (pairs: int) (ours: unit -> 'a) (theirs: unit -> 'a) : ('a * 'a) list = [
    for number in 1..pairs do
        if number % 2 = 0 then
            let a = ours ()
            a, theirs ()
        else
            let b = theirs ()
            ours (), b
]

/// The medians of both sides and of the ratios.
let medians (measured: (float * float) list) : float * float * float =
    List.map fst measured |> median,
    List.map snd measured |> median,
    measured |> List.map (fun (a, b) -> a / b) |> median

/// Does something in a new directory, which goes afterwards.
let inScratch (work: string -> unit) : unit =
    let directory = Directory.CreateTempSubdirectory "ashlar-bench-"

    try
        work directory.FullName
    finally
        directory.Delete true

let private onPath (program: string) =
    (string (Environment.GetEnvironmentVariable "PATH")).Split Path.PathSeparator
    |> Array.map (fun directory -> Path.Combine(directory, program))
    |> Array.tryFind File.Exists

/// Our program and QEMU's of one name; the exit code, 1 when one of them is not there.
let withBoth (name: string) (work: string -> string -> unit) : int =
    let ours = Path.GetFullPath $"out/bin/{name}"

    match onPath name, File.Exists ours with
    | Some theirs, true ->
        work ours theirs
        0
    | None, _ ->
        eprintfn "There is no %s on the PATH." name
        1
    | _, false ->
        eprintfn "First: dotnet fsi build.fsx publish"
        1
