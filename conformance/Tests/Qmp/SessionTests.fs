/// Conversations with a server that knows three commands: framing, negotiation, ids, limits, events
/// (BLK-QMP-001 to BLK-QMP-006).
module Ashlar.Conformance.Tests.Qmp.SessionTests

open System
open System.Collections.Generic
open System.IO
open System.IO.Pipelines
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open Ashlar.Block
open Ashlar.Qmp

/// Answers `echo` with its arguments, raises an event for `raise`, ends for `quit`.
type private Echo() =
    let mutable listener = Action<QmpEvent> ignore

    interface IQmpCommands with
        member _.Names = [| "echo"; "raise"; "fail"; "quit" |]

        member _.Execute(command, arguments) =
            match command with
            | "echo" -> QmpAnswer.Of arguments
            | "raise" ->
                listener.Invoke(QmpEvent("HAPPENED", arguments))
                QmpAnswer.Done
            | "fail" -> raise (InvalidDataException "a defect")
            | _ -> QmpAnswer.Quit()

        member _.Listen other = listener <- other

let private version = QmpVersion(0, 1, 0, "test")

/// Everything a server sends to a client that sends these pieces and then closes.
let talkWith (dispatcher: QmpDispatcher) (pieces: byte[] list) : string list =
    let input = Pipe()
    use output = new MemoryStream()

    let writing =
        task {
            for piece in pieces do
                let! _ = input.Writer.WriteAsync(ReadOnlyMemory piece)
                // lets the server see the piece for itself
                do! Task.Yield()

            do! input.Writer.CompleteAsync()
        }

    QmpSession(dispatcher, input.Reader.AsStream(), output).RunAsync(dispatcher.Quit).Wait()
    writing.Wait()

    Encoding.UTF8.GetString(output.ToArray()).Split("\r\n")
    |> List.ofArray
    |> List.filter ((<>) "")

let private talk (text: string) : string list =
    talkWith (QmpDispatcher(Echo(), version, null)) [ Encoding.UTF8.GetBytes text ]

/// The same for a client that has negotiated, without greeting and negotiation.
let negotiated (text: string) : string list =
    talk ("""{"execute":"qmp_capabilities"}""" + text) |> List.skip 2

let private error (cls: string) (text: string) =
    "{\"error\":{\"class\":\"" + cls + "\",\"desc\":\"" + text + "\"}}"

let private isParseError (line: string) =
    line.StartsWith """{"error":{"class":"GenericError","desc":"JSON parse error, """

let private greeting =
    """{"QMP":{"version":{"qemu":{"micro":0,"minor":1,"major":0},"package":"test"},"""
    + "\"capabilities\":[]}}"

