/// Drives the built ashlar-conform as its users do: a process with arguments and streams.
module Ashlar.Conformance.Tests.Cli.Driving

open System
open System.Diagnostics
open System.IO
open System.Threading
open Expecto
open Ashlar.Conformance.Tests

/// What a run of the program came to.
type Ended = { Code: int; Out: string; Errors: string }

/// The program of the configuration these tests were built in.
let private program =
    let bin = AppContext.BaseDirectory
    let tests = Path.Combine("conformance", "Tests", "bin")
    let cli = Path.Combine("conformance", "Cli", "bin")
    Path.Combine(bin.Replace(tests, cli), "ashlar-conform.dll")

let private host =
    match Environment.GetEnvironmentVariable "DOTNET_HOST_PATH" with
    | null
    | "" -> "dotnet"
    | path -> path

/// The program as a shell would start it, without arguments.
let commandLine = $"{host} {program}"

/// Starts the program in a directory, which is also the parent of its scratch directory.
let start (directory: string) (arguments: string list) : Process =
    if not (File.Exists program) then
        failtest $"{program} is not built"

    let info =
        ProcessStartInfo(
            host,
            program :: arguments,
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    info.Environment["TMPDIR"] <- directory
    // Pipes of the runtime's own, which it leaves there when it is killed.
    info.Environment["DOTNET_EnableDiagnostics"] <- "0"

    match Process.Start info with
    | null -> failtest "the program does not start"
    | child -> child

/// Waits for its end.
let finish (child: Process) : Ended =
    let errors = child.StandardError.ReadToEndAsync()
    let out = child.StandardOutput.ReadToEnd()
    child.WaitForExit()

    { Code = child.ExitCode; Out = out; Errors = errors.Result }

/// Runs the program to its end.
let run (directory: string) (arguments: string list) : Ended =
    use child = start directory arguments
    finish child

/// Runs the program in a directory of its own, with those files.
let runWith (files: (string * byte array) list) (arguments: string list) : Ended =
    Temporary.withDirectory "cli" (fun directory ->
        for name, bytes in files do
            File.WriteAllBytes(Path.Combine(directory, name), bytes)

        run directory arguments)

/// Misuse: exit code 2, one line that says what is wrong, nothing else.
let refused (says: string) (ended: Ended) : unit =
    Expect.equal ended.Code 2 $"the exit code; it said: {ended.Errors}{ended.Out}"
    Expect.stringContains ended.Errors says "the reason"
    Expect.stringStarts ended.Errors "ashlar-conform: " "who speaks"
    Expect.equal (ended.Errors.TrimEnd('\n').Split('\n').Length) 1 "lines"
    Expect.isFalse (ended.Errors.Contains "internal error") "a fault of our own"
    Expect.equal ended.Out "" "the output"

/// The rest of the first line that begins so.
let lineAfter (prefix: string) (ended: Ended) : string =
    match ended.Out.Split '\n' |> Array.tryFind _.StartsWith(prefix) with
    | Some line -> line.Substring(prefix.Length).Trim()
    | None -> failtest $"no line begins with '{prefix}': {ended.Out}"

/// Waits until something below the directory has that name: the program is at work.
let awaitEntry (directory: string) (child: Process) (name: string) : unit =
    let isThere () =
        try
            Directory.EnumerateFileSystemEntries(directory, name, SearchOption.AllDirectories)
            |> Seq.isEmpty
            |> not
        with :? DirectoryNotFoundException ->
            false

    while not (isThere ()) do
        if child.HasExited then
            failtest $"it ended before {name} was there: {child.StandardError.ReadToEnd()}"

        Thread.Sleep 10
