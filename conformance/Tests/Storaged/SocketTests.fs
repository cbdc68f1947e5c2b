/// Sockets, the pidfile, the background and the end of the daemon.
module Ashlar.Conformance.Tests.Storaged.SocketTests

open System
open System.IO
open System.Net.Sockets
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Storaged.Daemon

let private sigterm = 15

let private terminate (child: Diagnostics.Process) =
    Expect.equal (signal (child.Id, sigterm)) 0 "the signal"
    let ended = finish child
    Expect.equal ended.Code 0 ended.Errors
    Expect.equal ended.Errors "" "what it says"

let private left (directory: string) =
    Directory.EnumerateFileSystemEntries directory
    |> Seq.map (Path.GetFileName >> string)
    |> Seq.filter ((<>) "qemu-storage-daemon")
    |> List.ofSeq

let private owner =
    UnixFileMode.UserRead ||| UnixFileMode.UserWrite ||| UnixFileMode.UserExecute

let private pidOf (directory: string) (child: Diagnostics.Process) name =
    let path = Path.Combine(directory, name)

    await $"{name} is written" child (fun () ->
        File.Exists path && (File.ReadAllText path).EndsWith '\n')

    int (File.ReadAllText path)

/// What is left of a socket whose owner was killed.
let private leaveSocket (path: string) =
    use socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

    // The name is taken away before the end, so that the runtime does not tidy up after itself.
    let moved = path + ".moved"
    socket.Bind(UnixDomainSocketEndPoint moved)
    File.Move(moved, path)

let private sockets =
    testList "sockets" [
        test "BLK-SD-008 a socket and the pidfile are for nobody but the owner" {
            withDaemon (monitorAt "m" @ [ "--pidfile"; "pid" ]) (fun directory child ->
                use client = talk directory child "m"
                Expect.equal (pidOf directory child "pid") child.Id "the process"
                let mode (name: string) = File.GetUnixFileMode(Path.Combine(directory, name))
                Expect.equal (mode "m.sock") owner "the socket"

                Expect.equal
                    (mode "pid")
                    (UnixFileMode.UserRead ||| UnixFileMode.UserWrite)
                    "the pidfile"

                terminate child
                Expect.isEmpty (left directory) "what is left")
        }

        test "BLK-SD-009 a left-over socket is replaced" {
            Temporary.withDirectory "storaged" (fun directory ->
                leaveSocket (Path.Combine(directory, "m.sock"))
                use child = start directory (monitorAt "m")
                quit directory child "m"
                Expect.isEmpty (left directory) "what is left")
        }

        test "BLK-SD-009 a file that is no socket stays" {
            Temporary.withDirectory "storaged" (fun directory ->
                let path = Path.Combine(directory, "m.sock")
                File.WriteAllText(path, "an image")
                use child = start directory (monitorAt "m")
                let ended = finish child
                Expect.stringContains ended.Errors "Failed to bind socket to m.sock" "the reason"
                Expect.equal ended.Code 1 "the exit code"
                Expect.equal (File.ReadAllText path) "an image" "the file")
        }

        test "BLK-SD-009 the socket of a later daemon survives the end of an earlier one" {
            withDaemon (monitorAt "m") (fun directory first ->
                (talk directory first "m" :> IDisposable).Dispose()
                let before = Path.Combine(directory, "m.sock")
                File.Move(before, before + ".old")
                use second = start directory (monitorAt "m")
                (talk directory second "m" :> IDisposable).Dispose()
                terminate first
                quit directory second "m")
        }

        test "BLK-SD-010 one client is served at a time, the next one when it leaves" {
            withDaemon (monitorAt "m") (fun directory child ->
                let first = talk directory child "m"
                use second = connect directory child "m.sock"
                let greeting = second.NextLine()
                Expect.isFalse (greeting.Wait 200) "served beside the first"
                (first :> IDisposable).Dispose()
                Expect.isTrue (greeting.Wait patience) "not served after the first"
                Expect.stringStarts (string greeting.Result) "{\"QMP\"" "the greeting")
        }

        test "BLK-SD-008 wait=on waits for a client before anything else is done" {
            let options = [
                "--chardev"
                "socket,id=m,path=m.sock,server=on"
                "--monitor"
                "m"
                "--pidfile"
                "pid"
            ]

            withDaemon options (fun directory child ->
                await "the socket is there" child (fun () ->
                    File.Exists(Path.Combine(directory, "m.sock")))

                Expect.equal (left directory) [ "m.sock" ] "before the client"
                use client = talk directory child "m"
                Expect.equal (pidOf directory child "pid") child.Id "after the client"
                terminate child)
        }

        test "BLK-SD-014 a daemon that waits for its client ends by a signal too" {
            withDaemon [ "--chardev"; "socket,id=m,path=m.sock,server=on" ] (fun directory child ->
                await "the socket is there" child (fun () ->
                    File.Exists(Path.Combine(directory, "m.sock")))

                terminate child
                Expect.isEmpty (left directory) "what is left")
        }

        test "BLK-SD-007 standard input may end, the daemon goes on" {
            let options = [ "--chardev"; "stdio,id=s"; "--monitor"; "s" ] @ monitorAt "m"

            withDaemon options (fun directory child ->
                Expect.stringStarts
                    (string (child.StandardOutput.ReadLine()))
                    "{\"QMP\""
                    "greeting"

                child.StandardInput.Close()
                quit directory child "m")
        }

        test "BLK-SD-015 quit over standard input" {
            withDaemon [ "--chardev"; "stdio,id=s"; "--monitor"; "s,pretty=on" ] (fun _ child ->
                child.StandardInput.Write
                    "{\"execute\": \"qmp_capabilities\"}{\"execute\": \"quit\"}"

                child.StandardInput.Flush()
                let ended = finish child
                Expect.equal ended.Code 0 ended.Errors
                // BLK-SD-011: pretty means that a reply takes several lines.
                Expect.stringStarts ended.Out "{" "the output"
                Expect.isGreaterThan (ended.Out.Split('\n').Length) 8 ended.Out)
        }
    ]

