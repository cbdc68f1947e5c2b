/// What a person gets wrong ends with exit code 2 and one line that says what and where.
module Ashlar.Conformance.Tests.Cli.MisuseTests

open System.IO
open System.Text
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Cli.Driving
open Ashlar.Reference.Block

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private script =
    "# ashlar-script 1\n"
    + "{\"execute\": \"blockdev-add\", \"arguments\": "
    + "{\"driver\": \"null-co\", \"node-name\": \"n\"}}\n"
    + "#expect ok\n"

/// A command that greets, says one line and goes on.
let private greets (line: string) = $"echo '{{\"QMP\": {{}}}}'; echo '{line}'; sleep 300"

let private commandLines = [
    [ "frob" ], "'frob'"
    [], "Required command"
    [ "replay"; "--files"; "--sut"; "qemu"; "a.script" ], "says two things"
    [ "oracle"; "--socket"; "" ], "--socket : the path is empty"
    [ "run"; "--lane"; "nope" ], "there is no lane 'nope'"
    [ "run"; "--profile"; "nope" ], "there is no profile 'nope'"
    [ "run"; "--seed"; "-1" ], "--seed is a number from 0"
    [ "run"; "--seconds"; "0" ], "--seconds is from 1"
    [ "run"; "--lane"; "soak"; "--seconds"; "2147483647" ], "--seconds is from 1"
    [ "run"; "--lane"; "smoke"; "--steps"; "9223372036854775807" ], "--steps is from 1"
    [ "run"; "--workers"; "257" ], "--workers is from 1 to 256"
    [ "run"; "--lane"; "memory"; "--script"; "1" ], "--script needs the --seed"
    [ "run"; "--lane"; "soak/x" ], "the lane soak has no part 'x'"
    [ "run"; "--lane"; "exhaustive"; "--steps"; "5" ], "takes no --steps"
    [ "run"; "--lane"; "exhaustive"; "--seconds"; "5" ], "takes no --seconds"
    [ "run"; "--lane"; "exhaustive"; "--profile"; "qemu-7.2" ], "no other --profile"
    [ "run"; "--lane"; "exhaustive"; "--script"; "123456789" ], "there is no graph 123456789"
    [ "run"; "--lane"; "crash"; "--html"; "x" ], "the lane crash takes no --html"
    [ "coverage"; "--lane"; "crash" ], "the lane crash has no parts, and counts no requirements"
    [ "run"; "--json"; "nowhere/report" ], "--json nowhere/report: "
    [ "run"; "--lane"; "qemu"; "--profile"; "ashlar" ], "by the profile qemu-7.2, not ashlar"
    [ "run"; "--lane"; "memory"; "--sut"; "qemu" ], "the lane memory does not run on qemu"
    [ "run"; "--lane"; "qemu"; "--sut"; "files" ], "the lane qemu checks QMP servers, not files"
    [ "run"; "--sut"; "nope" ], "there is no system 'nope'"
    [ "run"; "--sut"; "exec:" ], "there is no system 'exec:'"
    [ "run"; "--sut"; "unix:nowhere.sock" ],
    "--sut unix:nowhere.sock: cannot be connected to: No such file or directory"
    [ "replay"; "--sut"; "exec:no-such-program"; "a.script" ],
    "--sut exec:no-such-program: ended with 12"
    [ "replay"; "--sut"; "exec:true"; "a.script" ], "exec:true: ended with 0 before it greeted"
    [ "replay"; "--sut"; "exec:sleep 300"; "a.script" ], "exec:sleep 300: hung before it greeted"
    [ "replay"; "--sut"; "exec:yes"; "a.script" ], "exec:yes: the server sent what is no JSON"
    [ "replay"; "--sut"; "exec:cat /dev/zero"; "a.script" ], "longer than any reply can be"
    // The shell stays, and what it started must go with it.
    [ "replay"; "--sut"; "exec:echo 5; sleep 300"; "a.script" ], "does not greet as QMP does"
    [ "replay"; "--sut"; "exec:echo '{}'; sleep 300"; "a.script" ], "does not greet as QMP does"
    [ "replay"; "--sut"; "exec:" + greets "{\"error\": {}, \"id\": 0}"; "a.script" ],
    "an error does not have the form that QMP gives it"
    [ "replay"; "--sut"; "exec:" + greets "{\"return\": {}, \"id\": 0.5}"; "a.script" ],
    "stray reply: it has the id of another command"
    [ "replay"; "--sut"; "exec:" + greets "{\"return\": {}}"; "a.script" ],
    "stray reply: it has no id"
    [
        "replay"
        "--sut"
        "exec:" + greets "{\"QMP\": {}}'; echo '{\"return\": {}, \"id\": 0.5}"
        "a.script"
    ],
    "stray reply: it has the id of another command"
    [ "replay"; "--sut"; "exec:true {socket}"; "a.script" ], "ended with 0 before it greeted"
    [ "replay"; "--sut"; "unix:."; "a.script" ], "--sut unix:.: cannot be connected to"
    [ "replay"; "--sut"; "unix:" + System.String('x', 200); "a.script" ], "cannot be as long as"
    [ "replay"; "" ], "a path is not empty"
    [ "replay"; "missing" ], "missing: there is no such file"
    [ "explain"; "." ], ".: is a directory"
    [ "explain"; "a.script"; "--step"; "0" ], "has the steps 1 to 1, not 0"
    [ "shrink"; "a.script"; "--out"; "nowhere/b" ], "--out nowhere/b: "
    [ "replay-trace"; "a.script" ], "a.script:1:1: "
    [ "replay-trace"; "/dev/zero" ], "/dev/zero:1:1: "
    [ "replay"; "/dev/zero" ], "a script has at most"
    [ "run"; "--accept"; "/dev/zero" ], "--accept /dev/zero: a list has at most"
    [ "run"; "--accept"; "." ], "--accept .: is a directory"
    [ "oracle"; "--socket"; "nowhere/s" ], "--socket nowhere/s: there is no such directory"
]

