/// A storage daemon of the machine's own, one process for one script, unprivileged: file modes do
/// not count for root.
namespace Ashlar.Conformance

open System
open System.Diagnostics
open System.IO
open System.Threading

/// The user that a daemon runs as, and whom its world's files belong to.
type DaemonUser = {
    /// Where the bench is root, the user it gives up that right for.
    Drop: int option
}

/// Facts about the users at hand.
module DaemonUser =
    /// nobody and nogroup, on every Linux.
    let nobody = 65_534

    /// Root runs the daemon as nobody, everybody else as himself.
    let ofBench () : DaemonUser = { Drop = (if Libc.userId () = 0 then Some nobody else None) }

/// One running daemon, spoken with over its standard streams.
[<Sealed>]
type QemuDaemon
    private (proc: Process, client: QmpClient, watchdog: Timer, hung: bool ref, errors: string ref)
    =

    /// The program's file name on the PATH.
    static member Program = "qemu-storage-daemon"

    /// Starts the daemon in a directory. Faults of the start are `QmpFault`s.
    static member Start(directory: string, user: DaemonUser, arguments: string list) : QemuDaemon =
        let start = ProcessStartInfo()
        start.WorkingDirectory <- directory
        start.RedirectStandardInput <- true
        start.RedirectStandardOutput <- true
        start.RedirectStandardError <- true

        let command =
            match user.Drop with
            | Some id -> [
                "setpriv"
                $"--reuid={id}"
                $"--regid={id}"
                "--clear-groups"
                QemuDaemon.Program
              ]
            | None -> [ QemuDaemon.Program ]

        start.FileName <- List.head command

        for argument in List.tail command @ arguments do
            start.ArgumentList.Add argument

        for argument in [ "--chardev"; "stdio,id=bench"; "--monitor"; "bench" ] do
            start.ArgumentList.Add argument

        let proc = new Process(StartInfo = start)

        try
            proc.Start() |> ignore
        with :? ComponentModel.Win32Exception as error ->
            raise (QmpFault $"{start.FileName} cannot be started: {error.Message}")

        let hung = ref false
        let errors = ref ""

        let bark _ =
            hung.Value <- true
            proc.Kill()

        let watchdog = new Timer(bark, null, Limits.qmpReplyMilliseconds, Timeout.Infinite)

        proc.ErrorDataReceived.Add(fun line ->
            match line.Data with
            | null -> ()
            | text -> errors.Value <- text)

        proc.BeginErrorReadLine()

        let client = new QmpClient(proc.StandardOutput.BaseStream, proc.StandardInput.BaseStream)

        let daemon = new QemuDaemon(proc, client, watchdog, hung, errors)

        try
            client.Greet()
            watchdog.Change(Timeout.Infinite, Timeout.Infinite) |> ignore
            daemon
        with QmpFault _ ->
            let reason = daemon.Fate()
            (daemon :> IDisposable).Dispose()
            raise (QmpFault reason)

    /// The process's number.
    member _.Id = proc.Id

    /// How a daemon that stopped talking ended, in words.
    member _.Fate() : string =
        if not (proc.WaitForExit Limits.qmpReplyMilliseconds) then
            hung.Value <- true
            proc.Kill()

        // Without a limit this waits for the last line of the error stream, too.
        proc.WaitForExit()
        let said = if errors.Value = "" then "" else $": {errors.Value}"

        if hung.Value then
            "hung" + said
        elif proc.ExitCode > 128 then
            $"died of signal {proc.ExitCode - 128}{said}"
        else
            $"ended with {proc.ExitCode}{said}"

    /// Talks to the daemon; if it takes too long, it is killed and the talk ends with a fault that
    /// says how it ended.
    member this.Talk(talk: QmpClient -> 'a) : 'a =
        watchdog.Change(Limits.qmpReplyMilliseconds, Timeout.Infinite) |> ignore

        try
            try
                talk client
            with QmpFault _ ->
                raise (QmpFault(this.Fate()))
        finally
            watchdog.Change(Timeout.Infinite, Timeout.Infinite) |> ignore

    interface IDisposable with
        member _.Dispose() =
            watchdog.Dispose()

            if not proc.HasExited then
                proc.Kill()
                proc.WaitForExit()

            (client :> IDisposable).Dispose()
            proc.Dispose()