let private life =
    testList "life" [
        for number, name in [ 1, "SIGHUP"; 2, "SIGINT"; sigterm, "SIGTERM" ] do
            test $"BLK-SD-014 {name} ends it well and leaves nothing" {
                withDaemon (monitorAt "m" @ [ "--pidfile"; "pid" ]) (fun directory child ->
                    pidOf directory child "pid" |> ignore
                    use client = talk directory child "m"
                    Expect.equal (signal (child.Id, number)) 0 "the signal"
                    Expect.equal (finish child).Code 0 "the exit code"
                    Expect.isEmpty (left directory) "what is left")
            }

        test "BLK-SD-015 quit ends it well and leaves nothing" {
            withDaemon (monitorAt "m" @ [ "--pidfile"; "pid" ]) (fun directory child ->
                pidOf directory child "pid" |> ignore
                quit directory child "m"
                Expect.isEmpty (left directory) "what is left")
        }

        test "BLK-SD-005 a start that fails leaves nothing" {
            Temporary.withDirectory "storaged" (fun directory ->
                use child =
                    start directory (monitorAt "m" @ [ "--pidfile"; "pid"; "--blockdev"; "x" ])

                Expect.equal (finish child).Code 1 "the exit code"
                Expect.isEmpty (left directory) "what is left")
        }

        test "BLK-SD-012 the pidfile of a daemon that lives refuses a second one, harmlessly" {
            let options = monitorAt "m" @ [ "--pidfile"; "pid" ]

            withDaemon options (fun directory child ->
                pidOf directory child "pid" |> ignore
                use second = start directory options
                let ended = finish second
                Expect.equal ended.Code 1 "the exit code"

                Expect.equal
                    ended.Errors
                    ("qemu-storage-daemon: cannot create PID file: Cannot lock pid file: "
                     + "Resource temporarily unavailable\n")
                    "the reason"

                quit directory child "m")
        }

        test "BLK-SD-012 a pidfile that is left is written anew, whatever is in it" {
            Temporary.withDirectory "storaged" (fun directory ->
                File.WriteAllText(
                    Path.Combine(directory, "pid"),
                    "something longer\nthan a number"
                )

                use child = start directory (monitorAt "m" @ [ "--pidfile"; "pid" ])
                (talk directory child "m" :> IDisposable).Dispose()
                let text = File.ReadAllText(Path.Combine(directory, "pid"))
                Expect.equal text $"{child.Id}\n" "the pidfile"
                quit directory child "m")
        }

        test "BLK-SD-013 --daemonize ends when the daemon serves, with no stream held" {
            Temporary.withDirectory "storaged" (fun directory ->
                let options = "--daemonize" :: monitorAt "m" @ [ "--pidfile"; "pid" ]
                use child = start directory options
                // Reading to the end of both streams needs the daemon to have let go of them.
                let ended = finish child
                Expect.equal (ended.Code, ended.Errors) (0, "") "the end of the command"
                let pid = int (File.ReadAllText(Path.Combine(directory, "pid")))
                Expect.notEqual pid child.Id "another process"
                use daemon = Diagnostics.Process.GetProcessById pid
                use client = talk directory daemon "m"
                client.Send "{\"execute\": \"quit\"}\n"
                await "it is gone" daemon (fun () -> List.isEmpty (left directory)))
        }

        test "BLK-SD-013 --daemonize tells why a start fails" {
            let ended = run [ "--daemonize"; "--blockdev"; "driver=foo" ]
            Expect.equal ended.Code 1 "the exit code"

            Expect.equal
                ended.Errors
                ("qemu-storage-daemon: --blockdev driver=foo: "
                 + "Parameter 'driver' does not accept value 'foo'\n")
                "the reason"
        }
    ]

let tests = testList "process" [ sockets; life ]
