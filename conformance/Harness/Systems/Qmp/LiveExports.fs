/// NBD servers that are there before a script's daemon starts: other storage daemons, which live as
/// long as scripts ask for the same exports. Nothing that QMP can say changes their bytes.
namespace Ashlar.Conformance

open System
open System.IO

/// The servers of one directory. A server that a script does without is put out of reach, its
/// socket under another name, which is cheaper than to start it again.
[<Sealed>]
type LiveExports(directory: string, user: ServerUser) =
    let mutable wanted: WorldExport list = []
    let mutable servers: (string * QmpServer) list = []
    let mutable isReachable = false

    let socket (path: string) = directory + "/" + path
    let hidden (path: string) = directory + "/." + path

    let arguments (path: string) (exports: WorldExport list) = [
        for index, export in List.indexed exports do
            "--blockdev"
            $"null-co,node-name=n{index},size={export.SizeBytes},read-zeroes=on"

        "--nbd-server"
        $"addr.type=unix,addr.path={path}"

        for index, export in List.indexed exports do
            let writable = if export.ReadOnly then "off" else "on"
            let name = export.Name.Replace(",", ",,")
            "--export"
            $"nbd,id=e{index},node-name=n{index},name={name},writable={writable}"

        "--chardev"
        "stdio,id=bench"
        "--monitor"
        "bench"
    ]

    let stop () =
        for path, server in servers do
            (server :> IDisposable).Dispose()
            File.Delete(socket path)
            File.Delete(hidden path)

        servers <- []
        wanted <- []
        isReachable <- false

    let start (exports: WorldExport list) =
        servers <- [
            for path, mine in List.groupBy _.Server exports ->
                path,
                QmpServer.Start(
                    {
                        Directory = directory
                        User = user
                        Command = ServerKind.qemuCommand () :: arguments path mine
                        Socket = None
                        PidFile = None
                    },
                    Pace()
                )
        ]

        wanted <- exports
        isReachable <- true

    let move (source: string -> string) (target: string -> string) =
        for path, _ in servers do
            File.Move(source path, target path)

    /// Sees to it that these exports are there and no others.
    member _.Serve(exports: WorldExport list) : unit =
        if exports.IsEmpty then
            if isReachable then
                move socket hidden
                isReachable <- false
        elif exports <> wanted then
            stop ()
            start exports
        elif not isReachable then
            move hidden socket
            isReachable <- true

    interface IDisposable with
        member _.Dispose() = stop ()
