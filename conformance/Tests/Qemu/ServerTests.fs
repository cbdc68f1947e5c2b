/// Every kind of QMP server that `--sut` names, under each of the commands that take one: a run, a
/// replay and a shrink, on the machine's own daemon however it is come by and on ours.
module Ashlar.Conformance.Tests.Qemu.ServerTests

open System
open System.Diagnostics
open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Reference.Block

let private stdio = "--chardev stdio,id=m --monitor m"
let private listening = "--chardev socket,id=m,path={socket},server=on,wait=off --monitor m"

/// What a server needs, and how it is come by in a directory of the test; gone after the body.
type private Kind = { Name: string; With: (Sut -> unit) -> unit; Profile: Profile }

let private needsQemu () =
    Needs.program ServerKind.qemuProgram "qemu-system-common"
    Needs.program "setpriv" "util-linux"

let private qemu (name: string) (kind: ServerKind) = {
    Name = name
    Profile = Profile.qemu72
    With =
        fun body ->
            needsQemu ()
            body (Sut.Server kind)
}

let private exec (name: string) (command: string) =
    qemu name (ServerKind.Exec(command.Replace("QEMU", ServerKind.qemuProgram)))

/// Our own program is the one that was built with these tests, unless somebody names another.
let private storaged = {
    Name = "storaged"
    Profile = Profile.ashlar
    With =
        fun body ->
            Needs.program "setpriv" "util-linux"

            if not (File.Exists Storaged.Daemon.program) then
                skiptest $"needs {Storaged.Daemon.program} (dotnet fsi build.fsx build)"

            for name, value in
                [
                    ServerKind.programVariable, Storaged.Daemon.program
                    "DOTNET_ROOT", Storaged.Daemon.runtime
                ] do
                if isNull (Environment.GetEnvironmentVariable name) then
                    Environment.SetEnvironmentVariable(name, value)

            body (Sut.Server ServerKind.Storaged)
}

/// A daemon of somebody's own: it runs before the bench comes and is alive when it goes.
let private running = {
    Name = "unix:"
    Profile = Profile.qemu72
    With =
        fun body ->
            needsQemu ()

            Temporary.withDirectory "unix" (fun directory ->
                let socket = Path.Combine(directory, "m.sock")

                let drop =
                    match (ServerUser.ofBench ()).Drop with
                    | Some id ->
                        Libc.giveByName directory id
                        [ "setpriv"; $"--reuid={id}"; $"--regid={id}"; "--clear-groups" ]
                    | None -> []

                let command =
                    (ServerKind.qemuProgram + " " + listening).Replace("{socket}", "m.sock")

                let line = drop @ List.ofArray (command.Split ' ')
                let start = ProcessStartInfo(List.head line, List.tail line)
                start.WorkingDirectory <- directory

                use daemon =
                    match Process.Start start with
                    | null -> failtest "the daemon does not start"
                    | daemon -> daemon

                try
                    Storaged.Daemon.await "the socket" daemon (fun () -> File.Exists socket)
                    body (Sut.Server(ServerKind.Unix socket))
                    Expect.isFalse daemon.HasExited "the daemon goes on"
                    let left = Directory.GetFileSystemEntries directory
                    Expect.equal left [| socket |] "its directory is as it was"
                finally
                    daemon.Kill()
                    daemon.WaitForExit())
}

let private kinds = [
    qemu "qemu" ServerKind.Qemu
    storaged
    exec "exec: on standard streams" $"QEMU {stdio}"
    exec "exec: on a {socket}" $"QEMU {listening}"
    exec "exec: below a shell, with a {pidfile}" $"true; QEMU {stdio} --pidfile {{pidfile}}"
    exec "exec: in the background" $"QEMU {listening} --pidfile {{pidfile}} & exit 0"
    running
]

let private script (profile: Profile) (lastLine: string) : Script =
    let file = """{"driver": "file", "node-name": "f", "filename": "a.raw"}"""

    let text =
        $"""# ashlar-script 1
#profile {profile.Name}
#world a.raw raw 1048576
{{"execute": "blockdev-add", "arguments": {{"driver": "null-co", "node-name": "n"}}}}
{{"execute": "blockdev-add", "arguments": {file}}}
{{"execute": "blockdev-add", "arguments": {{"driver": "raw", "node-name": "r", "file": "f"}}}}
{{"execute": "blockdev-del", "arguments": {{"node-name": "f"}}}}
{lastLine}
"""

    match ScriptParser.parse text with
    | Ok script -> script
    | Error wrong -> failtest (TextError.render "script" wrong)

/// What a wrong expectation of the last step is called.
let private wrong = "blockdev-del, Expectation, BLK-GRAPH-014"

