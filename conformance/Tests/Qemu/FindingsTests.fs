/// The pages of conformance/findings: each script ends QEMU 7.2 the way its page says. Not here:
/// that a page has a script and stands in the index, which is a house rule.
module Ashlar.Conformance.Tests.Qemu.FindingsTests

open System
open System.Diagnostics
open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

let private directory = Path.Combine(Repository.root, "conformance", "findings")

/// The version that the pages are about.
let private version = "7.2."

let private installed =
    lazy
        (let start = ProcessStartInfo(ServerKind.qemuProgram, "--version")
         start.RedirectStandardOutput <- true
         use proc = new Process(StartInfo = start)
         proc.Start() |> ignore
         let said = proc.StandardOutput.ReadToEnd()
         proc.WaitForExit()
         said)

let private needs () =
    Needs.program ServerKind.qemuProgram "qemu-system-common"
    Needs.program "setpriv" "util-linux"

    if not (installed.Value.Contains("version " + version, StringComparison.Ordinal)) then
        skiptest $"is about {ServerKind.qemuProgram} {version}x"

/// What a page says under an item: its lines, as one.
let private saidOf (item: string) (name: string) =
    let start = $"- *{item}*: "

    match
        File.ReadAllLines(Path.Combine(directory, name + ".md"))
        |> List.ofArray
        |> List.skipWhile (fun line -> not (line.StartsWith(start, StringComparison.Ordinal)))
    with
    | [] -> failtest $"{name}.md does not say: {item}"
    | first :: rest ->
        rest
        |> List.takeWhile (fun line -> line.StartsWith("  ", StringComparison.Ordinal))
        |> List.map _.Trim()
        |> List.append [ first.Substring start.Length ]
        |> String.concat " "

/// What became of a script, in a page's words.
let private seen (script: Script) : string =
    use scratch = Scratch.Open()

    let found =
        Plan.onThread (fun () ->
            use maker =
                Lane.maker (Sut.Server ServerKind.Qemu) Profile.qemu72 (Some scratch) "qemu"

            Plan.check maker script)

    match found |> Option.map (fun d -> d, Disagreement.broken d) with
    | None -> "as the profile expects"
    | Some(d, Some reason) -> $"step {d.Step + 1}, {reason}"
    | Some(d, None) -> failtest (String.Join("\n", Findings.describe Profile.qemu72 100 d))

/// What became of a line for the shell; of a program that a signal ended, the shell tells 128 more
/// than the signal.
let private ranInShell (line: string) : string =
    let code, _, _ = Programs.start "bash" [ "-c"; line ]

    if code > 128 then
        $"the command line, died of signal {code - 128}"
    else
        $"the command line, exit {code}"

let private commandLines =
    let isShell path = File.ReadAllText(path).Contains("- *Shell*: `", StringComparison.Ordinal)

    Directory.GetFiles(directory, "*.md")
    |> Array.sort
    |> List.ofArray
    |> List.filter isShell
    |> List.map (fun path -> string (Path.GetFileNameWithoutExtension path))

let private pages =
    Directory.GetFiles(directory, "*.script")
    |> Array.sort
    |> List.ofArray
    |> List.map (fun path -> string (Path.GetFileNameWithoutExtension path), File.ReadAllText path)

let tests =
    testSequenced (
        testList "findings" [
            for name in commandLines do
                test $"QEMU 7.2 ends {name} as its page says" {
                    needs ()
                    let line = (saidOf "Shell" name).Trim '`'
                    Expect.equal (ranInShell line) (saidOf "Ends" name) "the end"
                }

            for name, text in pages do
                test $"QEMU 7.2 ends {name} as its page says" {
                    needs ()

                    let script =
                        match ScriptParser.parse text with
                        | Ok script -> script
                        | Error wrong -> failtest (TextError.render name wrong)

                    Expect.equal script.Header.Profile Profile.qemu72.Name "the profile"
                    let said = saidOf "Ends" name

                    match QmpScripts.obstacle script with
                    | Some why ->
                        Expect.stringStarts said "not run" "the page"
                        skiptest $"cannot run: {why}"
                    | None -> Expect.stringStarts (seen script) said "the end"
                }
        ]
    )
