/// A script as text: QMP lines for commands, `#` lines for all else, so that a QEMU monitor takes
/// the file as it is. Parsing what is printed gives the same script back.
namespace Ashlar.Conformance

open System
open System.Text
open Ashlar.Reference.Block

/// Words of a directive, and permissions as they are written there.
module Words =
    let private isBare (c: char) = Char.IsAsciiLetterOrDigit c || "._-/#:+,%@".Contains c

    /// A word as it stands when nothing in it could be mistaken, else as a JSON string.
    let quote (word: string) : string =
        if word <> "" && String.forall isBare word then
            word
        else
            Json.quote word

    /// `none`, `all` or QAPI names joined by commas.
    let ofPerm (perm: Perm) : string =
        match perm with
        | Perm.None -> "none"
        | Perm.All -> "all"
        | some -> String.Join(",", Perm.toQapi some)

    /// What `ofPerm` writes, read back; one name may stand alone.
    let toPerm (word: string) : Perm option =
        match word with
        | "none" -> Some Perm.None
        | "all" -> Some Perm.All
        | names ->
            (Some Perm.None, names.Split ',')
            ||> Array.fold (fun sum name ->
                match sum, Perm.ofQapi name with
                | Some sum, ValueSome p -> Some(sum ||| p)
                | _ -> None)

/// Printing.
module ScriptPrinter =
    let private formatWord (format: Format) =
        match format with
        | Format.Raw -> "raw"
        | Format.Qcow2 _ -> "qcow2"
        | Format.Garbage -> "garbage"
        | Format.Directory -> "directory"
        | Format.Pipe -> "pipe"

    /// The `#world` line of a file; only what differs from the default is said.
    let worldFile (file: WorldFile) : string =
        let line = StringBuilder()
        line.Append("#world ").Append(Words.quote file.Name).Append(' ') |> ignore
        line.Append(formatWord file.Format).Append(' ').Append(file.SizeBytes) |> ignore

        if file.Mode <> 0o644 then
            line.Append(" mode=").Append(Convert.ToString(file.Mode, 8).PadLeft(4, '0')) |> ignore

        if not file.Owned then
            line.Append " owner=other" |> ignore

        match file.Format with
        | Format.Qcow2 header ->
            match header.BackingFile, header.BackingFormat with
            | Some name, Some format ->
                line.Append(" backing=").Append(Words.quote $"{name}:{format}") |> ignore
            | Some name, None -> line.Append(" backing=").Append(Words.quote $"{name}:") |> ignore
            | None, _ -> ()

            if header.ClusterBits <> Script.defaultClusterBits then
                line.Append(" cluster-bits=").Append header.ClusterBits |> ignore

            match header.Feature with
            | Some feature -> line.Append(" feature=").Append(Features.word feature) |> ignore
            | None -> ()
        | _ -> ()

        if not file.Locks.IsEmpty then
            line.Append(" locks=").AppendJoin(',', file.Locks) |> ignore

        line.ToString()

    let private worldExport (export: WorldExport) =
        let access = if export.ReadOnly then "ro" else "rw"

        let server =
            if export.Server = Script.defaultServer then
                ""
            else
                " server=" + Words.quote export.Server

        $"#world-nbd {Words.quote export.Name} {export.SizeBytes} {access}{server}"

    let private move (m: Move) =
        match m with
        | Move.Chmod(path, mode) ->
            let digits = Convert.ToString(mode, 8).PadLeft(4, '0')
            $"#move chmod {Words.quote path} {digits}"
        | Move.Rename(from, target) -> $"#move rename {Words.quote from} {Words.quote target}"
        | Move.Unlink path -> $"#move unlink {Words.quote path}"
        | Move.TakeLock(path, b) -> $"#move lock {Words.quote path} {b}"
        | Move.DropLock(path, b) -> $"#move unlock {Words.quote path} {b}"

    let private masks (perm: Perm) (shared: Perm) =
        $"perm={Words.ofPerm perm} shared={Words.ofPerm shared}"

    let private request (backend: string) (r: Request) =
        let name = Words.quote backend

        match r with
        | Request.Read(offset, length) -> $"#request {name} read {offset} {length}"
        | Request.Write(offset, length, pattern) ->
            let digits = (int pattern).ToString "X2"
            $"#request {name} write {offset} {length} 0x{digits}"
        | Request.WriteZeroes(offset, length) -> $"#request {name} zeroes {offset} {length}"
        | Request.Flush -> $"#request {name} flush"

    /// A QMP command line.
    let qmp (execute: string) (arguments: Value) : string =
        let arguments =
            match arguments with
            | Value.Dict [] -> []
            | some -> [ "arguments", some ]

        Json.render (Value.Dict(("execute", Value.Str execute) :: arguments))

    /// One command as the line of a script.
    let command (command: Command) : string =
        match command with
        | Move m -> move m
        | BackendAttach(name, node, perm, shared) ->
            $"#backend attach {Words.quote name} {Words.quote node} {masks perm shared}"
        | BackendSet(name, perm, shared) -> $"#backend set {Words.quote name} {masks perm shared}"
        | BackendDetach name -> $"#backend detach {Words.quote name}"
        | Request(name, r) -> request name r
        | other -> Command.toQmp other ||> qmp

    let private run (r: Run) =
        let digits = (int r.Byte).ToString "X2"
        $"{r.Offset}+{r.Length}=0x{digits}"

    /// What is expected, as the line that says so.
    let expectation (expect: Expectation) : string =
        match expect with
        | Expectation.Ok -> "#expect ok"
        | Expectation.Data [] -> "#expect data zeroes"
        | Expectation.Data runs -> "#expect data " + String.Join(' ', List.map run runs)
        | Expectation.Error None -> "#expect error"
        | Expectation.Error(Some text) -> "#expect error " + Json.quote text

    /// One step as the line that acts.
    let act (act: Act) : string =
        match act with
        | Act.Do c -> command c
        | Act.Refused(execute, arguments, _) -> qmp execute arguments

    /// A whole script, with a newline at its end.
    let print (script: Script) : string =
        let text = StringBuilder()
        let line (s: string) = text.Append(s).Append '\n' |> ignore
        line "# ashlar-script 1"
        script.Header.Shows |> Option.iter (fun s -> line ("#shows " + s))
        line ("#profile " + script.Header.Profile)

        if script.Header.Policy = Policy.Static then
            line "#policy static"

        script.Header.Seed |> Option.iter (fun seed -> line $"#seed {seed}")

        if not script.Header.Requires.IsEmpty then
            line ("#requires " + String.Join(" ", script.Header.Requires))

        for file in script.Files do
            line (worldFile file)

        for export in script.Exports do
            line (worldExport export)

        for group in script.ThrottleGroups do
            line ("#world-throttle " + Words.quote group)

        for step in script.Steps do
            line (act step.Act)
            step.Expect |> Option.iter (expectation >> line)

            for seen in step.Observe do
                line ("#observe " + seen)

        text.ToString()
