/// The programs a proof needs: Dafny, which the tool manifest brings, and Z3, which the system has.
namespace Ashlar.Conformance.Proofs

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions

/// What is missing on this machine or wrong in a request; told in one line, exit code 2.
exception Unfit of message: string

/// Finding and running them.
module Toolchain =
    /// Resource counts, and what is proved within the limit, depend on the version of Z3.
    let z3Version = "4.8.12"

    /// Names another Z3 than the first on the PATH.
    let z3Variable = "ASHLAR_Z3"

    let private needed =
        $"the proofs are checked with Z3 {z3Version} (Debian 12 has it as the package z3); "
        + $"{z3Variable} names one that is not on the PATH"

    /// Runs a program to its end: exit code and both streams.
    let run (program: string) (arguments: string list) : int * string =
        let info =
            ProcessStartInfo(
                program,
                arguments,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            )

        match Process.Start info with
        | null -> raise (Unfit $"{program} does not start")
        | child ->
            use child = child
            let errors = child.StandardError.ReadToEndAsync()
            let output = child.StandardOutput.ReadToEnd()
            child.WaitForExit()
            child.ExitCode, output + errors.Result

    let private onPath (program: string) =
        let path = Environment.GetEnvironmentVariable "PATH" |> Option.ofObj

        (path |> Option.defaultValue "").Split Path.PathSeparator
        |> Array.map (fun directory -> Path.Combine(directory, program))
        |> Array.tryFind File.Exists

    let private versionOf (z3: string) =
        try
            let found = Regex.Match(run z3 [ "--version" ] |> snd, @"Z3 version (\d[\d.]*)")
            if found.Success then Some found.Groups[1].Value else None
        with :? ComponentModel.Win32Exception ->
            None

    /// The path of the right Z3.
    let z3 () : string =
        let path =
            match Environment.GetEnvironmentVariable z3Variable with
            | null
            | "" -> onPath "z3"
            | path -> Some path

        match path with
        | None -> raise (Unfit $"z3 is not on the PATH: {needed}")
        | Some path ->
            match versionOf path with
            | None -> raise (Unfit $"{path} is no Z3: {needed}")
            | Some version when version <> z3Version ->
                raise (Unfit $"{path} is Z3 {version}: {needed}")
            | Some _ -> path

    /// Runs Dafny, found by the tool manifest above the current folder.
    let dafny (arguments: string list) : int * string = run "dotnet" ("dafny" :: arguments)

    /// The version of Dafny.
    let dafnyVersion () : string =
        match dafny [ "--version" ] with
        | 0, text -> (text.Trim().Split '+')[0]
        | _ -> raise (Unfit "dafny does not start: `dotnet tool restore` fetches it")
