/// The commands of the oracle, a case for each QMP action, and their QMP form.
/// The options of blockdev-add and blockdev-reopen stay values here: their schema is BLK-OPEN-001.
namespace Ashlar.Reference.Block

/// A guest request through a backend (BLK-DATA-001).
[<RequireQualifiedAccess>]
type Request =
    | Read of offset: int64 * length: int64
    | Write of offset: int64 * length: int64 * pattern: byte
    | WriteZeroes of offset: int64 * length: int64
    | Flush

/// Where an export is to run (BLK-OBJ-005).
type ThreadWish = {
    /// The id of an iothread.
    IoThread: string option
    /// Whether the export is to stay there (BLK-OBJ-006).
    Fixed: bool
}

/// Makers of wishes.
module ThreadWish =
    /// Anywhere.
    let none = { IoThread = None; Fixed = false }

/// Everything that can be asked of the oracle.
type Command =
    | BlockdevAdd of options: Value
    | BlockdevDel of nodeName: string
    | BlockdevReopen of options: Value list
    | BlockdevSnapshot of node: string * overlay: string
    | BlockResize of nodeName: string * size: int64
    | NbdServerStart
    /// BLK-EXPORT-009.
    | NbdServerStop
    | BlockExportAdd of
        id: string *
        nodeName: string *
        name: string option *
        writable: bool *
        runs: ThreadWish
    | BlockExportDel of id: string
    /// BLK-EXPORT-008; legacy profiles BLK-EXPORT-010.
    | NbdServerAdd of device: string * name: string * writable: bool
    /// BLK-EXPORT-011; legacy profiles BLK-EXPORT-010.
    | NbdServerRemove of name: string * hard: bool
    /// BLK-OBJ-002.
    | ObjectAdd of kind: ObjectKind * id: string
    /// BLK-OBJ-003.
    | ObjectDel of id: string
    /// Legacy profiles: `qemu-io NODE "reopen ..."` (BLK-REOPEN-030).
    | QemuIoReopen of node: string * arguments: string
    /// BLK-PERM-050.
    | BackendAttach of name: string * nodeName: string * perm: Perm * shared: Perm
    | BackendSet of name: string * perm: Perm * shared: Perm
    | BackendDetach of name: string
    /// BLK-DATA-001.
    | Request of backend: string * request: Request
    /// The environment acts, not the user.
    | Move of Move

