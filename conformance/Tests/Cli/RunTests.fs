/// Runs: what they print replays what they found, signals leave the report and nothing else, and
/// the page is safe to open.
module Ashlar.Conformance.Tests.Cli.RunTests

open System
open System.IO
open System.Runtime.InteropServices
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Cli.Driving
open Ashlar.Reference.Block

[<DllImport("libc", EntryPoint = "kill")>]
extern int private sendSignal(int processId, int signal)

let private sigterm = 15
let private sigkill = 9

let private again (line: string) = line.Split ' ' |> List.ofArray |> List.tail

let private longRun = [ "run"; "--lane"; "files"; "--seconds"; "600"; "--workers"; "1" ]
let private shortRun = [ "run"; "--lane"; "files"; "--seed"; "1"; "--script"; "0" ]

/// The processes whose working directory lies below a directory.
let private atWorkBelow (directory: string) : string list = [
    for entry in Directory.GetDirectories "/proc" do
        let place =
            try
                DirectoryInfo(Path.Combine(entry, "cwd")).LinkTarget |> Option.ofObj
            with
            | :? IOException
            | :? UnauthorizedAccessException -> None

        match place with
        | Some place when place.StartsWith(directory + "/") -> entry
        | _ -> ()
]

/// A name as an attacker would like to see it on a page.
let private hostile = "<script>alert(1)</script>\"'&"

/// A script that disagrees, since it expects the wrong thing: no backend can have such a name.
let private wrongScript =
    String.concat "\n" [
        "# ashlar-script 1"
        "{\"execute\": \"blockdev-add\", \"arguments\": "
        + "{\"driver\": \"null-co\", \"node-name\": \"n\"}}"
        "#backend attach \"" + hostile.Replace("\"", "\\\"") + "\" n perm=none shared=all"
        "#expect ok"
        ""
    ]

/// The report of a run that found the script on such a system.
let private reportOf (sut: Sut) (path: string) : RunReport =
    let script =
        match ScriptParser.parse wrongScript with
        | Ok script -> script
        | Error wrong -> failtest (TextError.render "script" wrong)

    let disagreement =
        Plan.onThread (fun () ->
            use maker = Lane.maker Sut.EngineInMemory Profile.ashlar None "hostile"
            Plan.check maker script)

    let disagreement =
        match disagreement with
        | Some d -> d
        | None -> failtest "the script agrees"

    {
        Profile = "ashlar"
        Build = hostile
        Workers = 1
        Results = []
        Findings = [
            {
                Found = {
                    Lane = "files"
                    Number = 7L
                    RunSeed = 5UL
                    Profile = Profile.ashlar
                    Sut = sut
                    Script = script
                    Disagreement = disagreement
                }
                Shrunk = script
                ShrunkDisagreement = disagreement
                Path = Some path
            }
        ]
        Planted = PlantedBugs.committed.Value
        MustFail = false
    }

let private lineFor sut path = (reportOf sut path).Findings |> List.head |> RunReport.replayScript

/// The parts of a lane that a replay line names.
let private partsOf (lane: Lane) (profile: Profile) (part: string) (seconds: int) =
    Plan.parts None {
        Lane = lane
        Sut = lane.Sut
        PartName = Some part
        Seed = 3UL
        Budget = Budget.Seconds seconds
        Profile = profile
        Workers = 1
        Only = Some 4L
    }

