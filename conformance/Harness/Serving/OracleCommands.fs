/// The oracle as a QMP server: commands go through the specification, queries show its state, and
/// `x-ashlar-explain` says why it refused. Files are looked at and never written.
namespace Ashlar.Conformance

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Threading
open Ashlar.Block
open Ashlar.Qmp
open Ashlar.Reference.Block

/// Arguments of QMP as the oracle's values.
module private Arguments =
    /// A number that commands have no use for; told by the place where it stands.
    exception OddNumber of path: string

    let private below (path: string) (key: string) = if path = "" then key else $"{path}.{key}"

    let rec private value (path: string) (option: OptionValue) : Value =
        match option.Kind with
        | OptionKind.Boolean -> Value.Bool option.AsBoolean
        | OptionKind.Integer -> Value.Int option.AsInteger
        | OptionKind.String -> Value.Str option.AsString
        | OptionKind.List ->
            Value.List [
                for index in 0 .. option.Count - 1 -> value $"{path}[{index}]" option[index]
            ]
        | OptionKind.Dictionary ->
            Value.Dict [
                for index in 0 .. option.Count - 1 do
                    let key = option.KeyAt index
                    key, value (below path key) option[index]
            ]
        | OptionKind.Unsigned
        | OptionKind.Number -> raise (OddNumber path)
        | _ -> Value.Null

    /// The value; or a refusal, since no option of a block node takes such a number (BLK-OPEN-001).
    let ofOptions (arguments: OptionValue) : Result<Value, Refusal> =
        try
            Ok(value "" arguments)
        with OddNumber path ->
            Error(
                Refusal.generic
                    "BLK-OPEN-001"
                    $"Invalid parameter type for '{path}', expected: integer"
            )

