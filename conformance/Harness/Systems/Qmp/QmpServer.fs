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

    /// QEMU's program on the PATH.
    let qemuProgram = "qemu-storage-daemon"

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
type QmpServer private (proc: Process option, directory: string, pidFile: string option) =
    let mutable hung = false
    let mutable errors = ""
    let mutable socket: Socket option = None
    let mutable client: QmpClient option = None
    let mutable processId: int option = proc |> Option.map _.Id

    let kill (victim: Process) =
        try
            victim.Kill()
        with :? InvalidOperationException ->
            // It ended in between.
            ()

    /// The process that the pidfile names; only one that was started here has a pidfile.
    let daemon () =
        match pidFile, processId with
        | Some _, Some id ->
            try
                Some(Process.GetProcessById id)
            with :? ArgumentException ->
                None
        | _ -> None

    /// Ends a silence.
    let interrupt () =
        hung <- true
        Option.iter kill proc
        socket |> Option.iter _.Dispose()

    let watch = Watch(fun () -> processId)

    let watchdog =
        let look _ =
            if watch.IsHung() then
                interrupt ()

        new Timer(look, null, Timeout.Infinite, Timeout.Infinite)

    let wait (closely: bool) =
        watch.Begin closely

        watchdog.Change(Limits.qmpLookMilliseconds, Limits.qmpLookMilliseconds) |> ignore

    let rest () = watchdog.Change(Timeout.Infinite, Timeout.Infinite) |> ignore

    let connect (path: string) : Socket =
        let made = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

        try
            made.Connect(UnixDomainSocketEndPoint path)
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
            | _ when hung -> raise (QmpFault $"does not listen on {path} in time")
            | Some started when started.HasExited && (started.ExitCode <> 0 || pidFile.IsNone) ->
                raise QmpClosed
            | _ ->
                Thread.Sleep 2
                await path

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

    /// The process whose descriptors are the server's.
    member _.ProcessId = processId

    /// Who listens, where the server is connected to.
    member _.Peer: Peer option = socket |> Option.bind peerOf

    /// How many events it sent.
    member _.EventsSeen: int64 =
        match client with
        | Some client -> client.EventsSeen
        | None -> 0L

    /// How a server that stopped talking ended, in words.
    member _.Fate() : string =
        match proc with
        | None -> if hung then "hung" else "closed the connection"
        | Some proc ->
            if not (proc.WaitForExit Limits.qmpReplyMilliseconds) then
                hung <- true
                kill proc

            // Without a limit this waits for the last line of the error stream, too.
            proc.WaitForExit()
            let said = if errors = "" then "" else $": {errors}"

            if hung then
                "hung" + said
            elif pidFile.IsSome && proc.ExitCode = 0 then
                "closed the connection" + said
            elif proc.ExitCode > 128 then
                $"died of signal {proc.ExitCode - 128}{said}"
            else
                $"ended with {proc.ExitCode}{said}"

    /// Talks to the server; if it takes too long, it is killed and the talk ends with a fault that
    /// says how it ended.
    member this.Talk(talk: QmpClient -> 'a) : 'a =
        wait true

        try
            try
                talk (talker ())
            with QmpClosed ->
                raise (QmpFault(this.Fate()))
        finally
            rest ()

    member private this.Begin(prepare: unit -> unit) =
        wait false

        try
            try
                prepare ()
                (talker ()).Greet()
            finally
                rest ()
        with
        | QmpClosed ->
            let reason = this.Fate()
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
                | null -> ()
                | text -> errors <- text)

            started.BeginErrorReadLine()

    /// Starts a server. Faults of the start are `QmpFault`s.
    static member Start(launch: Launch) : QmpServer =
        let command =
            match launch.User.Drop with
            | Some id ->
                [ "setpriv"; $"--reuid={id}"; $"--regid={id}"; "--clear-groups" ] @ launch.Command
            | None -> launch.Command

        let start = ProcessStartInfo(List.head command, List.tail command)
        start.WorkingDirectory <- launch.Directory
        start.RedirectStandardInput <- true
        start.RedirectStandardOutput <- true
        start.RedirectStandardError <- true
        let proc = new Process(StartInfo = start)

        try
            proc.Start() |> ignore
        with :? ComponentModel.Win32Exception as error ->
            raise (QmpFault $"{start.FileName} cannot be started: {error.Message}")

        let server = new QmpServer(Some proc, launch.Directory, launch.PidFile)
        server.Listen()
        server.Begin(fun () -> server.Open(proc, launch))
        server

    member private _.Open(started: Process, launch: Launch) =
        match launch.Socket with
        | None ->
            let output, input = started.StandardOutput.BaseStream, started.StandardInput.BaseStream
            client <- Some(new QmpClient(output, input))
        | Some socket ->
            // Nobody listens to what it prints, but its pipe must not fill up.
            started.BeginOutputReadLine()
            converse (await (Path.Combine(directory, socket)))

        match pidFile with
        | Some file ->
            let text = File.ReadAllText(Path.Combine(directory, file)).Trim()

            match Int32.TryParse text with
            | true, id -> processId <- Some id
            | _ -> raise (QmpFault $"the pidfile says '{text}'")
        | None -> ()

    /// Connects to a server that runs.
    static member Connect(path: string) : QmpServer =
        let server = new QmpServer(None, ".", None)
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

            match daemon () with
            | Some daemon ->
                kill daemon
                daemon.WaitForExit Limits.qmpReplyMilliseconds |> ignore
                daemon.Dispose()
            | None -> ()

            match proc with
            | Some proc ->
                if not proc.HasExited then
                    kill proc
                    proc.WaitForExit()

                proc.Dispose()
            | None -> ()