let tests =
    testList "runs" [
        test "the line that a disagreement prints finds it again" {
            Temporary.withDirectory "cli" (fun directory ->
                let first =
                    run directory [
                        "run"
                        "--lane"
                        "canary"
                        "--steps"
                        "20000"
                        "--workers"
                        "2"
                    ]

                Expect.equal first.Code 1 first.Errors
                let second = run directory (again (lineAfter "replay: " first))
                Expect.equal second.Code 1 second.Errors
                let of' = lineAfter "DISAGREEMENT: "
                Expect.equal (of' second) (of' first) "the disagreement")
        }

        test "smoke and soak find their directories and replay by part" {
            Temporary.withDirectory "cli" (fun directory ->
                let smoke = run directory [ "run"; "--lane"; "smoke"; "--steps"; "200" ]
                Expect.equal smoke.Code 0 smoke.Errors
                let line = [ "run"; "--lane"; "soak/25"; "--seed"; "3"; "--script"; "4" ]
                let soak = run directory line
                Expect.equal soak.Code 0 soak.Errors
                Expect.stringContains soak.Out "--lane soak/25 " "the line that repeats it"
                Expect.stringContains soak.Out " --seed 3 --script 4" "its script")
        }

        test "a part that a replay line names is there, with the same system" {
            let names lane profile part =
                partsOf lane profile part 600 |> List.map (fun p -> p.Lane, p.Sut)

            let soak = [ "soak/41", Sut.EngineOnFiles ]
            Expect.equal (names Lane.soak Profile.ashlar "41") soak "soak"
            let smoke = [ "smoke/qemu-3.1", Sut.EngineInMemory ]
            Expect.equal (names Lane.smoke Profile.qemu31 "qemu-3.1") smoke "smoke"
        }

        test "a written script says which system disagreed" {
            let replay more = Some("ashlar-conform replay " + more)
            Expect.equal (lineFor Sut.EngineOnFiles "a.script") (replay "--files a.script") "files"

            Expect.equal
                (lineFor (Sut.Server ServerKind.Qemu) "a.script")
                (replay "--sut qemu a.script")
                "daemon"

            Expect.equal (lineFor Sut.EngineInMemory "it's") (replay @"'it'\''s'") "memory"
        }

        test "hostile names are text on the page" {
            let page = Html.page (reportOf Sut.EngineOnFiles $"{hostile}.script")
            Expect.stringContains page "&lt;script&gt;alert(1)&lt;/script&gt;" "the name"
            Expect.isFalse (page.Contains "<script") "an element of a name"
            Expect.isFalse (page.Contains "</script") "an end of one"
        }

        test "a script that disagrees ends with exit code 1 and shrinks" {
            let files = [ "a.script", Text.Encoding.UTF8.GetBytes wrongScript ]
            let replayed = runWith files [ "replay"; "--files"; "a.script" ]
            Expect.equal replayed.Code 1 replayed.Errors
            Expect.stringContains replayed.Out "a.script: DISAGREEMENT" "the verdict"
            let shrunk = runWith files [ "shrink"; "a.script" ]
            Expect.equal shrunk.Code 1 shrunk.Errors
            Expect.stringContains shrunk.Out "# ashlar-script 1" "the script"
        }

        test "a run that is told to end leaves its report and no file" {
            Temporary.withDirectory "cli" (fun directory ->
                use child = start directory (longRun @ [ "--json"; "report.json" ])
                awaitEntry directory child "files-0"
                sendSignal (child.Id, sigterm) |> ignore
                let ended = finish child
                Expect.equal ended.Code 0 ended.Errors
                Expect.stringContains ended.Out "no disagreement" "the report"
                let left = Directory.GetFileSystemEntries directory |> Array.map Path.GetFileName
                Expect.equal left [| "report.json" |] "what is left")
        }

        test "the next run clears what a killed one left" {
            Temporary.withDirectory "cli" (fun directory ->
                use child = start directory longRun
                awaitEntry directory child "files-0"
                sendSignal (child.Id, sigkill) |> ignore
                finish child |> ignore
                let left = Directory.GetFileSystemEntries directory
                Expect.equal left.Length 1 "one directory, under the temporary one"
                let ended = run directory shortRun
                Expect.equal ended.Code 0 ended.Errors
                Expect.isEmpty (Directory.GetFileSystemEntries directory) "what is left")
        }

        test "a killed run takes its servers along" {
            Temporary.withDirectory "cli" (fun directory ->
                use child = start directory [ "run"; "--sut"; "storaged"; "--seconds"; "600" ]

                let clock = Diagnostics.Stopwatch.StartNew()

                let await what holds =
                    while not (holds ()) do
                        Expect.isLessThan clock.Elapsed (TimeSpan.FromMinutes 1.0) what
                        Threading.Thread.Sleep 20

                await "a server is there" (fun () ->
                    child.HasExited || not (atWorkBelow directory).IsEmpty)

                sendSignal (child.Id, sigkill) |> ignore
                finish child |> ignore
                await "no server is left" (fun () -> (atWorkBelow directory).IsEmpty))
        }
    ]