/// An image that names itself as its backing file keeps 7.2 busy for ever.
let private hanging =
    let lines = [
        "# ashlar-script 1"
        "#profile qemu-7.2"
        "#world a.raw raw 1048576"
        "#world t.qcow2 qcow2 1048576 backing=t.qcow2:qcow2"
        """{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "n"}}"""
        """{"execute": "blockdev-add", "arguments": {"driver": "qcow2", "node-name": "t","""
        + """ "read-only": true, "file": {"driver": "file", "filename": "t.qcow2"}}}"""
    ]

    match ScriptParser.parse (String.concat "\n" lines) with
    | Ok script -> script
    | Error wrong -> failtest (TextError.render "script" wrong)

let private told (d: Disagreement) = String.Join("\n", Findings.describe Profile.qemu72 100 d)

/// What a maker of such servers is good for, in a directory of its own.
let private withMaker (kind: Kind) (work: SubjectMaker -> unit) : unit =
    kind.With(fun sut ->
        use scratch = Scratch.Open()

        Plan.onThread (fun () ->
            use maker = Lane.maker sut kind.Profile (Some scratch) "server"
            work maker))

let private replays (kind: Kind) =
    withMaker kind (fun maker ->
        Expect.notEqual maker.Version "" "it says its version"

        match Plan.check maker (script kind.Profile "") with
        | None -> ()
        | Some d -> failtest (told d)

        // Twice, since servers may follow one another.
        match Plan.check maker (script kind.Profile "#expect ok") with
        | Some d -> Expect.equal (Disagreement.signature d) wrong "what disagrees"
        | None -> failtest "a wrong expectation is met")

let private shrinks (kind: Kind) =
    kind.With(fun sut ->
        use scratch = Scratch.Open()
        let make number = Lane.maker sut kind.Profile (Some scratch) $"server-{number}"
        use crew = new Crew(Lane.workersOf sut 2, make)
        let small, d = Plan.shrink crew (script kind.Profile "#expect ok")
        Expect.equal (d |> Option.map Disagreement.signature) (Some wrong) "what disagrees"
        Expect.hasLength small.Steps 3 (ScriptPrinter.print small))

let private runs (kind: Kind) =
    kind.With(fun sut ->
        use scratch = Scratch.Open()

        let wish: Plan.Wish = {
            Lane = Lane.qemu
            Sut = sut
            PartName = None
            Seed = 2UL
            Budget = Budget.Steps 60L
            Profile = kind.Profile
            Workers = 2
            Only = None
        }

        for part in Plan.parts (Some scratch) wish do
            let result = Runner.run (Progress()) part
            Expect.equal result.Disagreements 0 "disagreements"
            Expect.equal result.Deaths 0 "deaths"
            Expect.isEmpty result.Lacks "what is not compared"
            Expect.isGreaterThanOrEqual result.Coverage.Transitions 60L "transitions")

let tests =
    testList "servers" [
        test "our own program under QEMU's name is not taken for QEMU's" {
            Temporary.withDirectory "path" (fun directory ->
                let place (name: string) =
                    (Directory.CreateDirectory(Path.Combine(directory, name))).FullName

                let ours, theirs = place "ours", place "theirs"
                let inside (place: string) name = Path.Combine(place, name)
                File.WriteAllText(inside ours "ashlar", "")
                let link = inside ours ServerKind.qemuProgram
                File.CreateSymbolicLink(link, "ashlar") |> ignore
                Expect.isNone (ServerKind.qemuIn ours) "ours alone"
                File.WriteAllText(inside theirs ServerKind.qemuProgram, "")
                let path = ours + string Path.PathSeparator + theirs
                let wanted = inside theirs ServerKind.qemuProgram
                Expect.equal (ServerKind.qemuIn path) (Some wanted) "the one behind it")
        }
        for kind in kinds do
            test $"{kind.Name} replays" { replays kind }
            test $"{kind.Name} shrinks" { shrinks kind }
            test $"{kind.Name} runs" { runs kind }

        test "what hangs shrinks to what hangs" {
            needsQemu ()
            use scratch = Scratch.Open()
            let qemu = Sut.Server ServerKind.Qemu
            let make number = Lane.maker qemu Profile.qemu72 (Some scratch) $"hang-{number}"
            use crew = new Crew(2, make)

            match Plan.shrink crew hanging with
            | _, None -> skiptest $"this {ServerKind.qemuProgram} answers"
            | small, Some d ->
                Expect.isTrue (Disagreement.isHang d) (Disagreement.signature d)
                Expect.hasLength small.Steps 1 (ScriptPrinter.print small)
                Expect.hasLength small.Files 1 "files of the world"
        }

        test "a server that leaves its directory is refused" {
            let kind = exec "elsewhere" $"cd / && exec QEMU {stdio}"

            Expect.throwsC (fun () -> withMaker kind ignore) (fun error ->
                match error with
                | QmpFault reason -> Expect.stringContains reason "it leaves the directory" "why"
                | other -> failtest $"{other}")
        }
    ]
