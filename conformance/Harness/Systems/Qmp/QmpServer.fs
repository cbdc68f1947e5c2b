/// Servers under test: which there are, and one that runs or is connected to. What they are given
/// to do stands in QmpSubject, what their conversation is in QmpClient.
namespace Ashlar.Conformance

open System
open System.Diagnostics
open System.IO
open System.Net.Sockets
open System.Threading

/// How a server under test is come by.
[<RequireQualifiedAccess>]
type ServerKind =
    /// The machine's own qemu-storage-daemon, a process for each script.
    | Qemu
    /// Our own `ashlar storaged`, a process for each script.
    | Storaged
    /// A command of the user's, a process for each script.
    | Exec of command: string
    /// A server that runs already.
    | Unix of socket: string

/// What the command line calls servers, and where their programs are.
module ServerKind =
    /// The word of `--sut`.
    let word (kind: ServerKind) : string =
        match kind with
        | ServerKind.Qemu -> "qemu"
        | ServerKind.Storaged -> "storaged"
        | ServerKind.Exec command -> "exec:" + command
        | ServerKind.Unix path -> "unix:" + path

    /// The server of a word of `--sut`, if it is one.
    let ofWord (word: string) : ServerKind option =
        let after (prefix: string) =
            if word.StartsWith(prefix, StringComparison.Ordinal) && word.Length > prefix.Length then
                Some(word.Substring prefix.Length)
            else
                None

        match word, after "exec:", after "unix:" with
        | "qemu", _, _ -> Some ServerKind.Qemu
        | "storaged", _, _ -> Some ServerKind.Storaged
        | _, Some command, _ -> Some(ServerKind.Exec command)
        | _, _, Some path -> Some(ServerKind.Unix path)
        | _ -> None

    /// QEMU's program.
    let qemuProgram = "qemu-storage-daemon"

    /// The first in the directories of a PATH that is QEMU's own: ours is published under the same
    /// name, as a link.
    let qemuIn (path: string) : string option =
        let isOurs (program: string) =
            match File.ResolveLinkTarget(program, returnFinalTarget = true) with
            | null -> false
            | target -> target.Name = "ashlar"

        path.Split Path.PathSeparator
        |> Array.map (fun directory -> Path.Combine(directory, qemuProgram))
        |> Array.tryFind (fun program -> File.Exists program && not (isOurs program))

    let private qemuFound =
        lazy
            (Environment.GetEnvironmentVariable "PATH"
             |> Option.ofObj
             |> Option.bind qemuIn
             // not there: the refusal to start says where it was expected
             |> Option.defaultValue (Path.Combine("/usr/bin", qemuProgram)))

    /// What starts QEMU's own program.
    let qemuCommand () : string = qemuFound.Value

    /// Names our own program where it lies elsewhere.
    let programVariable = "ASHLAR_PROGRAM"

    let rec private above (directory: DirectoryInfo | null) : string list =
        match directory with
        | null -> []
        | directory ->
            let inside (parts: string list) =
                Path.Combine(Array.ofList (directory.FullName :: parts))

            inside [ "out"; "bin"; "ashlar" ]
            :: inside [ "Fast.CSharp"; "Tools"; "bin"; "Release"; "net10.0"; "ashlar" ]
            :: above directory.Parent

    /// Our own program: where the variable says, beside this one, or in the build's output.
    let ownProgram () : string option =
        match Environment.GetEnvironmentVariable programVariable with
        | null
        | "" ->
            Path.Combine(AppContext.BaseDirectory, "ashlar")
            :: above (DirectoryInfo AppContext.BaseDirectory)
            |> List.tryFind File.Exists
        | path -> Some path

/// The user that a server runs as, and whom its world's files belong to.
type ServerUser = {
    /// Where the bench is root, the user it gives up that right for.
    Drop: int option
}

/// Facts about the users at hand.
module ServerUser =
    /// nobody and nogroup, on every Linux.
    let nobody = 65_534

    /// Root runs servers as nobody, everybody else as himself: file modes do not count for root.
    let ofBench () : ServerUser = { Drop = (if Libc.userId () = 0 then Some nobody else None) }

/// Who is at the other end of a socket.
type Peer = { ProcessId: int; UserId: int }

/// A process to be started. Its directory is the world's; paths are relative to that.
type Launch = {
    Directory: string
    User: ServerUser
    /// Program and arguments.
    Command: string list
    /// The socket that it listens on, where it does not speak on its standard streams.
    Socket: string option
    /// The file that it writes its number to, where it is not the process that was started.
    PidFile: string option
}

