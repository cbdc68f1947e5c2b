/// The command line of the daemon: what is wrong ends with exit code 1 and QEMU's text.
module Ashlar.Conformance.Tests.Storaged.ArgumentTests

open System.Diagnostics
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Storaged.Daemon

/// Wrong arguments with what is said of them, as QEMU 7.2 says it too.
let private misuse = [
    // BLK-SD-003: form.
    [ "--bogus" ], "unrecognized option '--bogus'"
    [ "-x" ], "invalid option -- 'x'"
    [ "-T" ], "option requires an argument -- 'T'"
    [ "--blockdev" ], "option '--blockdev' requires an argument"
    [ "--n" ], "option '--nbd-server' requires an argument"
    [ "--daemonize=x" ], "option '--daemonize' doesn't allow an argument"
    [ "bogus" ], "bogus: Unexpected argument"
    [ "-" ], "-: Unexpected argument"
    // BLK-SD-002: each option in its turn.
    [ "--monitor"; "a"; "--blockdev"; "x" ], "--monitor a: chardev \"a\" not found"
    [ "--blockdev"; "x"; "--bogus" ], "unrecognized option '--bogus'"
    // BLK-SD-036: JSON.
    [ "--blockdev={}" ], "--blockdev={}: Parameter 'driver' is missing"
    for text, says in
        [
            "{", "JSON parse error, premature EOI"
            "{\"", "JSON parse error, stray '\"'"
            "{\"driver\"", "JSON parse error, premature EOI"
            "{\"driver\":\"null-co\",", "JSON parse error, premature EOI"
            "{\"driver\":\"null-co\"}}", "Expecting at most one JSON value"
            "{\"driver\":\"null-co\"} x", "Expecting at most one JSON value"
            "{}{}", "Expecting at most one JSON value"
            "{driver:1}", "JSON parse error, invalid keyword 'driver'"
            "{\"a\" 1}", "JSON parse error, missing : in object pair"
            "{]", "JSON parse error, expecting value"
            "{\"a\":@}", "JSON parse error, stray '@'"
        ] do
        [ "--blockdev"; text ], $"--blockdev {text}: {says}"
    [ "--monitor"; "{\"chardev\": 1}" ],
    "--monitor {\"chardev\": 1}: Invalid parameter type for 'chardev', expected: string"
    // BLK-SD-007: devices.
    [ "--chardev"; "foo" ], "--chardev foo: chardev: no id specified"
    [ "--chardev"; "id=a" ], "--chardev id=a: chardev: \"a\" missing backend"
    [ "--chardev"; "foo,id=a" ], "--chardev foo,id=a: 'foo' is not a valid char driver name"
    [ "--chardev"; "stdio,id=1" ],
    "--chardev stdio,id=1: Parameter 'id' expects an identifier\nIdentifiers consist of "
    + "letters, digits, '-', '.', '_', starting with a letter."
    [ "--chardev"; "stdio,id=a"; "--chardev"; "stdio,id=b" ],
    "--chardev stdio,id=b: cannot use stdio by multiple character devices"
    [ "--chardev"; "socket,id=a,path=s,foo=1" ],
    "--chardev socket,id=a,path=s,foo=1: Invalid parameter 'foo'"
    [ "--chardev"; "socket,id=a,path=s,server=1" ],
    "--chardev socket,id=a,path=s,server=1: Parameter 'server' expects 'on' or 'off'"
    // BLK-SD-008: sockets.
    [ "--chardev"; "socket,id=a" ], "--chardev socket,id=a: Unable to parse FD number "
    [ "--chardev"; "socket,id=a,fd=77" ],
    "--chardev socket,id=a,fd=77: File descriptor '77' is not a socket"
    [ "--chardev"; "socket,id=a,path=s,host=h" ],
    "--chardev socket,id=a,path=s,host=h: None or one of 'path', 'fd' or 'host' option required."
    [ "--chardev"; "socket,id=a,host=h,server=on" ],
    "--chardev socket,id=a,host=h,server=on: chardev: socket: no port given"
    [ "--chardev"; "socket,id=a,path=no/s,wait=off" ],
    "--chardev socket,id=a,path=no/s,wait=off: 'wait' option is incompatible with socket in client "
    + "connect mode"
    [ "--chardev"; "socket,id=a,path=no/s" ],
    "--chardev socket,id=a,path=no/s: Failed to connect to 'no/s': No such file or directory"
    [ "--chardev"; "socket,id=a,path=no/s,server=on" ],
    "--chardev socket,id=a,path=no/s,server=on: Failed to bind socket to no/s: No such file or "
    + "directory"
    [ "--chardev"; "socket,id=a,host=127.0.0.1,port=x,server=on" ],
    "--chardev socket,id=a,host=127.0.0.1,port=x,server=on: address resolution failed for "
    + "127.0.0.1:x: Servname not supported for ai_socktype"
    // BLK-SD-011: monitors.
    [ "--monitor"; "a,mode=foo" ],
    "--monitor a,mode=foo: Parameter 'mode' does not accept value 'foo'"
    [ "--chardev"; "stdio,id=a"; "--monitor"; "a,mode=readline" ],
    "--monitor a,mode=readline: Only QMP is supported"
    [ "--chardev"; "stdio,id=a"; "--monitor"; "a"; "--monitor"; "a" ],
    "--monitor a: Device 'a' is in use"
    // BLK-SD-012: the pidfile.
    [ "--pidfile"; "no/p" ],
    "cannot create PID file: Could not create 'no/p': No such file or directory"
    [ "--pidfile"; "." ], "cannot create PID file: Could not create '.': Is a directory"
    // BLK-SD-013: the background.
    [ "--daemonize"; "--chardev"; "stdio,id=a" ],
    "--chardev stdio,id=a: cannot use stdio with -daemonize"
    [ "--daemonize"; "--pidfile"; "no/p" ],
    "cannot create PID file: Could not create 'no/p': No such file or directory"
    // BLK-SD-018: what becomes commands.
    [ "--nbd-server"; "addr.type=foo" ],
    "--nbd-server addr.type=foo: Parameter 'type' does not accept value 'foo'"
    [ "--nbd-server"; "addr.type=unix" ],
    "--nbd-server addr.type=unix: Parameter 'addr.path' is missing"
    [ "--nbd-server"; "addr.type=unix,addr.path=s,max-connections=-1" ],
    "--nbd-server addr.type=unix,addr.path=s,max-connections=-1: Parameter 'max-connections' "
    + "expects uint32_t"
    [ "--object"; "foo" ], "--object foo: Parameter 'qom-type' does not accept value 'foo'"
    [ "--object"; "iothread,id=" ],
    "--object iothread,id=: Parameter 'id' expects an identifier\n"
    + "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."
    [ "--object"; "secret,id=s,file=" ],
    "--object secret,id=s,file=: Unable to read : Failed to open file \u201c\u201d: No such file "
    + "or directory"
    [ "--object"; "iothread,id=a,poll-max-ns=x" ],
    "--object iothread,id=a,poll-max-ns=x: Parameter 'poll-max-ns' expects integer"
    [ "--export"; "nbd,id=a" ], "--export nbd,id=a: Parameter 'node-name' is missing"
    [ "--export"; "nbd,id=a,node-name=n,writable=7" ],
    "--export nbd,id=a,node-name=n,writable=7: Parameter 'writable' expects 'on' or 'off'"
]

