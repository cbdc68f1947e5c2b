/// A real storage daemon as a system under test: commands by QMP, files of its world in a directory
/// of its own, moves of the environment made by the bench.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Ashlar.Reference.Block

/// One daemon in one world.
[<Sealed>]
type QemuSubject(profile: Profile, daemon: QemuDaemon, world: FilesWorld) =
    inherit Subject()

    /// What the oracle calls a node whose name is drawn, and what the daemon calls it.
    let drawn = Dictionary<string, string>(StringComparer.Ordinal)

    let mutable isDead = false

    let empty (answer: Answer) : Observation = {
        Answer = answer
        Nodes = []
        Backends = []
        Exports = []
        Files = []
    }

    let rec translated (value: Value) : Value =
        match value with
        | Value.Str name ->
            match drawn.TryGetValue name with
            | true, other -> Value.Str other
            | _ -> value
        | Value.List items -> Value.List(List.map translated items)
        | Value.Dict members ->
            Value.Dict(members |> List.map (fun (key, item) -> key, translated item))
        | _ -> value

    let returned (reply: QmpReply) : JsonElement =
        match reply with
        | QmpReply.Return value -> value
        | QmpReply.Error(_, text) -> raise (QmpFault $"a query is refused: {text}")

    let look (answer: Answer) : Observation =
        let replies = daemon.Talk(fun client -> client.Execute QmpView.queries)
        let opened = QmpView.descriptors daemon.Id world.NumberOf
        QmpView.observe answer (QmpView.files opened world.LocksHeld) (List.map returned replies)

    /// The daemon must not find a server of its own where its nbd nodes look for another's: it
    /// would wait for itself.
    let serverPath = "exports.sock"

    let spoken (command: Command) : string * Value =
        match command, Command.toQmp command with
        | NbdServerStart, (name, _) ->
            let path = Value.Dict [ "path", Value.Str serverPath ]
            name, Value.Dict [ "addr", Value.Dict [ "type", Value.Str "unix"; "data", path ] ]
        | _, (name, arguments) -> name, translated arguments

    let execute (command: Command) : Answer =
        let name, arguments = spoken command

        let talk (client: QmpClient) =
            match client.Execute [ name, arguments ], command with
            | [ QmpReply.Return _ ], BlockExportDel id ->
                // The export ends after its reply.
                client.Await("BLOCK_EXPORT_DELETED", "id", id)
                Answer.Done
            | [ QmpReply.Return _ ], _ -> Answer.Done
            | [ QmpReply.Error(cls, text) ], _ -> Answer.Refused(cls, text)
            | _ -> raise (QmpFault "a command has one reply")

        daemon.Talk talk

    let guarded (otherwise: Answer -> 'a) (work: unit -> 'a) : 'a =
        try
            work ()
        with QmpFault reason ->
            isDead <- true
            otherwise (Answer.Broken reason)

    override _.Act command =
        match command with
        | Move move ->
            world.Move move
            Answer.Done
        | _ when isDead -> Answer.Broken "is dead"
        | BackendAttach _
        | BackendSet _
        | BackendDetach _
        | Request _ -> Answer.Broken "QMP has no such command"
        | _ -> guarded id (fun () -> execute command)

    override _.Observe answer =
        if isDead then
            empty answer
        else
            guarded empty (fun () -> look answer)

    override this.Matches(world, state) =
        let mine = this.Observe Answer.Done
        let theirs = OracleView.observeIn profile world state Answer.Done
        drawn.Clear()

        for name, other in Places.pairs theirs mine do
            drawn[name] <- other

        Comparison.differences ComparisonMode.qmp theirs mine |> List.isEmpty

    override _.Dispose() =
        (daemon :> IDisposable).Dispose()
        File.Delete(world.Directory + "/" + serverPath)
        (world :> IDisposable).Dispose()

/// Which scripts a daemon can be given.
module QemuScripts =
    let private isSaid (command: Command) =
        match command with
        | BackendAttach _
        | BackendSet _
        | BackendDetach _
        | Request _ -> false
        | _ -> true

    /// Why QMP cannot say the script, if it cannot.
    let obstacle (script: Script) : string option =
        if not (Script.commands script |> List.forall isSaid) then
            Some "it uses backends of the bench's own, for which QMP has no word"
        elif not script.Exports.IsEmpty then
            Some "its world has exports of another server"
        else
            None

/// Starts a daemon for each script, in directories below one of its own.
[<Sealed>]
type QemuMaker(profile: Profile, directory: string) =
    inherit SubjectMaker("qemu-storage-daemon")

    let user = DaemonUser.ofBench ()

    let owners: FileOwners =
        match user.Drop with
        | Some id -> { Own = Some id; Foreign = 0 }
        | None -> { Own = None; Foreign = DaemonUser.nobody }

    let place = directory + "/world"

    do
        Libc.mkdir place
        user.Drop |> Option.iter (fun id -> Libc.giveDirectory place id)

    override _.Mode = ComparisonMode.qmp

    override _.Start script =
        let world = new FilesWorld(place, script, owners)

        try
            let groups =
                script.ThrottleGroups
                |> List.collect (fun name -> [ "--object"; $"throttle-group,id={name}" ])

            let daemon = QemuDaemon.Start(place, user, groups)
            new QemuSubject(profile, daemon, world)
        with _ ->
            (world :> IDisposable).Dispose()
            reraise ()
