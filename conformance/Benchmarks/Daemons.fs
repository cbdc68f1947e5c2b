/// The published `ashlar` against the machine's own qemu-storage-daemon: how long a start takes
/// until the greeting, and how many commands a second go over a socket. Both are driven by the same
/// client, turn by turn, so that what the machine does meanwhile falls on both.
module Ashlar.Conformance.Benchmarks.Daemons

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Net.Sockets
open System.Text
open System.Threading

/// Pairs of runs; the medians of so many are steady on a busy machine.
let private pairs = 11

/// Rounds of add, reopen and del in one run.
let private rounds = 500

let private expect (reader: StreamReader) (what: string) =
    match reader.ReadLine() with
    | null -> failwith "the daemon has gone"
    | line when line.Contains what -> ()
    | line -> failwith $"expected {what}: {line}"

/// Milliseconds from the start of the process to its greeting.
let private greeting (program: string) (directory: string) : float =
    let clock = Stopwatch.StartNew()
    use child = Pairs.start program directory [ "--chardev"; "stdio,id=c"; "--monitor"; "c" ]
    expect child.StandardOutput "QMP"
    let taken = clock.Elapsed.TotalMilliseconds
    child.Kill()
    child.WaitForExit()
    taken

let private round =
    [
        "{\"execute\": \"blockdev-add\", \"arguments\": "
        + "{\"driver\": \"raw\", \"node-name\": \"n\", \"file\": \"b\"}}"
        "{\"execute\": \"blockdev-reopen\", \"arguments\": {\"options\": [{\"driver\": \"raw\", "
        + "\"node-name\": \"n\", \"file\": \"b\", \"read-only\": true}]}}"
        """{"execute": "blockdev-del", "arguments": {"node-name": "n"}}"""
    ]
    |> List.map (fun text -> Encoding.UTF8.GetBytes(text + "\n"))

let private tryConnect (path: string) : Socket option =
    let socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

    try
        socket.Connect(UnixDomainSocketEndPoint path)
        Some socket
    with :? SocketException ->
        // One that failed to connect is of no further use.
        socket.Dispose()
        None

let rec private connect (path: string) (child: Process) : Socket =
    match tryConnect path with
    | Some socket -> socket
    | None when child.HasExited -> failwith "the daemon has gone"
    | None ->
        Thread.Sleep 1
        connect path child

/// Commands a second, each sent when the one before is answered.
let private commands (program: string) (directory: string) : float =
    let path = Path.Combine(directory, "qmp.sock")

    use child =
        Pairs.start program directory [
            "--blockdev"
            "null-co,node-name=b,size=1048576"
            "--chardev"
            "socket,id=c,path=qmp.sock,server=on,wait=off"
            "--monitor"
            "c"
        ]

    try
        use stream = new NetworkStream(connect path child, true)
        use reader = new StreamReader(stream)
        expect reader "QMP"

        let ask (command: byte array) =
            stream.Write command
            expect reader "return"

        ask (Encoding.UTF8.GetBytes "{\"execute\": \"qmp_capabilities\"}\n")
        // Caches, buffers, and what a runtime still has to do.
        for _ in 1 .. rounds / 10 do
            List.iter ask round

        let clock = Stopwatch.StartNew()

        for _ in 1..rounds do
            List.iter ask round

        let rate = float (rounds * round.Length) / clock.Elapsed.TotalSeconds
        ask (Encoding.UTF8.GetBytes "{\"execute\": \"quit\"}\n")
        rate
    finally
        // Also one that did not answer: nothing is left running.
        if not (child.WaitForExit 5_000) then
            child.Kill()
            child.WaitForExit()

let private compare (what: string) (digits: string) (ours: string) (theirs: string) measure =
    Pairs.inScratch (fun directory ->
        let both =
            Pairs.measured pairs (fun () -> measure ours directory) (fun () ->
                measure theirs directory)

        let ours, theirs, ratio = Pairs.medians both
        let text = Pairs.text digits
        printfn "| %s | %s | %s | %s |" what (text ours) (text theirs) (Pairs.text "F2" ratio))

/// Prints both figures with their ratio; the medians of pairs.
let run () : int =
    Pairs.withBoth "qemu-storage-daemon" (fun ours theirs ->
        printfn "| what | ashlar | QEMU | ratio |"
        printfn "| --- | --- | --- | --- |"
        compare "start to greeting, ms" "F1" ours theirs greeting
        compare "commands a second" "N0" ours theirs commands)