/// What is refused here and not by QEMU, or in other words.
let private ownMisuse = [
    // BLK-SD-005: whatever it is that is wrong
    [ "--nbd-server"; "addr.type=unix,addr.path=" ],
    "--nbd-server addr.type=unix,addr.path=: UNIX socket path '' is empty"
    [ "--nbd-server"; """{"addr":{"type":"unix","path":"\u0000"}}""" ],
    """--nbd-server {"addr":{"type":"unix","path":"\u0000"}}: Failed to bind socket to """
    + "\u0000: Invalid argument"
    [ "--blockdev"; "nbd,node-name=f,server.type=unix,server.path=" ],
    "--blockdev nbd,node-name=f,server.type=unix,server.path=: Failed to connect to '': No such "
    + "file or directory"
    // BLK-SD-006
    [ "-T"; "x" ], "-T x: there is no tracing"
    [ "--trace=x" ], "--trace=x: there is no tracing"
    [ "--chardev"; "pty,id=a" ], "--chardev pty,id=a: 'pty' is not a valid char driver name"
    [ "--chardev"; "socket,id=a,path=s,server=on,telnet=on" ],
    "--chardev socket,id=a,path=s,server=on,telnet=on: chardev: socket: 'telnet' is not supported"
]

let private refused (says: string) (ended: Ended) =
    Expect.equal ended.Errors $"qemu-storage-daemon: {says}\n" "the reason"
    Expect.equal ended.Code 1 "the exit code"
    Expect.equal ended.Out "" "the output"