/// The QMP form of commands. Backends, requests and moves have none: scripts say them in lines of
/// their own.
module Command =
    let private str (s: string) = Value.Str s

    /// QAPI's names of the kinds of objects.
    let objectKinds = [
        "throttle-group", ObjectKind.ThrottleGroup
        "iothread", ObjectKind.IoThread
        "secret", ObjectKind.Secret
    ]

    let private kindName kind = objectKinds |> List.find (fun (_, k) -> k = kind) |> fst

    /// The name and arguments of a command; no name for one that has no QMP form.
    let toQmp (command: Command) : string * Value =
        let name, members =
            match command with
            | BlockdevAdd options -> "blockdev-add", Value.members options
            | BlockdevDel node -> "blockdev-del", [ "node-name", str node ]
            | BlockdevReopen options -> "blockdev-reopen", [ "options", Value.List options ]
            | BlockdevSnapshot(node, overlay) ->
                "blockdev-snapshot", [ "node", str node; "overlay", str overlay ]
            | BlockResize(node, size) ->
                "block_resize", [ "node-name", str node; "size", Value.Int size ]
            | NbdServerStart ->
                "nbd-server-start",
                [
                    "addr",
                    Value.Dict [ "type", str "unix"; "data", Value.Dict [ "path", str "nbd.sock" ] ]
                ]
            | NbdServerStop -> "nbd-server-stop", []
            | BlockExportAdd(id, node, exportName, writable, runs) ->
                "block-export-add",
                [
                    "type", str "nbd"
                    "id", str id
                    if runs.Fixed then
                        "fixed-iothread", Value.Bool true
                    match runs.IoThread with
                    | Some thread -> "iothread", str thread
                    | None -> ()
                    "node-name", str node
                    match exportName with
                    | Some n -> "name", str n
                    | None -> ()
                    "writable", Value.Bool writable
                ]
            | BlockExportDel id -> "block-export-del", [ "id", str id ]
            | NbdServerAdd(device, exportName, writable) ->
                "nbd-server-add",
                [ "device", str device; "name", str exportName; "writable", Value.Bool writable ]
            | NbdServerRemove(exportName, hard) ->
                "nbd-server-remove",
                [ "name", str exportName; "mode", str (if hard then "hard" else "safe") ]
            | ObjectAdd(kind, id) ->
                "object-add",
                [
                    "qom-type", str (kindName kind)
                    "id", str id
                    // a secret is not without something to keep
                    if kind = ObjectKind.Secret then
                        "data", str "open sesame"
                ]
            | ObjectDel id -> "object-del", [ "id", str id ]
            | QemuIoReopen(node, arguments) ->
                "human-monitor-command",
                [ "command-line", str ("qemu-io " + node + " \"reopen " + arguments + "\"") ]
            | BackendAttach _
            | BackendSet _
            | BackendDetach _
            | Request _
            | Move _ -> "", []

        name, Value.Dict members

    /// The type an argument must have, by QAPI's word for it.
    type private Kind =
        | AString
        | AnEnum of string list
        | ABool
        | AnInt
        | AList
        | ADict

    let private expected kind =
        match kind with
        | AString
        | AnEnum _ -> "string"
        | ABool -> "boolean"
        | AnInt -> "integer"
        | AList -> "array"
        | ADict -> "object"

    let private fits kind value =
        match kind, value with
        | (AString | AnEnum _), Value.Str _
        | ABool, Value.Bool _
        | AnInt, Value.Int _
        | AList, Value.List _
        | ADict, Value.Dict _ -> true
        | _ -> false

    let private removeMode = AnEnum [ "safe"; "hard" ]

    /// The arguments of a command: name, type, whether they are needed.
    let private signature name =
        match name with
        | "blockdev-del" -> Some [ "node-name", AString, true ]
        | "blockdev-reopen" -> Some [ "options", AList, true ]
        | "blockdev-snapshot" -> Some [ "node", AString, true; "overlay", AString, true ]
        | "block_resize" ->
            Some [ "device", AString, false; "node-name", AString, false; "size", AnInt, true ]
        | "nbd-server-start" -> Some [ "addr", ADict, true ]
        | "nbd-server-stop" -> Some []
        | "object-add" ->
            Some [
                "qom-type", AnEnum(List.map fst objectKinds), true
                "id", AString, true
                // what a secret is made of; its form is another package's
                "data", AString, false
                "file", AString, false
            ]
        | "object-del" -> Some [ "id", AString, true ]
        | "block-export-add" ->
            Some [
                "type", AnEnum [ "nbd" ], true
                "id", AString, true
                "fixed-iothread", ABool, false
                "iothread", AString, false
                "node-name", AString, true
                "writable", ABool, false
                "name", AString, false
            ]
        | "block-export-del" -> Some [ "id", AString, true; "mode", removeMode, false ]
        | "nbd-server-add" ->
            Some [ "device", AString, true; "name", AString, false; "writable", ABool, false ]
        | "nbd-server-remove" -> Some [ "name", AString, true; "mode", removeMode, false ]
        | "human-monitor-command" -> Some [ "command-line", AString, true ]
        | _ -> None

    let private refuse text = Error(Refusal.generic "BLK-OPEN-001" text)

    /// First each declared argument in order, then whatever is left over (BLK-OPEN-001).
    let private checkArguments fields arguments =
        let wrong (name, kind, needed) =
            match Value.find name arguments with
            | ValueNone when needed -> Some("Parameter '" + name + "' is missing")
            | ValueSome value when not (fits kind value) ->
                Some("Invalid parameter type for '" + name + "', expected: " + expected kind)
            | ValueSome(Value.Str word) ->
                match kind with
                | AnEnum words when not (List.contains word words) ->
                    Some("Parameter '" + name + "' does not accept value '" + word + "'")
                | _ -> None
            | _ -> None

        let unexpected (name, _) =
            if fields |> List.exists (fun (field, _, _) -> field = name) then
                None
            else
                Some("Parameter '" + name + "' is unexpected")

        match List.tryPick wrong fields with
        | Some text -> Some text
        | None -> List.tryPick unexpected arguments

    /// `qemu-io NODE "reopen ..."` taken apart.
    let private ofMonitorLine (line: string) =
        let parts = line.Split([| ' ' |], 3)

        if parts.Length = 3 && parts[0] = "qemu-io" then
            let inner = parts[2].Trim().Trim('"')

            if inner = "reopen" then
                Ok(QemuIoReopen(parts[1], ""))
            elif inner.StartsWith("reopen ", System.StringComparison.Ordinal) then
                Ok(QemuIoReopen(parts[1], inner.Substring 7))
            else
                refuse "Only qemu-io NODE \"reopen ...\" is known"
        else
            refuse "Only qemu-io NODE \"reopen ...\" is known"

    /// What stands at the end of a way through members, if it leads anywhere.
    let rec private path (names: string list) (value: Value) : Value voption =
        match names, value with
        | [], found -> ValueSome found
        | name :: rest, Value.Dict members ->
            Value.find name members |> ValueOption.bind (path rest)
        | _ -> ValueNone

    /// The command of a QMP name and its arguments, refused by QAPI's texts (BLK-OPEN-001).
    let ofQmp (execute: string) (arguments: Value) : Result<Command, Refusal> =
        let members = Value.members arguments

        let text name =
            match Value.find name members with
            | ValueSome(Value.Str s) -> s
            | _ -> ""

        let number name =
            match Value.find name members with
            | ValueSome(Value.Int i) -> i
            | _ -> 0L

        let flag name = Value.find name members = ValueSome(Value.Bool true)

        let build () =
            match execute with
            | "blockdev-del" -> Ok(BlockdevDel(text "node-name"))
            | "blockdev-reopen" ->
                match Value.find "options" members with
                | ValueSome(Value.List items) -> Ok(BlockdevReopen items)
                | _ -> Ok(BlockdevReopen [])
            | "blockdev-snapshot" -> Ok(BlockdevSnapshot(text "node", text "overlay"))
            | "block_resize" -> Ok(BlockResize(text "node-name", number "size"))
            | "nbd-server-start" ->
                // the address is nobody's business here, but a socket has a name (BLK-EXPORT-007)
                match Value.find "addr" members |> ValueOption.map (path [ "data"; "path" ]) with
                | ValueSome(ValueSome(Value.Str "")) ->
                    Error(Refusal.generic "BLK-EXPORT-007" "UNIX socket path '' is empty")
                | _ -> Ok NbdServerStart
            | "block-export-add" ->
                let given key =
                    match Value.find key members with
                    | ValueSome(Value.Str s) -> Some s
                    | _ -> None

                let runs = { IoThread = given "iothread"; Fixed = flag "fixed-iothread" }
                let name = given "name"
                Ok(BlockExportAdd(text "id", text "node-name", name, flag "writable", runs))
            | "block-export-del" -> Ok(BlockExportDel(text "id"))
            | "nbd-server-stop" -> Ok NbdServerStop
            | "object-add" ->
                let kind = objectKinds |> List.find (fun (name, _) -> name = text "qom-type")
                Ok(ObjectAdd(snd kind, text "id"))
            | "object-del" -> Ok(ObjectDel(text "id"))
            | "nbd-server-add" ->
                let isNamed = (Value.find "name" members).IsSome
                let name = text (if isNamed then "name" else "device")
                Ok(NbdServerAdd(text "device", name, flag "writable"))
            | "nbd-server-remove" -> Ok(NbdServerRemove(text "name", text "mode" = "hard"))
            | _ -> ofMonitorLine (text "command-line")

        if execute = "blockdev-add" then
            Ok(BlockdevAdd arguments)
        else
            match signature execute with
            | None ->
                Error {
                    Requirement = "BLK-OPEN-001"
                    Class = "CommandNotFound"
                    Text = "The command " + execute + " has not been found"
                }
            | Some fields ->
                match checkArguments fields members with
                | Some wrong -> refuse wrong
                | None -> build ()
