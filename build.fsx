/// The one door for a person and for CI: `dotnet fsi build.fsx TARGET`.
/// Plain F#, no packages, so that it runs on a machine that has only the SDK and git.
/// It is not a place for logic: what can be a test or a command of ashlar-conform is one.
open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open System.Security.Cryptography
open System.Text.RegularExpressions

let root = __SOURCE_DIRECTORY__

// ---- Processes ----

/// The SDK that runs this script, so that a second one on the PATH cannot mix in.
let dotnet =
    match Environment.GetEnvironmentVariable "DOTNET_HOST_PATH" with
    | null
    | "" -> "dotnet"
    | path -> path

[<DllImport("libc", EntryPoint = "kill")>]
extern int private sendSignal(int processId, int signal)

let private sigterm = 15

let mutable private current: Process option = None
let mutable private stopped: int option = None

/// The first signal lets the child end in its own way: Ctrl-C has reached it already, anything
/// else is passed on. The second one kills it with everything under it.
let private onSignal isFromTerminal code (context: PosixSignalContext) =
    context.Cancel <- true

    match current, stopped with
    | None, _ -> exit code
    | Some child, Some _ -> child.Kill(entireProcessTree = true)
    | Some child, None ->
        if not isFromTerminal then
            sendSignal (child.Id, sigterm) |> ignore

    stopped <- Some code

let private signals = [
    PosixSignalRegistration.Create(PosixSignal.SIGINT, onSignal true 130)
    PosixSignalRegistration.Create(PosixSignal.SIGTERM, onSignal false 143)
    PosixSignalRegistration.Create(PosixSignal.SIGHUP, onSignal false 129)
]

