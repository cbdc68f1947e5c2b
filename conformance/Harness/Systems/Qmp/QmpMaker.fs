/// Makes subjects of QMP servers: a process for each script, or one server that all scripts are
/// given to and that is left as it was found.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Ashlar.Reference.Block

/// Taking back what scripts did to a server that goes on running.
module private Leaving =
    let private ask (client: QmpClient) (name: string) (arguments: (string * Value) list) =
        match client.Execute [ name, Value.Dict arguments ] with
        | [ reply ] -> reply
        | _ -> raise (QmpFault "a command has one reply")

    let private list (reply: QmpReply) : JsonElement list =
        match reply with
        | QmpReply.Return items -> List.ofSeq (items.EnumerateArray())
        | QmpReply.Error _ -> []

    let private word (name: string) (item: JsonElement) =
        string (item.GetProperty(name).GetString())

    let private nodes (client: QmpClient) =
        ask client "query-named-block-nodes" [ "flat", Value.Bool true ]
        |> list
        |> List.map (word "node-name")

    let private exports (client: QmpClient) =
        ask client "query-block-exports" [] |> list |> List.map (word "id")

    let private objects (client: QmpClient) =
        ask client "qom-list" [ "path", Value.Str "/objects" ]
        |> list
        |> List.filter (fun o -> (word "type" o).StartsWith("child<", StringComparison.Ordinal))
        |> List.map (word "name")

    /// What a server has that a script could trip over.
    let contents (server: QmpServer) : string list =
        let ask (client: QmpClient) = nodes client @ exports client @ objects client
        server.Talk(fun client -> QmpReply.read "a reply to a query" (fun () -> ask client))

    /// Users before what they use: exports, then nodes from above, then objects, then the server of
    /// exports.
    let restore (server: QmpServer) (made: string list) : unit =
        let clean (client: QmpClient) =
            for id in exports client do
                match
                    ask client "block-export-del" [ "id", Value.Str id; "mode", Value.Str "hard" ]
                with
                | QmpReply.Return _ -> client.Await("BLOCK_EXPORT_DELETED", "id", id)
                | QmpReply.Error _ -> ()

            let rec prune (left: string list) =
                for name in left do
                    if not (name.StartsWith '#') then
                        ask client "blockdev-del" [ "node-name", Value.Str name ] |> ignore

                let now = nodes client

                if now.Length < left.Length then prune now else now

            let kept = prune (List.rev (nodes client))

            if not kept.IsEmpty then
                let names = String.Join(", ", kept)
                raise (QmpFault $"it cannot be made empty again, it keeps {names}: start it anew")

            for id in List.distinct (made @ objects client) do
                ask client "object-del" [ "id", Value.Str id ] |> ignore

            ask client "nbd-server-stop" [] |> ignore

        server.Talk(fun client -> QmpReply.read "a reply to a query" (fun () -> clean client))

