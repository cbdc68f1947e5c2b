/// `oracle`: the specification as a QMP server, for software that drives one.
module Ashlar.Conformance.Cli.OracleCommand

open System
open System.CommandLine
open System.IO
open System.Runtime.InteropServices
open System.Threading
open Ashlar.Conformance
open Ashlar.Conformance.Cli.Arguments
open Ashlar.Qmp

/// --socket
let socket: Option<string> =
    Option<string>(
        "--socket",
        Description = "listen on this UNIX socket instead of using standard input and output"
    )

/// --directory
let directory: Option<string> =
    Option<string>(
        "--directory",
        Description = "where relative file names start from; default: the current directory"
    )

/// The current directory stays without a name: its path may lead through places that are closed to
/// the user.
let private directoryOf (parsed: ParseResult) : string =
    match textOf parsed directory with
    | None -> "."
    | Some path when path <> "" && Directory.Exists path -> Path.GetFullPath path
    | Some path -> misuse $"--directory {path}: there is no such directory"

/// Serves until somebody says quit, the client of the standard input closes it, or a signal comes;
/// the exit code.
let run (parsed: ParseResult) : int =
    let profile = profileOf parsed
    let place = directoryOf parsed
    use stop = new CancellationTokenSource()

    let onSignal (context: PosixSignalContext) =
        // The socket is to go before the process does.
        context.Cancel <- true
        stop.Cancel()

    let signals = [ PosixSignal.SIGTERM; PosixSignal.SIGINT; PosixSignal.SIGHUP ]
    let registered = signals |> List.map (fun s -> PosixSignalRegistration.Create(s, onSignal))

    try
        use commands = new OracleCommands(profile, place)
        let dispatcher = QmpDispatcher(commands, OracleVersion.ofProfile profile)

        match textOf parsed socket with
        | None ->
            use input = Console.OpenStandardInput()
            use output = Console.OpenStandardOutput()
            OracleServer.onStreams dispatcher input output stop.Token
        | Some path ->
            try
                OracleServer.onSocket dispatcher path stop.Token
            with OracleServer.SocketRefused reason ->
                misuse $"--socket {path}: {reason}"

        0
    finally
        for registration in registered do
            registration.Dispose()
