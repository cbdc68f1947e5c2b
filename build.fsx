/// The one door for a person and for CI: `dotnet fsi build.fsx TARGET`.
/// Plain F#, no packages, so that it runs on a machine that has only the SDK and git.
open System
open System.Diagnostics
open System.IO

let rootDirectory = __SOURCE_DIRECTORY__

/// Runs a program with inherited streams and returns its exit code.
let run (program: string) (arguments: string list) =
    let info = ProcessStartInfo(program, arguments, WorkingDirectory = rootDirectory)
    use child = Process.Start info
    child.WaitForExit()
    child.ExitCode

/// Runs a program and stops the build with its exit code when that is not zero.
let must program arguments =
    let code = run program arguments

    if code <> 0 then
        eprintfn "failed (%d): %s %s" code program (String.concat " " arguments)
        exit code

/// Runs a program and returns what it printed, or nothing when it failed.
let capture (program: string) (arguments: string list) =
    let info =
        ProcessStartInfo(
            program,
            arguments,
            WorkingDirectory = rootDirectory,
            RedirectStandardOutput = true
        )

    use child = Process.Start info
    let text = child.StandardOutput.ReadToEnd()
    child.WaitForExit()
    if child.ExitCode = 0 then text else ""

/// The first enabled feed of the machine's own NuGet configuration.
let machineFeed () =
    capture "dotnet" [ "nuget"; "list"; "source"; "--format"; "Short" ]
    |> _.Split('\n')
    |> Array.tryPick (fun line ->
        if line.StartsWith "E " then
            Some(line.Substring(2).Trim())
        else
            None)

/// Tools and packages. Paket expands %NUGET_FEED%, so no registry is named in the repository.
let bootstrap () =
    if isNull (Environment.GetEnvironmentVariable "NUGET_FEED") then
        match machineFeed () with
        | Some feed -> Environment.SetEnvironmentVariable("NUGET_FEED", feed)
        | None ->
            eprintfn "No NuGet source is enabled on this machine (dotnet nuget list source)."
            exit 1

    must "dotnet" [ "tool"; "restore"; "--verbosity"; "quiet" ]
    must "dotnet" [ "paket"; "restore" ]

let build configuration =
    must "dotnet" [ "build"; "Ashlar.slnx"; "-c"; configuration; "-v"; "quiet"; "--nologo" ]

let tests configuration =
    run "dotnet" [
        $"conformance/Tests/bin/{configuration}/net10.0/ashlar-tests.dll"
        "--no-spinner"
    ]

let conform arguments =
    bootstrap ()
    build "Release"
    let program = "conformance/Cli/bin/Release/net10.0/ashlar-conform.dll"
    run "dotnet" (program :: "run" :: arguments)

let test () =
    bootstrap ()
    build "Release"
    tests "Release"

let help () =
    printfn "dotnet fsi build.fsx TARGET"
    printfn ""
    printfn "  help     this text"
    printfn "  build    restore and build Release"
    printfn "  conform  build, then check the engine against the oracle on real files"
    printfn "  test     every test"

match List.tail (List.ofArray fsi.CommandLineArgs) with
| []
| [ "help" ] -> help ()
| [ "build" ] ->
    bootstrap ()
    build "Release"
| "conform" :: arguments -> exit (conform arguments)
| [ "test" ] -> exit (test ())
| other ->
    eprintfn "Unknown target: %s" (String.concat " " other)
    help ()
    exit 2
