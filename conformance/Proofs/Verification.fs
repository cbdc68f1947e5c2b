/// A run of the verifier: what it proved, what that cost, and where it failed.
namespace Ashlar.Conformance.Proofs

open System
open System.IO
open System.Text.Json
open System.Text.RegularExpressions

/// One obligation: a lemma, or that a function is well formed.
type Obligation = {
    /// As Dafny says it: `Module.Name (correctness)`.
    Name: string
    /// From the folder of the proofs.
    File: string
    /// Of Z3, the same in every run of the same version.
    Resources: int64
    /// The costliest of its parts: the limit holds for each part.
    LargestPart: int64
}

/// A place that Dafny complains about.
type Fault = { File: string; Line: int; Column: int; Text: string }

/// What a run came to.
type Verification = {
    Obligations: Obligation list
    Verified: int
    /// Obligations that failed, timed out or ran out of resources.
    Errors: int
    Faults: Fault list
    /// All that Dafny printed.
    Output: string
}

/// Running `dafny verify` and reading its log.
module Verification =
    let private place =
        Regex(
            @"^(?<file>\S.*\.dfy)\((?<line>\d+),(?<column>\d+)\): (?:Error|Warning): (?<text>.*)$",
            RegexOptions.Multiline
        )

    let private finish =
        Regex(@"finished with (?<verified>\d+) verified, (?<errors>\d+) errors?(?<more>.*)")

    let private overtime = Regex(@"(\d+) (?:time outs?|out of resource|inconclusives?)")

    /// The folder's file that a printed path means: Dafny prints it from where it runs, and its log
    /// has the name alone.
    let private within (files: string list) (printed: string) =
        let path = printed.Replace('\\', '/')
        let endsWith (whole: string) (part: string) = ("/" + whole).EndsWith("/" + part)

        files
        |> List.filter (fun file -> endsWith path file || endsWith file path)
        |> List.sortByDescending _.Length
        |> List.tryHead
        |> Option.defaultValue path

    /// The places in what Dafny printed.
    let faults (files: string list) (output: string) : Fault list = [
        for found in place.Matches output do
            {
                File = within files found.Groups["file"].Value
                Line = int found.Groups["line"].Value
                Column = int found.Groups["column"].Value
                Text = found.Groups["text"].Value.Trim()
            }
    ]

    let private text (element: JsonElement) (name: string) =
        match element.GetProperty(name).GetString() with
        | null -> ""
        | value -> value

    let private items (element: JsonElement) (name: string) =
        element.GetProperty(name).EnumerateArray() |> List.ofSeq

    /// The obligations in the log of a run, the costliest first.
    let obligations (files: string list) (log: string) : Obligation list =
        use document = JsonDocument.Parse log

        items document.RootElement "verificationResults"
        |> List.map (fun result ->
            let parts = items result "vcResults"

            let file =
                parts
                |> List.collect (fun part -> items part "assertions")
                |> List.tryHead
                |> Option.map (fun assertion -> text assertion "filename" |> within files)

            {
                Name = text result "name"
                File = file |> Option.defaultValue ""
                Resources = result.GetProperty("resourceCount").GetInt64()
                LargestPart =
                    parts |> List.map _.GetProperty("resourceCount").GetInt64() |> List.fold max 0L
            })
        |> List.sortByDescending _.LargestPart

    /// Verifies one file, or all that a project file lists.
    let run (directory: string) (what: string) (more: string list) : Verification =
        let files = Theorems.files directory
        let log = Path.GetTempFileName()

        try
            let _, output =
                Toolchain.dafny (
                    [
                        "verify"
                        Path.Combine(directory, what)
                        "--solver-path"
                        Toolchain.z3 ()
                        "--log-format"
                        $"json;LogFileName={log}"
                    ]
                    @ more
                )

            match finish.Match output with
            | ended when ended.Success ->
                let late =
                    overtime.Matches ended.Groups["more"].Value
                    |> Seq.sumBy (fun m -> int m.Groups[1].Value)

                {
                    Obligations = obligations files (File.ReadAllText log)
                    Verified = int ended.Groups["verified"].Value
                    Errors = int ended.Groups["errors"].Value + late
                    Faults = faults files output
                    Output = output
                }
            | _ -> raise (Unfit $"Dafny ended before it verified anything:\n{output.Trim()}")
        finally
            File.Delete log