/// A thread for work that nests deeply, with the rights of who made it.
[<Sealed>]
type private DeepThread() =
    let stackBytes = 64 * 1024 * 1024
    let work = new BlockingCollection<unit -> unit>()

    do
        let loop () =
            for item in work.GetConsumingEnumerable() do
                item ()

        let thread = Thread(loop, stackBytes)
        thread.IsBackground <- true
        thread.Start()

    /// Does something there and waits for it.
    member _.Do(act: unit -> 'a) : 'a =
        let mutable result: Result<'a, exn> voption = ValueNone
        use isDone = new ManualResetEventSlim(false)

        work.Add(fun () ->
            result <-
                ValueSome(
                    try
                        Ok(act ())
                    with error ->
                        Error error
                )

            isDone.Set())

        isDone.Wait()

        match result with
        | ValueSome(Ok value) -> value
        | ValueSome(Error error) -> raise error
        | ValueNone -> invalidOp "the work ended without a result"

    interface IDisposable with
        member _.Dispose() = work.CompleteAdding()

/// A refused command, with all that its derivation needs.
[<RequireQualifiedAccess>]
type private Refused =
    /// By the form of its arguments, before any block layer sees it.
    | AsMessage of execute: string * arguments: OptionValue * Refusal
    | AsCommand of execute: string * arguments: OptionValue * Refusal * World * State * Command

/// Names of commands.
module OracleCommandNames =
    let private modern = [
        "blockdev-add"
        "blockdev-del"
        "blockdev-reopen"
        "blockdev-snapshot"
        "block_resize"
        "nbd-server-start"
        "nbd-server-stop"
        "nbd-server-add"
        "nbd-server-remove"
        "block-export-add"
        "block-export-del"
        "object-add"
        "object-del"
    ]

    let private legacy = [
        "blockdev-add"
        "blockdev-del"
        "nbd-server-start"
        "nbd-server-add"
        "nbd-server-remove"
        "human-monitor-command"
    ]

    /// The commands that change something, in a profile (BLK-OPEN-031).
    let acting (profile: Profile) : string list =
        match profile.PermissionUpdate with
        | PermissionUpdate.Transactional -> modern
        | PermissionUpdate.Recursive -> legacy

    /// The commands that show something.
    let asking = [
        "query-named-block-nodes"
        "query-block-exports"
        "x-debug-query-block-graph"
        "query-commands"
        "query-version"
        "x-ashlar-explain"
        "x-ashlar-query-files"
    ]

    /// All of a profile, except qmp_capabilities, which is the conversation's.
    let all (profile: Profile) : string list = acting profile @ asking @ [ "quit" ]

/// What the oracle says it is.
module OracleVersion =
    /// The version of QEMU that a profile follows.
    let ofProfile (profile: Profile) : QmpVersion =
        let package = $"ashlar-conform oracle, profile {profile.Name}"

        if profile.Name = Profile.qemu31.Name then
            QmpVersion(3, 1, 0, package)
        elif profile.Name = Profile.qemuSeed.Name then
            QmpVersion(2, 12, 50, package)
        else
            QmpVersion(7, 2, 0, package)

/// The oracle over the files of a directory. It acts with the rights of the thread that makes it.
[<Sealed>]
type OracleCommands(profile: Profile, directory: string) =
    let thread = new DeepThread()
    let files = RealWorld directory
    let names = OracleCommandNames.all profile
    let acting = set (OracleCommandNames.acting profile)
    let mutable world = World.empty
    let mutable state = Graph.empty
    let mutable refused: Refused voption = ValueNone
    let mutable listener: Action<QmpEvent> = Action<QmpEvent>(ignore)

    /// A text that the specification leaves open, made one that can be said.
    let said (refusal: Refusal) : Refusal =
        let text = refusal.Text

        if text = Refusal.anyText then
            { refusal with Text = $"{refusal.Requirement} leaves the text open" }
        elif text.EndsWith '*' then
            { refusal with Text = text.Substring(0, text.Length - 1).Replace('*', '0') }
        else
            { refusal with Text = text.Replace('*', '0') }

    let answerOf (refusal: Refusal) = QmpAnswer.Error(refusal.Class, refusal.Text)

    /// Exports that were there and are not any more tell so (BLK-EXPORT-006, BLK-EXPORT-009).
    let tellGone (before: State) (after: State) =
        let left = after.Exports |> List.map _.Id |> set

        for export in before.Exports do
            if not (left.Contains export.Id) then
                let data = OptionValue.Dictionary(struct ("id", OptionValue.Of export.Id))
                listener.Invoke(QmpEvent("BLOCK_EXPORT_DELETED", data))

    /// Of several outcomes that are allowed the first comes about.
    let perform execute arguments (command: Command) : QmpAnswer =
        let before = state
        world <- files.Refresh(world, before, Some command)

        match Oracle.step profile world before command with
        | [] -> QmpAnswer.Error "the specification allows no outcome"
        | outcome :: _ ->
            match outcome.Result with
            | Error refusal ->
                let refusal = said refusal

                refused <-
                    ValueSome(
                        Refused.AsCommand(execute, arguments, refusal, world, before, command)
                    )

                world <- outcome.World
                state <- outcome.State
                answerOf refusal
            | Ok _ ->
                world <- outcome.World
                state <- outcome.State
                tellGone before state

                match command with
                // What the human monitor prints is a text.
                | QemuIoReopen _ -> QmpAnswer.Of(OptionValue.Of "")
                | _ -> QmpAnswer.Done

    let act (execute: string) (arguments: OptionValue) : QmpAnswer =
        let refuse (refusal: Refusal) =
            refused <- ValueSome(Refused.AsMessage(execute, arguments, refusal))
            answerOf refusal

        let text name =
            match arguments.Find name with
            | null -> None
            | value when value.Kind = OptionKind.String -> Some value.AsString
            | _ -> None

        match Arguments.ofOptions arguments |> Result.bind (Command.ofQmp execute) with
        | Ok(ObjectAdd(ObjectKind.Secret, _) as command) ->
            let before = struct (world, state)

            // The model takes the name; what is inside is looked at once that is free.
            match perform execute arguments command with
            | answer when isNull answer.ErrorText ->
                match SecretFiles.refuse directory (text "data") (text "file") with
                | Some refusal ->
                    let struct (formerWorld, formerState) = before
                    world <- formerWorld
                    state <- formerState
                    refuse refusal
                | None -> answer
            | answer -> answer
        | Ok command -> perform execute arguments command
        | Error refusal -> refuse refusal

    let explain () : QmpAnswer =
        match refused with
        | ValueNone -> QmpAnswer.Error "No command was refused yet"
        | ValueSome(Refused.AsMessage(execute, arguments, refusal)) ->
            Derivation.ofRefusal refusal
            |> OracleQueries.explanation execute arguments refusal
            |> QmpAnswer.Of
        | ValueSome(Refused.AsCommand(execute, arguments, refusal, world, state, command)) ->
            Derivation.lines profile world state command
            |> OracleQueries.explanation execute arguments refusal
            |> QmpAnswer.Of

    /// What a query wants to be told; QAPI's texts for the rest (BLK-OPEN-001).
    let wrongArgument (execute: string) (arguments: OptionValue) : string option =
        seq { 0 .. arguments.Count - 1 }
        |> Seq.tryPick (fun index ->
            match execute, arguments.KeyAt index, arguments[index].Kind with
            | "query-named-block-nodes", "flat", OptionKind.Boolean -> None
            | "query-named-block-nodes", "flat", _ ->
                Some "Invalid parameter type for 'flat', expected: boolean"
            | _, key, _ -> Some $"Parameter '{key}' is unexpected")

    let ask (execute: string) : QmpAnswer =
        world <- files.Refresh(world, state, None)

        match execute with
        | "query-named-block-nodes" -> OracleQueries.nodes profile world state |> QmpAnswer.Of
        | "query-block-exports" -> OracleQueries.exports state |> QmpAnswer.Of
        | "x-debug-query-block-graph" -> OracleQueries.graph state |> QmpAnswer.Of
        | "x-ashlar-query-files" ->
            OracleQueries.files profile world state files.HostInode |> QmpAnswer.Of
        | "query-commands" -> OracleQueries.commands ("qmp_capabilities" :: names) |> QmpAnswer.Of
        | "query-version" -> QmpAnswer.Of((OracleVersion.ofProfile profile).ToValue())
        | "quit" -> QmpAnswer.Quit()
        | _ -> explain ()

    let execute (command: string) (arguments: OptionValue) : QmpAnswer =
        if acting.Contains command then
            act command arguments
        else
            match wrongArgument command arguments with
            | Some text -> QmpAnswer.Error text
            | None -> ask command

    interface IQmpCommands with
        member _.Names = List.toArray names :> IReadOnlyCollection<string>
        member _.Execute(command, arguments) = thread.Do(fun () -> execute command arguments)
        member _.Listen heard = listener <- heard

    interface IDisposable with
        member _.Dispose() = (thread :> IDisposable).Dispose()