let private basics = [
    test "the greeting comes first (BLK-QMP-001)" { Expect.equal (talk "") [ greeting ] "" }

    test "messages need no separator, replies carry the id (BLK-QMP-002, BLK-QMP-003)" {
        let id = """[1.5,null,{"a":18446744073709551615}]"""
        let first = "{\"execute\":\"echo\",\"id\":" + id + "}"
        let second = """{"execute":"echo","arguments":{"x":[true]}}"""

        Expect.equal
            (negotiated (first + second + "\n\n {\"id\":\"\",\"execute\":\"echo\"}"))
            [
                "{\"return\":{},\"id\":" + id + "}"
                """{"return":{"x":[true]}}"""
                """{"return":{},"id":""}"""
            ]
            ""
    }

    for message, text in
        [
            "5", "QMP input must be a JSON object"
            "\"x\"", "QMP input must be a JSON object"
            "[{}]", "QMP input must be a JSON object"
            """{"execute":5}""", "QMP input member 'execute' must be a string"
            """{"execute":"echo","arguments":[]}""",
            "QMP input member 'arguments' must be an object"
            """{"execute":"echo","more":1}""", "QMP input member 'more' is unexpected"
            """{"exec-oob":"echo"}""", "QMP input member 'exec-oob' is unexpected"
            "{}", "QMP input lacks member 'execute'"
        ] do
        test $"an envelope is checked: {message} (BLK-QMP-002)" {
            Expect.equal (negotiated (message + "\n")) [ error "GenericError" text ] ""
        }

    test "an unknown command is told with its id (BLK-QMP-002)" {
        Expect.equal
            (negotiated """{"execute":"no","id":7}""")
            [
                (error "CommandNotFound" "The command no has not been found").TrimEnd('}')
                + "},\"id\":7}"
            ]
            ""
    }

    test "a defect of a command is its error, not the server's end (BLK-QMP-002)" {
        match negotiated """{"execute":"fail"}{"execute":"echo"}""" with
        | [ first; second ] ->
            Expect.stringContains first "Internal error in fail" ""
            Expect.equal second """{"return":{}}""" ""
        | other -> failtestf "%A" other
    }

    test "commands wait for the negotiation, which comes once (BLK-QMP-005)" {
        Expect.equal
            (talk
                """{"execute":"echo"}{"execute":"qmp_capabilities"}{"execute":"qmp_capabilities"}"""
             |> List.tail)
            [
                error "CommandNotFound" "Expecting capabilities negotiation with 'qmp_capabilities'"
                """{"return":{}}"""
                error
                    "CommandNotFound"
                    "Capabilities negotiation is already complete, command ignored"
            ]
            ""
    }

    for arguments in [ """{"enable":["oob"]}"""; """{"enable":5}"""; """{"other":1}""" ] do
        test $"a negotiation for what is not there fails: {arguments} (BLK-QMP-005)" {
            let lines =
                talk (
                    "{\"execute\":\"qmp_capabilities\",\"arguments\":"
                    + arguments
                    + "}"
                    + """{"execute":"echo"}"""
                )

            Expect.stringContains lines[1] "GenericError" ""
            Expect.stringContains lines[2] "Expecting capabilities" ""
        }

    test "an event comes before the reply of its command, as in QEMU (BLK-QMP-006)" {
        match negotiated """{"execute":"raise","arguments":{"n":1},"id":1}""" with
        | [ event; reply ] ->
            Expect.equal reply """{"return":{},"id":1}""" ""
            use document = JsonDocument.Parse event
            let root = document.RootElement
            Expect.equal (root.GetProperty("event").GetString()) "HAPPENED" ""
            Expect.equal (root.GetProperty("data").GetProperty("n").GetInt32()) 1 ""
            let time = root.GetProperty "timestamp"
            Expect.isGreaterThan (time.GetProperty("seconds").GetInt64()) 1_000_000_000L ""
            Expect.isLessThan (time.GetProperty("microseconds").GetInt64()) 1_000_000L ""
        | other -> failtestf "%A" other
    }

    test "quit is answered and ends the server" {
        let dispatcher = QmpDispatcher(Echo(), version, null)
        let text = """{"execute":"qmp_capabilities"}{"execute":"quit"}{"execute":"echo"}"""
        let lines = talkWith dispatcher [ Encoding.UTF8.GetBytes text ]
        Expect.equal lines.Length 3 "greeting and two replies"
        Expect.isTrue dispatcher.Quit.IsCancellationRequested ""
    }
]