/// Texts that are no scripts; the place is a line and a column.
let private scripts = [
    "an empty file", "", "1:1: a script begins with the line"
    "noise", "\u0001\u0000\u0002 noise", "1:1: a script begins with the line"
    "broken JSON", script + "{\"execute\": \"x\", \"arguments\": }", "4:31: '}' does not begin"
    "a control character", script + "{\"execute\": \u0007}", "4:13: the character U+0007"
    "a long line", script + "{\"" + System.String('x', 10_000_000), "4:1: the line is longer"
    "deep nesting", script + String.replicate 100_000 "[", "4:1026: nested deeper than 1024"
]

let private traces = [
    "no step", "", "1:1: the trace has no step"
    "a cut line", "{\"world\": {\"a\"", "1:15: the line ends"
    "a world that is a number", "{\"world\": 5}", "1:1: an object was expected"
    "no world", "{}", "1:1: the member 'world' is missing"
    "a negative size",
    "{\"world\": {\"a\": {\"mode\": \"0644 owner\", \"size\": -1, \"format\": \"raw\"}}}",
    "1:1: the size of a file"
    "no reply",
    "{\"world\": {}}\n{\"command\": {\"execute\": \"x\"}, \"nodes\": [], \"fd\": {}}",
    "2:1: the member 'reply' is missing"
    "descriptors that are a number",
    "{\"world\": {}}\n"
    + "{\"command\": {\"execute\": \"x\"}, \"reply\": {\"return\": {}}, \"nodes\": [], \"fd\": 5}",
    "2:1: an object was expected"
]

let tests =
    testList "misuse" [
        for arguments, says in commandLines do
            let line = String.concat " " arguments

            test $"ashlar-conform {line}" {
                runWith [ "a.script", utf8 script ] arguments |> refused says
            }

        for name, text, says in scripts do
            test $"a script with {name}" {
                match ScriptParser.parse text with
                | Ok _ -> failtest "it is a script"
                | Error wrong -> Expect.stringStarts (TextError.render "" wrong) $":{says}" "where"
            }

        for name, text, says in traces do
            test $"a trace with {name}" {
                match Traces.replay Profile.qemu31 (text.Split '\n') with
                | Ok _ -> failtest "it is a trace"
                | Error wrong -> Expect.stringStarts wrong says "where"
            }

        test "a script's line and column reach the person" {
            let _, text, says = scripts[2]
            let files = [ "a.script", utf8 text ]
            runWith files [ "replay"; "a.script" ] |> refused $"a.script:{says}"
        }

        test "line ends and a byte order mark of another system are no misuse" {
            let other =
                Array.append [| 0xEFuy; 0xBBuy; 0xBFuy |] (utf8 (script.Replace("\n", "\r\n")))

            let ended = runWith [ "a.script", other ] [ "replay"; "a.script" ]
            Expect.equal ended.Code 0 ended.Errors
        }
    ]
