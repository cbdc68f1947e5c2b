/// A QMP server as a system under test: commands by QMP, files of its world in a directory of its
/// own, moves of the environment made by the bench.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Ashlar.Reference.Block

/// What a server says of itself, and what follows for comparing.
type ServerFacts = {
    /// Its version, as query-version has it.
    Version: string
    /// Its commands; none when it does not tell them.
    Commands: Set<string> option
    /// What can be compared.
    Mode: ComparisonMode
    /// What cannot, and what it is not asked for: a sentence each.
    Lacks: string list
}

/// Asking a server what it can do.
module ServerFacts =
    /// Whether it has the command, as far as it tells.
    let has (facts: ServerFacts) (command: string) : bool =
        facts.Commands |> Option.forall (Set.contains command)

    let private commandsOf (reply: QmpReply) =
        match reply with
        | QmpReply.Return list ->
            Some(
                set [ for c in list.EnumerateArray() -> string (c.GetProperty("name").GetString()) ]
            )
        | QmpReply.Error _ -> None

    let private versionOf (reply: QmpReply) =
        match reply with
        | QmpReply.Return value ->
            let number (name: string) = value.GetProperty("qemu").GetProperty(name).GetInt32()
            let package = string (value.GetProperty("package").GetString())
            let digits = $"""{number "major"}.{number "minor"}.{number "micro"}"""

            if package = "" then
                digits
            else
                $"{digits} ({package.Trim()})"
        | QmpReply.Error _ -> "unknown"

    /// What the commands of scripts are called.
    let private acting = [
        "blockdev-add"
        "blockdev-del"
        "blockdev-reopen"
        "blockdev-snapshot"
        "block_resize"
        "block-export-add"
        "block-export-del"
        "nbd-server-start"
        "nbd-server-stop"
        "nbd-server-add"
        "nbd-server-remove"
        "object-add"
        "object-del"
    ]

    /// Asks a server. `descriptors` says whether its process can be looked into.
    let ask (server: QmpServer) (descriptors: bool) : ServerFacts =
        let questions = [ "query-commands", Value.Dict []; "query-version", Value.Dict [] ]

        let commands, version =
            match server.Talk(fun client -> client.Execute questions) with
            | [ commands; version ] ->
                QmpReply.read "the reply to query-commands" (fun () -> commandsOf commands),
                QmpReply.read "the reply to query-version" (fun () -> versionOf version)
            | _ -> raise (QmpFault "a command has one reply")

        let has name = commands |> Option.forall (Set.contains name)

        if not (has "query-named-block-nodes") then
            raise (QmpFault "the server has no query-named-block-nodes, so nothing can be seen")

        let graph, exports = has "x-debug-query-block-graph", has "query-block-exports"
        let own = has QmpView.filesQuery && commands.IsSome
        let missing = acting |> List.filter (has >> not)

        {
            Version = version
            Commands = commands
            Mode = {
                ComparisonMode.qmp with
                    Graph = graph
                    Exports = exports
                    Descriptors = descriptors || own
                    Locks = descriptors || own
            }
            Lacks = [
                if not graph then
                    "no x-debug-query-block-graph: edges and users are not compared"
                if not exports then
                    "no query-block-exports: exports are not compared"
                if not (descriptors || own) then
                    "its process cannot be looked into: descriptors and locks are not compared"
                if not missing.IsEmpty then
                    let names = String.Join(", ", missing)
                    $"no {names}: steps with them are left out"
            ]
        }

/// One server in one world. `leave` ends the server, or makes it as it was found.
[<Sealed>]
type QmpSubject
    (
        profile: Profile,
        facts: ServerFacts,
        server: QmpServer,
        world: FilesWorld,
        leave: QmpServer -> unit
    ) =
    inherit Subject()

    /// What the oracle calls a node whose name is drawn, and what the daemon calls it.
    let drawn = Dictionary<string, string>(StringComparer.Ordinal)

    /// How the server ended, or why nobody can talk to it any more.
    let mutable fault: string voption = ValueNone

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

    let tellsFiles = facts.Commands.IsSome && ServerFacts.has facts QmpView.filesQuery

    let queries = QmpView.queries facts.Mode tellsFiles

    let look (answer: Answer) : Observation =
        let replies =
            server.Talk(fun client -> client.Execute queries)
            |> List.map returned
            |> List.zip (List.map fst queries)
            |> Map.ofList

        let files () =
            match replies.TryFind QmpView.filesQuery, server.ProcessId with
            | Some reply, _ -> QmpView.toldFiles world.NumberOf reply
            | None, Some id when facts.Mode.Descriptors ->
                QmpView.files (QmpView.descriptors id world.NumberOf) world.LocksHeld
            | None, _ -> []

        QmpReply.read "a reply to a query" (fun () -> QmpView.observe answer (files ()) replies)

    /// A server must not find one of its own where its nbd nodes look for another's: it would wait
    /// for itself.
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
            | [ QmpReply.Return _ ], (BlockExportDel id | NbdServerRemove(id, _)) ->
                // The export ends after its reply.
                client.Await("BLOCK_EXPORT_DELETED", "id", id)
                Answer.Done
            | [ QmpReply.Return _ ], _ -> Answer.Done
            | [ QmpReply.Error(cls, text) ], _ -> Answer.Refused(cls, text)
            | _ -> raise (QmpFault "a command has one reply")

        server.Talk talk

    let guarded (otherwise: Answer -> 'a) (work: unit -> 'a) : 'a =
        try
            work ()
        with QmpFault reason ->
            fault <- ValueSome reason
            otherwise (Answer.Broken reason)

    override _.Act command =
        match command with
        | Move move ->
            world.Move move
            Answer.Done
        | _ when fault.IsSome -> Answer.Broken "is dead"
        | BackendAttach _
        | BackendSet _
        | BackendDetach _
        | Request _ -> Answer.Broken "QMP has no such command"
        | _ -> guarded id (fun () -> execute command)

    override _.Observe answer =
        match fault, answer with
        // It may have ended in an earlier look of the same step, and its answer was another then.
        | ValueSome reason, (Answer.Done | Answer.Refused _ | Answer.Data _) ->
            empty (Answer.Broken reason)
        | ValueSome _, _ -> empty answer
        | ValueNone, _ -> guarded empty (fun () -> look answer)

    override this.Matches(world, state) =
        let mine = this.Observe Answer.Done
        let theirs = OracleView.observeIn profile world state Answer.Done
        drawn.Clear()

        for name, other in Places.pairs theirs mine do
            drawn[name] <- other

        Comparison.differences facts.Mode theirs mine |> List.isEmpty

    override _.Takes command =
        match Command.toQmp command with
        | "", _ -> true
        | name, _ -> ServerFacts.has facts name

    override _.Dispose() =
        try
            leave server
        finally
            File.Delete(world.Directory + "/" + serverPath)
            (world :> IDisposable).Dispose()

/// Which scripts a server can be given.
module QmpScripts =
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
        elif script.Exports |> List.exists (fun e -> e.Server.Contains '/') then
            Some "its world has a server outside of its directory"
        elif script.Exports |> List.exists (fun e -> Script.isTcp e.Server) then
            Some "its world has a server at a port that another program may have"
        else
            None