/// One running server and the conversation with it. One thread.
[<Sealed>]
type QmpServer private (proc: Process option, pidFile: string option, pace: Pace) =
    let mutable hung = false
    let mutable errors = ""
    let errorsEnd = new ManualResetEventSlim()
    let mutable socket: Socket option = None
    let mutable client: QmpClient option = None
    let mutable processId: int option = proc |> Option.map _.Id

    /// A server leads a group: what a shell started for it goes with it.
    let killGroup () = proc |> Option.iter (fun leader -> Libc.killGroup leader.Id)

    /// The number on the pidfile, as soon as it is there.
    let daemonId () : int option =
        match pidFile with
        | None -> None
        | Some file ->
            try
                match Int32.TryParse((File.ReadAllText file).Trim()) with
                | true, id -> Some id
                | _ -> None
            with
            | :? IOException
            | :? UnauthorizedAccessException -> None

    /// Only a server that was started here has a pidfile. It is no child of this process, so
    /// nobody tells when it ended.
    let killDaemon () =
        match daemonId () with
        | None -> ()
        | Some id ->
            Libc.kill id
            let clock = Stopwatch.StartNew()

            while not (ProcessState.isOver id)
                  && clock.ElapsedMilliseconds < int64 Limits.qmpReplyMilliseconds do
                Thread.Sleep 1

    /// Ends a silence.
    let interrupt () =
        hung <- true
        killGroup ()
        socket |> Option.iter _.Dispose()

    let watch = Watch(fun () -> processId)

    let watchdog =
        let look _ =
            if watch.IsHung() then
                interrupt ()

        new Timer(look, null, Timeout.Infinite, Timeout.Infinite)

    let wait (closely: bool) =
        let patience = pace.Patience
        watch.Begin(closely, patience)
        watchdog.Change(patience.Look, patience.Look) |> ignore

    let rest () = watchdog.Change(Timeout.Infinite, Timeout.Infinite) |> ignore

    let connect (path: string) : Socket =
        let address =
            try
                UnixDomainSocketEndPoint path
            with :? ArgumentException ->
                raise (QmpFault $"a socket's path cannot be as long as {path}")

        let made = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

        try
            made.Connect address
            made
        with _ ->
            made.Dispose()
            reraise ()

    let converse (connected: Socket) =
        socket <- Some connected
        let stream = new NetworkStream(connected, false)
        client <- Some(new QmpClient(stream, stream))

    /// Waits for a server of ours to listen, as long as it lives.
    let rec await (path: string) : Socket =
        try
            connect path
        with :? SocketException ->
            match proc with
            | _ when hung -> raise QmpClosed
            | Some started when started.HasExited && (started.ExitCode <> 0 || pidFile.IsNone) ->
                raise QmpClosed
            | _ ->
                Thread.Sleep 2
                await path

    /// Waits for the word which process the server is; it may come after the greeting.
    let rec awaitDaemon (file: string) : int =
        match daemonId () with
        | Some id -> id
        | None when hung ->
            let name = Path.GetFileName file
            raise (QmpFault $"greets, but does not say on its pidfile {name} which process it is")
        | None ->
            Thread.Sleep 2
            awaitDaemon file

    let peerOf (connected: Socket) : Peer option =
        let solSocket, peerCredentials = 1, 17
        let raw = Array.zeroCreate<byte> 12

        try
            let length = connected.GetRawSocketOption(solSocket, peerCredentials, raw.AsSpan())
            let id = BitConverter.ToInt32(raw, 0)

            if length = 12 && id > 0 then
                Some { ProcessId = id; UserId = BitConverter.ToInt32(raw, 4) }
            else
                None
        with :? SocketException ->
            None

    let talker () =
        match client with
        | Some client -> client
        | None -> raise QmpClosed

    /// How a server that stopped talking ended, in words; `moment` says when where that is known.
    let fate (moment: string) : string =
        match proc with
        | None -> if hung then "hung" else "closed the connection"
        | Some proc ->
            if not (proc.WaitForExit Limits.qmpReplyMilliseconds) then
                hung <- true

            // Who is left of the group could keep the error stream open; one that left it, for
            // longer than the last line takes.
            killGroup ()
            proc.WaitForExit Int32.MaxValue |> ignore
            errorsEnd.Wait Limits.qmpLookMilliseconds |> ignore
            let said = if errors = "" then "" else $": {errors}"

            if hung then
                $"hung{moment}{said}"
            elif pidFile.IsSome && proc.ExitCode = 0 then
                $"closed the connection{moment}{said}"
            elif proc.ExitCode > 128 then
                $"died of signal {proc.ExitCode - 128}{moment}{said}"
            else
                $"ended with {proc.ExitCode}{moment}{said}"

    /// The process whose descriptors are the server's.
    member _.ProcessId = processId

    /// Who listens, where the server is connected to.
    member _.Peer: Peer option = socket |> Option.bind peerOf

    /// How many events it sent.
    member _.EventsSeen: int64 =
        match client with
        | Some client -> client.EventsSeen
        | None -> 0L

    /// Talks to the server; if it takes too long, it is killed and the talk ends with a fault that
    /// says how it ended.
    member _.Talk(talk: QmpClient -> 'a) : 'a =
        let clock = Stopwatch.StartNew()
        wait true

        try
            try
                let result = talk (talker ())
                pace.Answered clock.ElapsedMilliseconds
                result
            with QmpClosed ->
                raise (QmpFault(fate ""))
        finally
            rest ()

    member private this.Begin(prepare: unit -> unit) =
        wait false

        try
            try
                prepare ()
                (talker ()).Greet()

                match pidFile with
                | Some file -> processId <- Some(awaitDaemon file)
                | None -> ()
            finally
                rest ()
        with
        | QmpClosed ->
            let reason = fate " before it greeted"
            (this :> IDisposable).Dispose()
            raise (QmpFault reason)
        | _ ->
            (this :> IDisposable).Dispose()
            reraise ()

    member private _.Listen() =
        match proc with
        | None -> ()
        | Some started ->
            started.ErrorDataReceived.Add(fun line ->
                match line.Data with
                | null -> errorsEnd.Set()
                | text -> errors <- text)

            started.BeginErrorReadLine()

    /// Starts a server. Faults of the start are `QmpFault`s.
    static member Start(launch: Launch, pace: Pace) : QmpServer =
        let drop =
            match launch.User.Drop with
            | Some id -> [ $"--reuid={id}"; $"--regid={id}"; "--clear-groups" ]
            | None -> []

        // Who is killed cannot tidy up: the kernel ends the server with the thread that started it.
        let ends = "setpriv" :: "--pdeathsig=KILL" :: drop

        // Who was killed before the kernel was told has left the server to somebody else.
        let parent = string Environment.ProcessId
        let only = [ "sh"; "-c"; "test $PPID -eq $0 && exec \"$@\""; parent ]

        // A group of its own, which the terminal's signals do not reach.
        let start = ProcessStartInfo("setsid", ends @ only @ launch.Command)
        start.WorkingDirectory <- launch.Directory
        start.RedirectStandardInput <- true
        start.RedirectStandardOutput <- true
        start.RedirectStandardError <- true
        let proc = new Process(StartInfo = start)

        try
            proc.Start() |> ignore
        with :? ComponentModel.Win32Exception as error ->
            raise (QmpFault $"{start.FileName} cannot be started: {error.Message}")

        let inPlace (name: string) = Path.Combine(launch.Directory, name)
        let server = new QmpServer(Some proc, Option.map inPlace launch.PidFile, pace)
        server.Listen()
        server.Begin(fun () -> server.Open(proc, Option.map inPlace launch.Socket))
        server

    member private _.Open(started: Process, socket: string option) =
        match socket with
        | None ->
            let output, input = started.StandardOutput.BaseStream, started.StandardInput.BaseStream
            client <- Some(new QmpClient(output, input))
        | Some socket ->
            // Nobody listens to what it prints, but its pipe must not fill up.
            started.BeginOutputReadLine()
            converse (await socket)

    /// Connects to a server that runs.
    static member Connect(path: string, pace: Pace) : QmpServer =
        let server = new QmpServer(None, None, pace)
        server.Begin(fun () -> server.Join path)
        server

    member private this.Join(path: string) =
        try
            converse (connect path)
        with :? SocketException as error ->
            let reason =
                // the runtime's word for a path that leads nowhere
                if error.SocketErrorCode = SocketError.AddressNotAvailable then
                    "No such file or directory"
                else
                    error.Message

            raise (QmpFault $"cannot be connected to: {reason}")

        processId <- this.Peer |> Option.map _.ProcessId

    interface IDisposable with
        member _.Dispose() =
            watchdog.Dispose()
            client |> Option.iter (fun c -> (c :> IDisposable).Dispose())
            socket |> Option.iter _.Dispose()
            killGroup ()
            killDaemon ()

            match proc with
            | Some proc ->
                proc.WaitForExit Limits.qmpReplyMilliseconds |> ignore
                proc.Dispose()
            | None -> ()