/// Starts a server for each script in a directory below one of its own, or takes the one that runs.
[<Sealed>]
type QmpMaker(kind: ServerKind, profile: Profile, directory: string) =
    inherit SubjectMaker(ServerKind.word kind)

    let user = ServerUser.ofBench ()
    let pace = Pace()

    let running =
        match kind with
        | ServerKind.Unix path ->
            try
                Some(QmpServer.Connect(path, pace))
            with QmpFault reason ->
                raise (QmpFault $"--sut {ServerKind.word kind}: {reason}")
        | _ -> None

    let fault (text: string) = raise (QmpFault $"--sut {ServerKind.word kind}: {text}")

    let faulty (work: unit -> 'a) : 'a =
        try
            work ()
        with QmpFault reason ->
            fault reason

    let peer = running |> Option.bind _.Peer

    /// A server that runs keeps its directory: paths in commands are relative to it.
    let place =
        match running, peer with
        | None, _ -> directory + "/world"
        | Some _, None -> fault "the process that listens is not known, nor is its directory"
        | Some _, Some peer ->
            try
                match Directory.ResolveLinkTarget($"/proc/{peer.ProcessId}/cwd", false) with
                | null -> fault $"the directory of process {peer.ProcessId} is not known"
                | found -> found.FullName
            with
            | :? IOException
            | :? UnauthorizedAccessException ->
                fault $"the directory of process {peer.ProcessId} cannot be read"

    let owners: FileOwners =
        match running, peer, user.Drop with
        | Some _, Some peer, Some _ -> { Own = Some peer.UserId; Foreign = 0 }
        | Some _, _, _ -> { Own = None; Foreign = ServerUser.nobody }
        | None, _, Some id -> { Own = Some id; Foreign = 0 }
        | None, _, None -> { Own = None; Foreign = ServerUser.nobody }

    /// Files that a server of somebody's own may have in its directory.
    let isHarmless (path: string) =
        [ ".sock"; ".socket"; ".pid"; ".pidfile"; ".log" ]
        |> List.contains (string (Path.GetExtension path))

    let refuseUnfit () =
        match peer with
        | Some peer when peer.UserId = 0 ->
            fault "it runs as root, for whom file modes do not count; start it as another user"
        | Some peer when user.Drop.IsNone && peer.UserId <> Libc.userId () ->
            fault "it runs as another user, whose files only root can make"
        | _ -> ()

        let found = Directory.GetFileSystemEntries place

        match found |> Array.tryFind (isHarmless >> not) with
        | Some other ->
            fault
                $"files of scripts go to its directory {place}, which must be empty \
                  but for sockets, pidfiles and logs; there is {Path.GetFileName other}"
        | None -> ()

        match running |> Option.map (fun server -> faulty (fun () -> Leaving.contents server)) with
        | Some(first :: _) -> fault $"it must be empty, but has {first}"
        | _ -> ()

    /// The words of a shell that stand between commands: the shell has to stay for them.
    let isOneCommand (command: string) = command.IndexOfAny(";&|<>(){}\n".ToCharArray()) < 0

    let launch: Launch =
        let stdio = { Directory = place; User = user; Command = []; Socket = None; PidFile = None }

        let monitor = [ "--chardev"; "stdio,id=bench"; "--monitor"; "bench" ]

        match kind with
        | ServerKind.Unix _ -> stdio
        | ServerKind.Qemu -> { stdio with Command = ServerKind.qemuCommand () :: monitor }
        | ServerKind.Storaged ->
            match ServerKind.ownProgram () with
            | Some program -> { stdio with Command = program :: "storaged" :: monitor }
            | None ->
                fault
                    $"there is no program ashlar beside this one or in the build's output; \
                      {ServerKind.programVariable} names it"
        | ServerKind.Exec command ->
            let mark name =
                if command.Contains("{" + name + "}") then
                    Some("qmp." + name)
                else
                    None

            let socket, pidFile = mark "socket", mark "pidfile"

            let filled =
                command.Replace("{socket}", "qmp.socket").Replace("{pidfile}", "qmp.pidfile")

            let line = if isOneCommand filled then "exec " + filled else filled

            {
                stdio with
                    Command = [ "/bin/sh"; "-c"; line ]
                    Socket = socket
                    PidFile = pidFile
            }

    let mutable events = 0L

    let ended (server: QmpServer) =
        events <- events + server.EventsSeen
        (server :> IDisposable).Dispose()

    let clearOf (file: string option) =
        file |> Option.iter (fun name -> File.Delete(place + "/" + name))

    /// What a killed server leaves behind would be in the next one's way.
    let clear () =
        clearOf launch.Socket
        clearOf launch.PidFile

    let start () =
        clear ()
        faulty (fun () -> QmpServer.Start(launch, pace))

    /// Files of scripts are where the server was started.
    let refuseElsewhere (server: QmpServer) =
        match server.ProcessId with
        | None -> ()
        | Some id ->
            match Libc.inodeOfPath $"/proc/{id}/cwd" with
            | 0UL -> ()
            | inode when inode = Libc.inodeOfPath place -> ()
            | _ -> fault "it leaves the directory that it is started in, where its files are"

    let canLookInto (server: QmpServer) =
        match server.ProcessId with
        | None -> false
        | Some id ->
            try
                Directory.GetFileSystemEntries $"/proc/{id}/fd" |> ignore
                true
            with
            | :? IOException
            | :? UnauthorizedAccessException -> false

    let facts =
        match running with
        | Some server ->
            refuseUnfit ()
            faulty (fun () -> ServerFacts.ask server (canLookInto server))
        | None ->
            Libc.mkdir place

            user.Drop
            |> Option.iter (fun id ->
                Libc.giveByName place id

                // A server may look for its directory's whole name.
                let run = string (Path.GetDirectoryName directory)

                for above in [ directory; run; Scratch.Home ] do
                    Libc.chmod above 0o711)

            let server = start ()

            try
                let found = faulty (fun () -> ServerFacts.ask server (canLookInto server))
                refuseElsewhere server
                found
            finally
                ended server
                clear ()

    let addGroups (server: QmpServer) (groups: string list) =
        let add name =
            "object-add",
            Value.Dict [ "qom-type", Value.Str "throttle-group"; "id", Value.Str name ]

        if not groups.IsEmpty then
            for reply in server.Talk(fun client -> client.Execute(List.map add groups)) do
                match reply with
                | QmpReply.Return _ -> ()
                | QmpReply.Error(_, text) -> fault $"no throttle group can be made: {text}"

    let others = new LiveExports(place, user)

    override _.Mode = facts.Mode
    override _.Version = facts.Version
    override _.Lacks = facts.Lacks
    override _.Hasten isHasty = pace.IsHasty <- isHasty
    override _.Noticed = if events > 0L then [ "events", events ] else []

    override _.Start script =
        others.Serve script.Exports
        let world = new FilesWorld(place, script, owners)

        try
            let server, leave =
                match running with
                | Some server ->
                    server, (fun server -> Leaving.restore server script.ThrottleGroups)
                | None ->
                    start (),
                    (fun server ->
                        ended server
                        clear ())

            try
                addGroups server script.ThrottleGroups
                new QmpSubject(profile, facts, server, world, leave)
            with _ ->
                leave server
                reraise ()
        with _ ->
            (world :> IDisposable).Dispose()
            reraise ()

    override _.Dispose() =
        (others :> IDisposable).Dispose()
        running |> Option.iter ended
