/// The published `ashlar-e2k` on a folder of programs: how many wide instructions a second it
/// carries out, as `--stats` tells, with tags and without; and what the same work takes in C, for a
/// speed says little without the machine's.
module Ashlar.Conformance.Benchmarks.Machines

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Text.RegularExpressions

/// Runs of each program, of which the median is told.
let private runs = 5

let private speedOf (said: string) : float option =
    let found = Regex.Match(said, @"([\d.]+) million")

    if found.Success then
        Some(Double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture))
    else
        None

/// One run: its exit code, and millions of wide instructions a second.
let private speed (engine: string) (folder: string) (program: string) (tags: string) =
    let info =
        ProcessStartInfo(
            engine,
            [ "run"; "--tags"; tags; "--stats"; program ],
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    match Process.Start info with
    | null -> failwith $"{engine} does not start"
    | child ->
        use child = child
        child.StandardInput.Close()
        let output = child.StandardOutput.ReadToEndAsync()
        let said = child.StandardError.ReadToEnd()
        child.WaitForExit()
        output.Wait()

        match speedOf said with
        | Some speed -> child.ExitCode, speed
        | None -> failwith $"{program} ends with {child.ExitCode} and tells no speed: {said.Trim()}"

/// Milliseconds of a program from its start to its end.
let private time (folder: string) (program: string) (arguments: string list) : float =
    let clock = Stopwatch.StartNew()
    use child = Pairs.start program folder arguments
    child.StandardInput.Close()
    child.StandardOutput.ReadToEnd() |> ignore
    child.WaitForExit()

    if child.ExitCode <> 0 then
        failwith $"{program} ends with {child.ExitCode}"

    clock.Elapsed.TotalMilliseconds

let private programs (engine: string) (folder: string) =
    printfn "| program | exit | million a second, tags off | tags on |"
    printfn "| --- | --- | --- | --- |"

    for path in Directory.GetFiles(folder, "*.elf") |> Array.sort do
        let name = Path.GetRelativePath(folder, path)

        // In turn, so that what the machine does meanwhile falls on both.
        let measured = [
            for _ in 1..runs do
                speed engine folder name "off", speed engine folder name "on"
        ]

        let middle side = measured |> List.map (side >> snd) |> Pairs.median |> Pairs.text "F0"
        printfn $"| {name} | {fst (fst measured.Head)} | {middle fst} | {middle snd} |"

/// Programs in C beside them, compiled by the machine's own compiler.
let private twins (folder: string) =
    match Directory.GetFiles(folder, "*.c") |> Array.sort with
    | [||] -> ()
    | sources ->
        Pairs.inScratch (fun scratch ->
            printfn ""
            printfn "| in C, -O2 | ms |"
            printfn "| --- | --- |"

            for source in sources do
                let name = Path.GetRelativePath(folder, source)
                let program = Path.Combine(scratch, name + ".out")
                time folder "cc" [ "-O2"; "-o"; program; name ] |> ignore
                let middle = Pairs.median [ for _ in 1..runs -> time folder program [] ]
                printfn "| %s | %s |" name (Pairs.text "F0" middle))

/// Measures a folder of e2k programs: 0, or 1 and why not.
let measure (folder: string) : int =
    let engine = Path.GetFullPath "out/bin/ashlar-e2k"

    if not (File.Exists engine) then
        eprintfn "First: dotnet fsi build.fsx publish"
        1
    elif not (Directory.Exists folder) then
        eprintfn "There is no folder %s." folder
        1
    else
        try
            let folder = Path.GetFullPath folder
            programs engine folder
            twins folder
            0
        with
        | Failure reason ->
            eprintfn "%s" reason
            1
        | :? ComponentModel.Win32Exception as wrong ->
            eprintfn "%s" wrong.Message
            1