let private start (info: ProcessStartInfo) (read: Process -> 'text) =
    info.WorkingDirectory <- root

    use child =
        try
            Process.Start info
        with error ->
            eprintfn "%s does not start: %s" info.FileName error.Message
            exit 127

    current <- Some child
    let text = read child
    child.WaitForExit()
    current <- None
    stopped |> Option.iter exit
    child.ExitCode, text

/// Runs a program on our own streams and returns its exit code.
let run (program: string) (arguments: string list) =
    start (ProcessStartInfo(program, arguments)) ignore |> fst

/// Runs a program and returns its exit code with all it printed.
let capture (program: string) (arguments: string list) =
    let info =
        ProcessStartInfo(
            program,
            arguments,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    start info (fun child ->
        let errors = child.StandardError.ReadToEndAsync()
        child.StandardOutput.ReadToEnd() + errors.Result)

let private stop program arguments code =
    eprintfn "failed with exit code %d: %s %s" code program (String.concat " " arguments)
    exit code

/// Runs a program; a failure ends the build with the program's own exit code.
let must program arguments =
    match run program arguments with
    | 0 -> ()
    | code -> stop program arguments code

/// As `must`, but silent unless it fails.
let mustQuietly program arguments =
    match capture program arguments with
    | 0, _ -> ()
    | code, text ->
        eprintf "%s" text
        stop program arguments code

let isOnPath program =
    (Environment.GetEnvironmentVariable "PATH").Split Path.PathSeparator
    |> Array.exists (fun directory -> File.Exists(Path.Combine(directory, program)))

let withDefault (name: string) (value: string) arguments =
    if List.contains name arguments then
        arguments
    else
        name :: value :: arguments

// ---- What must be there before anything else ----

/// The first enabled feed of the machine's own NuGet configuration.
let private machineFeed () =
    let sources =
        (capture dotnet [ "nuget"; "list"; "source"; "--format"; "Short" ] |> snd).Split '\n'
        |> Array.filter _.StartsWith("E ")
        |> Array.map _.Substring(2).Trim()

    sources |> Array.tryFind _.StartsWith("http") |> Option.orElse (Array.tryHead sources)

/// Paket expands %NUGET_FEED% in its list and its lock: no registry is named in the repository.
let private setFeed () =
    if String.IsNullOrEmpty(Environment.GetEnvironmentVariable "NUGET_FEED") then
        match machineFeed () with
        | Some feed -> Environment.SetEnvironmentVariable("NUGET_FEED", feed)
        | None ->
            eprintfn "No NuGet source is enabled here. See: dotnet nuget list source"
            exit 1

/// Tools and packages.
let bootstrap () =
    setFeed ()
    mustQuietly dotnet [ "tool"; "restore" ]
    mustQuietly dotnet [ "paket"; "restore" ]

/// Programs that some tests drive, with the package of Debian and Ubuntu that holds each.
let private systemPrograms = [
    "qemu-img", "qemu-utils"
    "qemu-io", "qemu-utils"
    "qemu-nbd", "qemu-utils"
    "nbdinfo", "libnbd-bin"
    "nbdcopy", "libnbd-bin"
    "nbdkit", "nbdkit"
    "fio", "fio"
]

let private missingPackages programs =
    programs |> List.filter (fst >> isOnPath >> not) |> List.map snd |> List.distinct

/// Installs missing packages where that is ours to do, and gives those that are still missing.
let private install (missing: unit -> string list) : string list =
    match missing () with
    | [] -> []
    | packages ->
        let mayInstall =
            Environment.UserName = "root" && File.Exists "/etc/debian_version" && isOnPath "apt-get"

        if mayInstall then
            printfn "Installing %s" (String.concat " " packages)
            Environment.SetEnvironmentVariable("DEBIAN_FRONTEND", "noninteractive")
            let patiently = [ "-qq"; "-o"; "DPkg::Lock::Timeout=120" ]
            let install = patiently @ [ "install"; "-y"; "--no-install-recommends" ] @ packages

            if capture "apt-get" install |> fst <> 0 then
                capture "apt-get" (patiently @ [ "update" ]) |> ignore
                capture "apt-get" install |> ignore

        missing ()

/// Installs missing system programs. Never a failure: a test that needs one counts as skipped, by
/// name.
let installSystemPrograms () =
    match install (fun () -> missingPackages systemPrograms) with
    | [] -> ()
    | packages ->
        printfn "Some tests will be skipped. To run them all, first:"
        printfn "    sudo apt-get install %s" (String.concat " " packages)

/// What a native program is linked with: a compiler, and a library whose header shows that it is
/// there.
let private missingToolChain () =
    let compiler =
        if isOnPath "clang" || isOnPath "gcc" then
            []
        else
            [ "clang" ]

    let library =
        if File.Exists "/usr/include/zlib.h" then
            []
        else
            [ "zlib1g-dev" ]

    compiler @ library

let private compile (what: string) (configuration: string) (more: string list) =
    must
        dotnet
        ([ "build"; what; "-c"; configuration; "--nologo"; "-v"; "quiet"; "--tl:off" ] @ more)

let buildRelease () =
    bootstrap ()
    compile "Ashlar.slnx" "Release" []

/// The configuration whose engine carries switchable bugs: only the tests that hunt them need it.
let buildPlanted () =
    for room in [ "Tests"; "E2kTests" ] do
        let project = $"conformance/{room}/Ashlar.Conformance.{room}.fsproj"
        compile project "Planted" [ "--no-restore" ]

let private plantedProgram = "conformance/Cli/bin/Planted/net10.0/ashlar-conform.dll"

/// Builds the bench with the bugs in, where nothing is published from, and runs its hunt.
let private hunt arguments =
    compile "conformance/Cli/Ashlar.Conformance.Cli.fsproj" "Planted" [ "--no-restore" ]
    run dotnet (plantedProgram :: "mutants" :: arguments)

let conformProgram = "conformance/Cli/bin/Release/net10.0/ashlar-conform.dll"

// ---- Proofs ----

let private proveProgram = "conformance/Proofs/bin/Release/net10.0/ashlar-prove.dll"

/// Its exit code where the machine has not the Z3 that proofs are checked with.
let private unfit = 2

let private proveWith arguments =
    install (fun () -> missingPackages [ ("z3", "z3") ]) |> ignore
    run dotnet (proveProgram :: arguments)

let prove arguments =
    bootstrap ()
    compile "conformance/Proofs/Ashlar.Conformance.Proofs.fsproj" "Release" []
    proveWith arguments

// ---- Tests, counted over every executable ----

type Count = {
    Passed: int
    Failed: int
    /// The names of those that failed, where they have one.
    Broken: string list
    Skipped: string list
}

let nothing = { Passed = 0; Failed = 0; Broken = []; Skipped = [] }

let oneFailed name = { nothing with Failed = 1; Broken = [ name ] }

let add a b = {
    Passed = a.Passed + b.Passed
    Failed = a.Failed + b.Failed
    Broken = a.Broken @ b.Broken
    Skipped = a.Skipped @ b.Skipped
}

/// Reads what a test executable wrote: `passed N`, `failed N`, then a `broken NAME` or
/// `skipped NAME` per test.
let private readSummary (path: string) =
    (nothing, File.ReadAllLines path)
    ||> Array.fold (fun count line ->
        match line.Split(' ', 2) with
        | [| "passed"; number |] -> { count with Passed = int number }
        | [| "failed"; number |] -> { count with Failed = int number }
        | [| "broken"; name |] -> { count with Broken = count.Broken @ [ name ] }
        | [| "skipped"; name |] -> { count with Skipped = count.Skipped @ [ name ] }
        | _ -> count)

/// Runs a test executable of a configuration. One that dies without a summary, or that fails
/// without naming a test, counts as one failure.
let private runProgram (configuration: string) (arguments: string list) (room, name) =
    let summary = Path.GetTempFileName()

    try
        File.Delete summary
        Environment.SetEnvironmentVariable("ASHLAR_TEST_SUMMARY", summary)
        let program = $"conformance/{room}/bin/{configuration}/net10.0/{name}.dll"

        let plain =
            if Console.IsOutputRedirected then
                [ "--colours"; "0" ]
            else
                []

        let code = run dotnet (program :: "--no-spinner" :: plain @ arguments)
        let count = if File.Exists summary then readSummary summary else nothing

        if code <> 0 && count.Failed = 0 then
            eprintfn "%s ended with exit code %d and no failed test" program code
            add count (oneFailed $"{program}, exit code {code}")
        else
            count
    finally
        File.Delete summary

/// The test executables and their rooms: house rules and everything but the e2k machine, and that.
let private testPrograms = [ "Tests", "ashlar-tests"; "E2kTests", "ashlar-e2k-tests" ]

/// Runs every test executable of a configuration.
let runTests (configuration: string) (arguments: string list) =
    testPrograms |> List.map (runProgram configuration arguments) |> List.reduce add

/// Each formatter in check mode, counted as a test.
let checkFormat () =
    let formatter name arguments =
        match capture dotnet arguments with
        | 0, _ -> { nothing with Passed = 1 }
        | _, text ->
            printf "%s" text
            printfn "%s is not satisfied; `dotnet fsi build.fsx format` repairs it." name
            oneFailed $"the format of {name}"

    add
        (formatter "Fantomas" [ "fantomas"; "--check"; "." ])
        (formatter "CSharpier" [ "csharpier"; "check"; "." ])

/// Prints the count as the last line and returns the exit code.
let report count =
    // A test executable ends by resetting its colours without ending the line.
    printfn ""

    for name in count.Skipped do
        printfn "skipped: %s" name

    for name in count.Broken do
        printfn "failed: %s" name

    let skipped =
        if count.Skipped.IsEmpty then
            ""
        else
            $", {count.Skipped.Length} skipped"

    printfn "%d passed, %d failed%s" count.Passed count.Failed skipped
    if count.Failed = 0 && count.Passed > 0 then 0 else 1

let testBoth arguments =
    installSystemPrograms ()
    buildRelease ()
    buildPlanted ()
    add (runTests "Release" arguments) (runTests "Planted" arguments)

/// The proofs, then the mistakes planted in them, each counted as a test.
let checkProofs () =
    [ "every theorem is proved", []; "every planted change breaks one", [ "--mutants" ] ]
    |> List.map (fun (name, arguments) ->
        match proveWith arguments with
        | 0 -> { nothing with Passed = 1 }
        | code when code = unfit -> { nothing with Skipped = [ $"proofs: {name}" ] }
        | _ -> oneFailed $"proofs: {name}")
    |> List.reduce add

// ---- Targets ----

let conform arguments =
    buildRelease ()
    run dotnet (conformProgram :: "run" :: arguments)

let test arguments = report (testBoth arguments)

let check _ =
    buildRelease ()
    let format = checkFormat ()
    report (add format (runTests "Release" [ "--filter"; "ashlar.tidy" ]))

let ci _ =
    bootstrap ()
    let format = checkFormat ()
    let tests = testBoth []
    report (List.reduce add [ format; tests; checkProofs () ])

/// A seed nobody chose, printed so that anybody can choose it again.
let fuzz arguments =
    buildRelease ()
    let seed = RandomNumberGenerator.GetInt32 Int32.MaxValue

    let arguments =
        arguments
        |> withDefault "--seconds" "600"
        |> withDefault "--lane" "soak"
        |> withDefault "--seed" (string seed)

    printfn "ashlar-conform run %s" (String.concat " " arguments)
    run dotnet (conformProgram :: "run" :: arguments)

let bench arguments =
    buildRelease ()
    let program = "Ashlar.Conformance.Benchmarks.dll"

    let arguments =
        match arguments with
        | ("storaged" | "img" | "e2k") :: _ -> arguments
        | _ -> withDefault "--filter" "*" arguments

    run dotnet ($"conformance/Benchmarks/bin/Release/net10.0/{program}" :: arguments)

/// `ashlar`, compiled to native code, with QEMU's name for it beside it. Where that cannot be
/// linked it is published as it is: the same program, but ten times as slow to start.
let private publishAshlar () =
    let project = "Fast.CSharp/Tools/Ashlar.Tools.csproj"
    let plain = [ "publish"; project; "-c"; "Release"; "-o"; "out/bin"; "-v"; "quiet"; "--nologo" ]
    let names = [ "qemu-img"; "qemu-io"; "qemu-storage-daemon" ]

    let native = [
        "-r"
        $"linux-{RuntimeInformation.OSArchitecture}".ToLowerInvariant()
        "-p:PublishAot=true"
        "-p:OptimizationPreference=Speed"
        "-p:StripSymbols=true"
    ]

    let isNative =
        match install missingToolChain with
        | [] ->
            match capture dotnet (plain @ native) with
            | 0, _ -> true
            | _, text ->
                eprintf "%s" text
                eprintfn "ashlar could not be compiled to native code; it is published for the JIT."
                false
        | packages ->
            let names = String.concat " " packages
            eprintfn "No native ashlar without %s; it is published for the JIT." names
            false

    if not isNative then
        must dotnet plain

    for name in names do
        let link = Path.Combine(root, "out/bin", name)

        if not (File.Exists link) then
            File.CreateSymbolicLink(link, "ashlar") |> ignore

/// The program with the e2k engine; it needs the just-in-time compiler, and starts faster where
/// what is certain was compiled before.
let private publishE2k () =
    let project = "Fast.CSharp/Tools.E2k/Ashlar.Tools.E2k.csproj"
    let plain = [ "publish"; project; "-c"; "Release"; "-o"; "out/bin"; "-v"; "quiet"; "--nologo" ]

    let early = [
        "-r"
        $"linux-{RuntimeInformation.OSArchitecture}".ToLowerInvariant()
        "--self-contained"
        "false"
        "-p:PublishReadyToRun=true"
    ]

    match capture dotnet (plain @ early) with
    | 0, _ -> ()
    | _, text ->
        eprintf "%s" text
        eprintfn "ashlar-e2k could not be compiled early; it will start more slowly."
        must dotnet plain

let publish _ =
    bootstrap ()
    let project = "conformance/Cli/Ashlar.Conformance.Cli.fsproj"

    must dotnet [ "publish"; project; "-c"; "Release"; "-o"; "out/bin"; "-v"; "quiet"; "--nologo" ]
    publishAshlar ()
    publishE2k ()
    printfn "out/bin/ashlar-conform"
    printfn "out/bin/ashlar-e2k"
    printfn "out/bin/ashlar (also as qemu-img, qemu-io and qemu-storage-daemon)"
    0

let format _ =
    bootstrap ()
    must dotnet [ "fantomas"; "." ]
    run dotnet [ "csharpier"; "format"; "." ]

let mutants arguments =
    buildRelease ()
    hunt arguments

/// Writes docs/tables from what the programs say of themselves.
let tables _ =
    buildRelease ()
    let hunted = hunt [ "--table"; "docs/tables/planted-kills.md" ]
    max hunted (run dotnet [ conformProgram; "tables"; "docs/tables" ])

/// Resolves paket.dependencies anew. Some feeds do not tell a package's dependencies, so NuGet
/// downloads the closure first and Paket resolves against that folder.
let lock _ =
    setFeed ()
    mustQuietly dotnet [ "tool"; "restore" ]
    let scratch = Directory.CreateTempSubdirectory("ashlar-lock-").FullName

    let packages =
        File.ReadAllLines(Path.Combine(root, "paket.dependencies"))
        |> Seq.map (fun line -> Regex.Match(line, @"^nuget (\S+) (?:~>|=) (\S+)$"))
        |> Seq.filter _.Success
        |> Seq.map (fun m ->
            let version = m.Groups[2].Value
            let floating = if m.Value.Contains "~>" then $"{version}.*" else version
            $"""<PackageReference Include="{m.Groups[1].Value}" Version="{floating}" />""")
        |> String.concat "\n"

    let project = Path.Combine(scratch, "closure.csproj")

    File.WriteAllText(
        project,
        $"""<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup>
        <TargetFramework>net10.0</TargetFramework>
        <RestoreEnablePackagePruning>false</RestoreEnablePackagePruning>
        </PropertyGroup><ItemGroup>{packages}</ItemGroup></Project>"""
    )

    let cache = Path.Combine(scratch, "cache")
    mustQuietly dotnet [ "restore"; project; "--packages"; cache ]

    for package in Directory.GetFiles(cache, "*.nupkg", SearchOption.AllDirectories) do
        File.Copy(package, Path.Combine(scratch, Path.GetFileName package))

    Environment.SetEnvironmentVariable("NUGET_FEED", scratch)
    mustQuietly dotnet [ "paket"; "update"; "--no-install" ]
    let lockFile = Path.Combine(root, "paket.lock")
    let text = Regex.Replace(File.ReadAllText lockFile, "remote: .*", "remote: %NUGET_FEED%")
    File.WriteAllText(lockFile, text)
    Directory.Delete(scratch, recursive = true)
    0

/// Removes what a build leaves, beside project files and at the root, and nothing else.
let clean _ =
    let beside =
        Directory.EnumerateFiles(root, "*.??proj", SearchOption.AllDirectories)
        |> Seq.collect (fun project ->
            let directory = Path.GetDirectoryName project
            [ Path.Combine(directory, "bin"); Path.Combine(directory, "obj") ])

    let atRoot =
        [ "out"; "paket-files"; ".paket"; "BenchmarkDotNet.Artifacts" ]
        |> Seq.map (fun name -> Path.Combine(root, name))

    for directory in Seq.append beside atRoot |> Seq.toList do
        if Directory.Exists directory then
            Directory.Delete(directory, recursive = true)

    0

let targets = [
    "conform",
    "check the engine against the oracle on real files; --html FILE writes a page",
    conform
    "test", "every test, in the configurations Release and Planted", test
    "check", "formats and house rules, with the traceability of requirements", check
    "fuzz", "a long run from a fresh seed; --seconds N, --lane NAME, --seed N", fuzz
    "prove", "verify the proofs; --mutants plants mistakes in them instead", prove
    "mutants", "hunt every bug planted in the engine; --seed N, --steps N, --json FILE", mutants
    "bench",
    "the benchmarks, Fast against Reference; --filter GLOB; `storaged` or `img`, against QEMU; "
    + "`e2k FOLDER`, the speed of e2k programs",
    bench
    "publish", "put ashlar-conform and ashlar, as native code, under out/bin", publish
    "clean", "remove everything a build leaves", clean
    "build",
    "restore and build Release, nothing more",
    (fun _ ->
        buildRelease ()
        0)
    "format", "lay out every source file as `check` wants it", format
    "tables", "write docs/tables from what the programs say of themselves", tables
    "lock", "resolve paket.dependencies anew and write paket.lock", lock
    "ci", "what .ci/run runs: test, with the format checks and the proofs", ci
]

let help () =
    printfn "dotnet fsi build.fsx TARGET [ARGUMENTS]"
    printfn ""

    for name, sentence, _ in targets do
        printfn "  %-9s%s" name sentence

    printfn "  %-9s%s" "help" "this text"

Environment.SetEnvironmentVariable("DOTNET_NOLOGO", "1")
Environment.SetEnvironmentVariable("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
Environment.SetEnvironmentVariable("DOTNET_CLI_UI_LANGUAGE", "en")

match List.tail (List.ofArray fsi.CommandLineArgs) with
| []
| [ "help" ] -> help ()
| name :: arguments ->
    match targets |> List.tryFind (fun (target, _, _) -> target = name) with
    | Some(_, _, target) -> exit (target arguments)
    | None ->
        eprintfn "Unknown target: %s" name
        help ()
        exit 2