/// What the machine's own daemon says, in a directory of its own.
let private qemu (arguments: string list) : string =
    Temporary.withDirectory "qemu" (fun directory ->
        let info =
            ProcessStartInfo(
                "qemu-storage-daemon",
                arguments,
                WorkingDirectory = directory,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            )

        match Process.Start info with
        | null -> failtest "qemu-storage-daemon does not start"
        | child ->
            use child = child
            (finish child).Errors)

let private helps = [
    // BLK-SD-004
    [ "--help" ], "Usage: qemu-storage-daemon [options]\n"
    [ "-h" ], "Usage: qemu-storage-daemon [options]\n"
    [ "--version" ], "qemu-storage-daemon version "
    [ "--blockdev"; "nonsense"; "-V" ], "qemu-storage-daemon version "
    // BLK-SD-018
    [ "--object"; "help" ],
    "List of user creatable objects:\n  iothread\n  secret\n  throttle-group\n"
    [ "--object"; "iothread,help" ], "iothread options:\n  aio-max-batch=<int>\n"
    // BLK-SD-007
    [ "--chardev"; "help" ], "Available chardev backend types: \n"
]

let tests =
    testList "arguments" [
        for arguments, says in misuse @ ownMisuse do
            let line = String.concat " " arguments
            test $"BLK-SD-005 {line}" { run arguments |> refused says }

        for arguments, says in helps do
            let line = String.concat " " arguments

            test $"BLK-SD-004 {line}" {
                let ended = run arguments
                Expect.equal ended.Code 0 ended.Errors
                Expect.stringStarts ended.Out says "the output"
            }

        test "BLK-SD-005 the machine's own daemon says the same" {
            Needs.program "qemu-storage-daemon" "qemu-system-common"

            for arguments, says in misuse do
                Expect.equal
                    (qemu arguments)
                    $"qemu-storage-daemon: {says}\n"
                    (String.concat " " arguments)
        }

        test "BLK-SD-001 ashlar storaged is the same program under its own name" {
            Temporary.withDirectory "storaged" (fun directory ->
                let ashlar arguments =
                    use child = startAshlar directory arguments
                    finish child

                let wrong = ashlar [ "storaged"; "--monitor"; "a" ]

                Expect.equal
                    wrong.Errors
                    "ashlar storaged: --monitor a: chardev \"a\" not found\n"
                    "who speaks"

                Expect.equal wrong.Code 1 "the exit code"
                let none = ashlar [ "nothing" ]
                Expect.stringStarts none.Errors "ashlar: there is no tool 'nothing'\n" "a tool"
                Expect.equal none.Code 1 "the exit code"
                Expect.equal (ashlar [ "--help" ]).Code 0 "help")
        }
    ]