let private malformed = [
    for message in
        [
            """{"a":}"""
            """{"a" 5}"""
            "xyz\n"
            "tru "
            "[1,]"
            """{"a":1,}"""
            """{"a":1,"a":2}"""
            """{"id":018}"""
            "\u0000"
            "}"
            "\"a\nb\"\n"
            """{"id":1e999}"""
            "{'execute':'echo'}"
            "\"\\ud800\""
            """{"id":"\'"}"""
        ] do
        test $"malformed: {message.Trim()} is told, and what follows is heard (BLK-QMP-003)" {
            let lines = negotiated (message + "\n{\"execute\":\"echo\",\"id\":\"after\"}")
            Expect.isTrue (isParseError lines[0]) lines[0]
            Expect.equal (List.last lines) """{"return":{},"id":"after"}""" ""
        }

    test "bytes that are no UTF-8 are told (BLK-QMP-003)" {
        let bytes = Array.concat [ "{\"execute\":\""B; [| 0xFFuy; 0xFEuy |]; "\"}"B ]

        let lines = talkWith (QmpDispatcher(Echo(), version, null)) [ bytes ]
        Expect.isTrue (isParseError lines[1]) lines[1]
    }

    test "half a command is no reply, whatever its half (BLK-QMP-003)" {
        let whole = """{"execute":"qmp_capabilities","id":{"a":["\"}",1]}}"""

        for length in 0 .. whole.Length - 1 do
            Expect.equal (talk (whole.Substring(0, length))).Length 1 $"the first {length} bytes"
    }

    test "a message in pieces is the message (BLK-QMP-003)" {
        let whole = """{"execute":"qmp_capabilities"}{"execute":"echo","id":"ä\"}"}"""
        let bytes = Encoding.UTF8.GetBytes whole

        let lines = talkWith (QmpDispatcher(Echo(), version, null)) [ for b in bytes -> [| b |] ]

        Expect.equal lines (talk whole) ""
        Expect.equal lines.Length 3 ""
    }

    test "nesting is bounded (BLK-QMP-004)" {
        let deep = String('[', QmpLimits.NestingMax + 1)
        let lines = negotiated (deep + "\n")
        Expect.equal lines [ error "GenericError" "JSON nesting depth limit exceeded" ] ""
        let legal = String('[', 1000) + String(']', 1000)

        Expect.equal
            (negotiated legal)
            [ error "GenericError" "QMP input must be a JSON object" ]
            ""
    }

    test "an id comes back however deep a message may be (BLK-QMP-002, BLK-QMP-004)" {
        for depth in [ 999; 1000; QmpLimits.NestingMax - 1 ] do
            let id = String('[', depth) + String(']', depth)
            let lines = negotiated ("{\"execute\":\"echo\",\"id\":" + id + "}")
            Expect.equal lines [ "{\"return\":{},\"id\":" + id + "}" ] $"{depth} levels"
            let asked = "{\"a\":" + id[1 .. id.Length - 2] + "}"
            let lines = negotiated ("{\"execute\":\"echo\",\"arguments\":" + asked + "}")
            Expect.equal lines [ "{\"return\":" + asked + "}" ] $"{depth} levels of arguments"
    }

    test "a message is bounded (BLK-QMP-004)" {
        let long = "{\"execute\":\"" + String('x', QmpLimits.MessageBytesMax) + "\"}\n"
        let lines = negotiated (long + """{"execute":"echo"}""")
        Expect.equal lines[0] (error "GenericError" "JSON token size limit exceeded") ""
        Expect.equal (List.last lines) """{"return":{}}""" ""
    }

    testProperty "noise ends no conversation (BLK-QMP-003, BLK-QMP-004)"
    <| Prop.forAll (ArbMap.defaults |> ArbMap.arbitrary<byte[]>) (fun noise ->
        let lines =
            talkWith (QmpDispatcher(Echo(), version, null)) [
                noise
                "\n\"\n"B
                "{\"execute\":\"echo\",\"id\":\"after\"}"B
            ]

        (List.last lines).EndsWith "\"id\":\"after\"}")
]

/// A stream that takes nothing until it is told to.
type private Stuck() =
    inherit MemoryStream()
    let freed = TaskCompletionSource()
    member _.Free() = freed.SetResult()

    override _.WriteAsync(_: ReadOnlyMemory<byte>, _: CancellationToken) = ValueTask freed.Task

let private slow = [
    test "of a client that does not read nothing more is read (BLK-QMP-004)" {
        let asked = Encoding.UTF8.GetBytes """{"execute":"echo"}"""
        let mutable taken = 0

        let endless = {
            new MemoryStream() with
                override _.ReadAsync(buffer: Memory<byte>, _: CancellationToken) =
                    let count = min buffer.Length asked.Length
                    asked.AsMemory(0, count).CopyTo buffer
                    taken <- taken + count
                    ValueTask<int> count
        }

        use output = new Stuck()
        use stop = new CancellationTokenSource()

        let running =
            QmpSession(QmpDispatcher(Echo(), version, null), endless, output).RunAsync stop.Token

        Expect.isFalse running.IsCompleted ""
        Expect.isLessThanOrEqual taken QmpLimits.KeptBufferBytes "what was read meanwhile"
        stop.Cancel()
        output.Free()
        running.Wait()
    }
]

let private faults = [
    test "a fault that nobody foresaw ends one conversation and not the server (BLK-SD-016)" {
        let broken = {
            new MemoryStream() with
                override _.ReadAsync(_: Memory<byte>, _: CancellationToken) =
                    raise (InvalidOperationException "a defect")
        }

        let dispatcher = QmpDispatcher(Echo(), version, null)
        use output = new MemoryStream()
        QmpSession(dispatcher, broken, output).RunAsync(dispatcher.Quit).Wait()
        Expect.isFalse dispatcher.Quit.IsCancellationRequested "the server"

        let next =
            talkWith dispatcher [ Encoding.UTF8.GetBytes """{"execute":"qmp_capabilities"}""" ]

        Expect.equal next [ greeting; """{"return":{}}""" ] "the next client"
    }
]

let tests = testList "sessions" (basics @ malformed @ slow @ faults)
