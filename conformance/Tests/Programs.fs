/// Programs of the system, run to their end.
module internal Ashlar.Conformance.Tests.Programs

open System
open System.Diagnostics
open Expecto

/// Long enough for any machine; whoever waits for it has failed.
let limit = TimeSpan.FromSeconds 30.

/// Waits for what is to be started: exit code, output, errors, both of which are redirected.
let finish (program: string) (info: ProcessStartInfo) : int * string * string =
    use child =
        match Process.Start info with
        | null -> failtest $"{program} does not start"
        | child -> child

    let errors = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEndAsync()

    if not (child.WaitForExit limit) then
        child.Kill()
        failtest $"{program} did not come to an end"

    child.ExitCode, output.Result, errors.Result

/// What QEMU says when the processor time it measured of a key derivation is too short to count
/// with; it depends on the moment, and the next run says otherwise.
let private unmeasured = "Unable to get accurate CPU usage"

let private attemptsMax = 50

/// Runs a program to its end: exit code, output, errors.
let start (program: string) (arguments: string list) : int * string * string =
    let rec attempt left =
        let info = ProcessStartInfo(program, arguments)
        info.RedirectStandardOutput <- true
        info.RedirectStandardError <- true
        let code, output, errors = finish program info

        if code <> 0 && left > 1 && errors.Contains unmeasured then
            attempt (left - 1)
        else
            code, output, errors

    attempt attemptsMax

/// The output of a program that must succeed.
let run (program: string) (arguments: string list) : string =
    let code, output, errors = start program arguments
    let line = String.concat " " arguments
    Expect.equal code 0 $"{program} {line}: {output}{errors}"
    output
