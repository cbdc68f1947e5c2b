/// Drives the built `ashlar` as a storage daemon: a process under the name qemu-storage-daemon, and
/// clients of its monitors.
module Ashlar.Conformance.Tests.Storaged.Daemon

open System
open System.Diagnostics
open System.IO
open System.Net.Sockets
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open Ashlar.Conformance.Tests

/// What a run of the program came to.
type Ended = { Code: int; Out: string; Errors: string }

/// How long to wait for what takes a moment. Only a broken program takes longer, on any machine.
let patience = TimeSpan.FromSeconds 30.0

/// The program of the configuration these tests were built in.
let program =
    let tests = Path.Combine("conformance", "Tests", "bin")
    let tools = Path.Combine("Fast.CSharp", "Tools", "bin")
    Path.Combine(AppContext.BaseDirectory.Replace(tests, tools), "ashlar")

/// Where the runtime is that runs the tests: the program shall find the same one.
let runtime =
    match Environment.ProcessPath with
    | null -> ""
    | path ->
        match File.ResolveLinkTarget(path, true) with
        | null -> path
        | target -> target.FullName
        |> Path.GetDirectoryName
        |> string

/// Starts a program in a directory, where it keeps its temporary files too.
let startFile (file: string) (directory: string) (arguments: string list) : Process =
    let info =
        ProcessStartInfo(
            file,
            arguments,
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    info.Environment["DOTNET_ROOT"] <- runtime
    info.Environment["TMPDIR"] <- directory
    info.Environment["DOTNET_EnableDiagnostics"] <- "0"

    match Process.Start info with
    | null -> failtest "the program does not start"
    | child -> child

/// Starts `ashlar` itself.
let startAshlar directory arguments = startFile program directory arguments

/// Starts the daemon under QEMU's name, by a link in the directory.
let start (directory: string) (arguments: string list) : Process =
    let link = Path.Combine(directory, "qemu-storage-daemon")

    if not (File.Exists link) then
        File.CreateSymbolicLink(link, program) |> ignore

    startFile link directory arguments

/// Waits for its end.
let finish (child: Process) : Ended =
    let errors = child.StandardError.ReadToEndAsync()
    let out = child.StandardOutput.ReadToEndAsync()

    if not (child.WaitForExit patience) then
        child.Kill()
        failtest $"it does not end: {out.Result}{errors.Result}"

    { Code = child.ExitCode; Out = out.Result; Errors = errors.Result }

/// Runs the daemon to its end in a directory of its own.
let run (arguments: string list) : Ended =
    Temporary.withDirectory "storaged" (fun directory ->
        use child = start directory arguments
        finish child)

/// Waits until something holds; the child must live meanwhile.
let await (what: string) (child: Process) (holds: unit -> bool) : unit =
    let clock = Stopwatch.StartNew()

    while not (holds ()) do
        if child.HasExited then
            failtest $"it ended before {what}: {child.StandardError.ReadToEnd()}"

        if clock.Elapsed > patience then
            failtest $"waited in vain: {what}"

        Thread.Sleep 5

let private expectReturn (reply: string) =
    use parsed = JsonDocument.Parse reply
    let mutable result = Unchecked.defaultof<JsonElement>
    Expect.isTrue (parsed.RootElement.TryGetProperty("return", &result)) reply

/// A client of a monitor.
type Client(stream: Stream) =
    let reader = new StreamReader(stream, UTF8Encoding false)

    /// The next line, or null at the end.
    member _.Line() : string | null = reader.ReadLine()

    member _.Send(bytes: byte array) =
        stream.Write bytes
        stream.Flush()

    member this.Send(text: string) = this.Send(Encoding.UTF8.GetBytes text)

    /// Sends a command and gives the line of its reply; events are passed over.
    member this.Ask(text: string) : string =
        this.Send(text + "\n")

        let rec reply () =
            match this.Line() with
            | null -> failtest $"no reply to {text}"
            | line when line.Contains "\"event\"" -> reply ()
            | line -> line

        reply ()

    /// Reads the greeting and leaves negotiation behind.
    member this.Negotiate() : unit =
        match this.Line() with
        | null -> failtest "no greeting"
        | line ->
            use greeting = JsonDocument.Parse line
            let mutable version = Unchecked.defaultof<JsonElement>
            Expect.isTrue (greeting.RootElement.TryGetProperty("QMP", &version)) line

        this.Ask """{"execute": "qmp_capabilities"}""" |> expectReturn

    /// The next line, whenever it comes.
    member this.NextLine() : Task<string | null> =
        Task.Factory.StartNew(Func<string | null>(this.Line), TaskCreationOptions.LongRunning)

    /// Sends without waiting for anybody to take it.
    member _.SendInBackground(bytes: byte array) : Task = stream.WriteAsync(bytes, 0, bytes.Length)

    interface IDisposable with
        member _.Dispose() = stream.Dispose()

/// A connection to a socket if it can be had at once.
let tryConnect (directory: string) (name: string) : Client option =
    let socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

    try
        // Where the queue is full, a socket that blocks would wait for its turn.
        socket.Blocking <- false
        socket.Connect(UnixDomainSocketEndPoint(Path.Combine(directory, name)))
        socket.Blocking <- true
        let stream = new NetworkStream(socket, true)
        stream.ReadTimeout <- int patience.TotalMilliseconds
        Some(new Client(stream))
    with :? SocketException ->
        socket.Dispose()
        None

/// A connection to a socket in a directory, as soon as somebody listens there.
let connect (directory: string) (child: Process) (name: string) : Client =
    let mutable found: Client option = None

    await $"{name} is there" child (fun () ->
        found <- tryConnect directory name
        found.IsSome)

    found.Value

/// The options of a monitor at a socket.
let monitorAt (name: string) = [
    "--chardev"
    $"socket,id={name},path={name}.sock,server=on,wait=off"
    "--monitor"
    name
]

/// A connection past negotiation.
let talk directory child name : Client =
    let client = connect directory child $"{name}.sock"
    client.Negotiate()
    client

/// Ends the daemon through a client of its own and expects a good end.
let quit (directory: string) (child: Process) (name: string) : unit =
    use client = talk directory child name
    client.Ask """{"execute": "quit"}""" |> expectReturn
    let ended = finish child
    Expect.equal ended.Code 0 ended.Errors

/// A signal, as the C library numbers it.
[<System.Runtime.InteropServices.DllImport("libc", EntryPoint = "kill", SetLastError = true)>]
extern int signal(int processId, int number)

/// A daemon with monitors at sockets, in a directory of its own; it is killed when the body fails.
let withDaemon (options: string list) (body: string -> Process -> unit) : unit =
    Temporary.withDirectory "storaged" (fun directory ->
        use child = start directory options

        try
            body directory child
        finally
            if not child.HasExited then
                child.Kill()
                child.WaitForExit())
