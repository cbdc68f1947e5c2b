/// Text to script. Every error says line and column; nothing is guessed.
namespace Ashlar.Conformance

open System
open System.Globalization
open Ashlar.Reference.Block

/// A word of a directive and the column it starts in.
[<Struct>]
type private Word = { Text: string; Column: int }

/// The parser's way out; it never leaves `ScriptParser.parse`.
exception private ScriptFault of column: int * message: string

/// Reading one directive's words.
module private Directive =
    let fail column message = raise (ScriptFault(column, message))

    /// `key=value` may quote its value; a bare word ends at a blank.
    let words (line: int) (text: string) : Word list =
        let rec go at found =
            if at >= text.Length then
                List.rev found
            elif text[at] = ' ' || text[at] = '\t' then
                go (at + 1) found
            else
                let mutable stop = at

                while stop < text.Length
                      && text[stop] <> ' '
                      && text[stop] <> '\t'
                      && text[stop] <> '"' do
                    stop <- stop + 1

                let bare = text.Substring(at, stop - at)

                if stop < text.Length && text[stop] = '"' then
                    match Json.parseString line text stop with
                    | Error e -> fail e.Column e.Message
                    | Ok(quoted, next) ->
                        go next ({ Text = bare + quoted; Column = at + 1 } :: found)
                else
                    go stop ({ Text = bare; Column = at + 1 } :: found)

        go 0 []

    let number (low: int64) (high: int64) (word: Word) : int64 =
        match
            Int64.TryParse(word.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
        with
        | true, n when n >= low && n <= high -> n
        | _ -> fail word.Column $"'{word.Text}' is not a number from {low} to {high}"

    let mode (word: Word) : int =
        if
            word.Text <> ""
            && word.Text.Length <= 5
            && String.forall (fun c -> c >= '0' && c <= '7') word.Text
        then
            Convert.ToInt32(word.Text, 8) &&& 0o7777
        else
            fail word.Column $"'{word.Text}' is not a mode in octal"

    let lockByte (word: Word) : int =
        let b = int (number 0L 1000L word)

        if World.lockBit b = 0 then
            fail word.Column $"{b} is no lock byte; 100 to 103 and 200 to 203 are"

        b

    let perm (word: Word) : Perm =
        match Words.toPerm word.Text with
        | Some p -> p
        | None -> fail word.Column $"'{word.Text}' is no set of permissions"

    /// The value of `key=value`, when the word has that key.
    let keyed (key: string) (word: Word) : Word option =
        if word.Text.StartsWith(key + "=", StringComparison.Ordinal) then
            Some {
                Text = word.Text.Substring(key.Length + 1)
                Column = word.Column + key.Length + 1
            }
        else
            None

    let pattern (word: Word) : byte =
        let digits =
            if word.Text.StartsWith("0x", StringComparison.Ordinal) then
                word.Text.Substring 2
            else
                fail word.Column "a pattern is written 0x00 to 0xFF"

        match
            Byte.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
        with
        | true, b -> b
        | _ -> fail word.Column "a pattern is written 0x00 to 0xFF"

    let unknown (word: Word) = fail word.Column $"'{word.Text}' is not understood here"

/// The world's directives.
module private WorldLines =
    open Directive

    let private splitBacking (word: Word) =
        match word.Text.LastIndexOf ':' with
        | -1 -> fail word.Column "backing is written FILE:FORMAT"
        | colon ->
            let format = word.Text.Substring(colon + 1)
            word.Text.Substring(0, colon), (if format = "" then None else Some format)

    let private extra (file: WorldFile) (word: Word) : WorldFile =
        let (|Key|_|) key word = keyed key word

        match word, file.Format with
        | Key "mode" value, _ -> { file with Mode = mode value }
        | Key "owner" { Text = "us" }, _ -> file
        | Key "owner" { Text = "other" }, _ -> { file with Owned = false }
        | Key "locks" value, _ ->
            let bytes =
                value.Text.Split ','
                |> Array.map (fun text -> lockByte { value with Text = text })
                |> List.ofArray

            { file with Locks = bytes }
        | Key "backing" value, Format.Qcow2 header ->
            let name, format = splitBacking value

            {
                file with
                    Format =
                        Format.Qcow2 { header with BackingFile = Some name; BackingFormat = format }
            }
        | Key "cluster-bits" value, Format.Qcow2 header ->
            let bits = int (number 9L 21L value)
            { file with Format = Format.Qcow2 { header with ClusterBits = bits } }
        | Key "feature" value, Format.Qcow2 header ->
            match List.tryFind (fun (name, _) -> name = value.Text) Features.words with
            | Some(_, feature) -> {
                file with
                    Format = Format.Qcow2 { header with Feature = Some feature }
              }
            | None ->
                let known = Features.words |> List.map fst |> String.concat ", "
                fail value.Column $"'{value.Text}' is no feature; known are {known}"
        | _ -> unknown word

    let file (words: Word list) : WorldFile =
        match words with
        | name :: format :: size :: rest ->
            let format =
                match format.Text with
                | "raw" -> Format.Raw
                | "qcow2" ->
                    Format.Qcow2 { World.plainHeader with ClusterBits = Script.defaultClusterBits }
                | "garbage" -> Format.Garbage
                | "directory" -> Format.Directory
                | "pipe" -> Format.Pipe
                | other ->
                    let kinds = "raw, qcow2, garbage, directory or pipe"
                    fail format.Column $"'{other}' is not {kinds}"

            let plain = {
                Name = name.Text
                Format = format
                SizeBytes = number 0L Limits.fileBytesMax size
                Mode = 0o644
                Owned = true
                Locks = []
            }

            List.fold extra plain rest
        | _ -> fail 1 "#world FILE raw|qcow2 SIZE [mode=0644] [backing=F:raw] [locks=101,201]"

    let export (words: Word list) : WorldExport =
        match words with
        | name :: size :: access :: rest ->
            let readOnly =
                match access.Text with
                | "ro" -> true
                | "rw" -> false
                | other -> fail access.Column $"'{other}' is neither ro nor rw"

            let server =
                match rest with
                | [] -> Script.defaultServer
                | [ word ] ->
                    match keyed "server" word with
                    | Some value -> value.Text
                    | None -> unknown word
                | _ :: word :: _ -> unknown word

            {
                Server = server
                Name = name.Text
                SizeBytes = number 0L Limits.fileBytesMax size
                ReadOnly = readOnly
            }
        | _ -> fail 1 "#world-nbd NAME SIZE ro|rw [server=PATH|tcp:HOST:PORT]"

/// The directives that act.
module private ActLines =
    open Directive

    let move (words: Word list) : Command =
        match words with
        | [ { Text = "chmod" }; path; bits ] -> Move.Chmod(path.Text, mode bits)
        | [ { Text = "rename" }; from; target ] -> Move.Rename(from.Text, target.Text)
        | [ { Text = "unlink" }; path ] -> Move.Unlink path.Text
        | [ { Text = "lock" }; path; b ] -> Move.TakeLock(path.Text, lockByte b)
        | [ { Text = "unlock" }; path; b ] -> Move.DropLock(path.Text, lockByte b)
        | _ -> fail 1 "#move chmod F 0444 | rename A B | unlink F | lock F 101 | unlock F 101"
        |> Command.Move

    let private masks (perms: Word) (shares: Word) =
        match keyed "perm" perms, keyed "shared" shares with
        | Some p, Some s -> perm p, perm s
        | None, _ -> fail perms.Column "perm=... was expected"
        | _, None -> fail shares.Column "shared=... was expected"

    let backend (words: Word list) : Command =
        match words with
        | [ { Text = "attach" }; name; node; perms; shares ] ->
            let perm, shared = masks perms shares
            BackendAttach(name.Text, node.Text, perm, shared)
        | [ { Text = "set" }; name; perms; shares ] ->
            let perm, shared = masks perms shares
            BackendSet(name.Text, perm, shared)
        | [ { Text = "detach" }; name ] -> BackendDetach name.Text
        | _ ->
            fail
                1
                "#backend attach NAME NODE perm=P shared=P | set NAME perm=P shared=P | detach NAME"

    let request (words: Word list) : Command =
        // Offsets out of every range are legal: the block layer must refuse them.
        let where = number Int64.MinValue Int64.MaxValue

        match words with
        | [ name; { Text = "read" }; offset; length ] ->
            Request(name.Text, Request.Read(where offset, where length))
        | [ name; { Text = "write" }; offset; length; byte ] ->
            Request(name.Text, Request.Write(where offset, where length, pattern byte))
        | [ name; { Text = "zeroes" }; offset; length ] ->
            Request(name.Text, Request.WriteZeroes(where offset, where length))
        | [ name; { Text = "flush" } ] -> Request(name.Text, Request.Flush)
        | _ -> fail 1 "#request NAME read OFF LEN | write OFF LEN 0xAB | zeroes OFF LEN | flush"

    let qmp (line: int) (text: string) : Act =
        match Json.parse line text with
        | Error e -> fail e.Column e.Message
        | Ok(Value.Dict members) ->
            let execute =
                match Value.find "execute" members with
                | ValueSome(Value.Str name) -> name
                | _ -> fail 1 "a command has a member 'execute', which is a string"

            let arguments =
                match Value.find "arguments" members with
                | ValueNone -> Value.Dict []
                | ValueSome(Value.Dict _ as arguments) -> arguments
                | ValueSome _ -> fail 1 "the member 'arguments' is an object"

            for key, _ in members do
                if key <> "execute" && key <> "arguments" && key <> "id" then
                    fail 1 $"a command has no member '{key}'"

            match Command.ofQmp execute arguments with
            | Ok command -> Act.Do command
            | Error refusal -> Act.Refused(execute, arguments, refusal)
        | Ok _ -> fail 1 "a command is a JSON object"

/// Parsing.
module ScriptParser =
    open Directive

    /// The first line of every script.
    let magic = "# ashlar-script 1"

    /// `OFFSET+LENGTH=0xAB`.
    let private run (word: Word) : Run =
        let part text = { word with Text = text }

        match word.Text.Split([| '+'; '=' |]) with
        | [| offset; length; byte |] when word.Text.Contains '+' -> {
            Offset = number 0L Limits.fileBytesMax (part offset)
            Length = number 1L Limits.fileBytesMax (part length)
            Byte = pattern (part byte)
          }
        | _ -> fail word.Column "data is written OFFSET+LENGTH=0xAB"

    let private expectation (words: Word list) =
        match words with
        | [ { Text = "ok" } ] -> Expectation.Ok
        | [ { Text = "data" }; { Text = "zeroes" } ] -> Expectation.Data []
        | { Text = "data" } :: (_ :: _ as runs) -> Expectation.Data(List.map run runs)
        | [ { Text = "error" } ] -> Expectation.Error None
        | [ { Text = "error" }; text ] -> Expectation.Error(Some text.Text)
        | _ -> fail 1 "#expect ok | data zeroes | data OFF+LEN=0xAB ... | error | error \"TEXT\""

    let private headerLine (header: Header) (name: string) (words: Word list) =
        match name, words with
        | "profile", [ word ] ->
            if (Profile.ofName word.Text).IsNone then
                fail word.Column $"there is no profile '{word.Text}'"

            { header with Profile = word.Text }
        | "policy", [ { Text = "dynamic" } ] -> { header with Policy = Policy.Dynamic }
        | "policy", [ { Text = "static" } ] -> { header with Policy = Policy.Static }
        | "seed", [ word ] ->
            match UInt64.TryParse(word.Text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, seed -> { header with Seed = Some seed }
            | _ -> fail word.Column $"'{word.Text}' is not a seed"
        | "requires", _ :: _ ->
            let ids = words |> List.map _.Text
            { header with Requires = header.Requires @ ids }
        | _ -> fail 1 $"#{name} is not used like that"

    /// The script so far, in reverse where it grows.
    let private directive (line: int) (text: string) (script: Script) : Script =
        let stop = text.IndexOfAny [| ' '; '\t' |]
        let stop = if stop < 0 then text.Length else stop
        let name = text.Substring(1, stop - 1)
        let words = lazy (words line text |> List.tail)
        let add command = { script with Steps = Script.step command :: script.Steps }

        match name with
        | "shows" ->
            // A sentence, not words: it may hold any character.
            match text.Substring(stop).Trim() with
            | "" -> fail 1 "#shows SENTENCE"
            | sentence -> { script with Header = { script.Header with Shows = Some sentence } }
        | "profile"
        | "policy"
        | "seed"
        | "requires" -> { script with Header = headerLine script.Header name words.Value }
        | "world"
        | "world-nbd"
        | "world-throttle" when not script.Steps.IsEmpty ->
            fail 1 "the world stands before the first step"
        | "world" ->
            let file = WorldLines.file words.Value

            if script.Files |> List.exists (fun f -> f.Name = file.Name) then
                fail 1 $"the world has two files '{file.Name}'"

            { script with Files = file :: script.Files }
        | "world-nbd" -> { script with Exports = WorldLines.export words.Value :: script.Exports }
        | "world-throttle" ->
            match words.Value with
            | [ word ] -> { script with ThrottleGroups = word.Text :: script.ThrottleGroups }
            | _ -> fail 1 "#world-throttle NAME"
        | "move" -> add (ActLines.move words.Value)
        | "backend" -> add (ActLines.backend words.Value)
        | "request" -> add (ActLines.request words.Value)
        | "expect" ->
            match script.Steps with
            | step :: rest when step.Expect.IsNone ->
                let expected = { step with Expect = Some(expectation words.Value) }
                { script with Steps = expected :: rest }
            | _ -> fail 1 "#expect follows the command it speaks of, once"
        | "observe" ->
            // A line, not words: what an observation says stands there as it is.
            match
                text.Substring(stop).Split(' ', StringSplitOptions.RemoveEmptyEntries), script.Steps
            with
            | [||], _ ->
                fail
                    1
                    "#observe node f (file) ro | child q --file--> f perm CR | file 1: 1 ro, 0 rw"
            | line, step :: rest ->
                let seen = { step with Observe = step.Observe @ [ String.Join(' ', line) ] }
                { script with Steps = seen :: rest }
            | _, [] -> fail 1 "#observe follows the command it speaks of"
        | other -> fail 1 $"there is no directive '#{other}'"

    let private line (number: int) (text: string) (script: Script) : Script =
        if text.Length > Limits.lineCharacters then
            fail 1 $"the line is longer than {Limits.lineCharacters} characters"

        let text = text.TrimEnd([| ' '; '\t'; '\r' |])

        if text = "" || text = "#" || text.StartsWith("# ", StringComparison.Ordinal) then
            script
        elif text[0] = '#' then
            directive number text script
        else
            let step = { Act = ActLines.qmp number text; Expect = None; Observe = [] }

            { script with Steps = step :: script.Steps }

    let private limits (script: Script) (steps: int) =
        if steps > Limits.scriptSteps then
            fail 1 $"a script has at most {Limits.scriptSteps} steps"

        let entries = script.Files.Length + script.Exports.Length + script.ThrottleGroups.Length

        if entries > Limits.worldEntries then
            fail 1 $"a world has at most {Limits.worldEntries} entries"

    /// The script of a text, or where and why it is not one.
    let parse (text: string) : Result<Script, TextError> =
        let mutable number = 0
        let mutable steps = 0

        try
            if text.Length > Limits.scriptCharacters then
                number <- 1
                fail 1 $"a script has at most {Limits.scriptCharacters} characters"

            let mutable script = Script.empty

            for each in text.Split '\n' do
                number <- number + 1

                if number = 1 && each.TrimEnd() <> magic then
                    fail 1 $"a script begins with the line '{magic}'"

                let before = script.Steps
                script <- line number each script

                if not (obj.ReferenceEquals(before, script.Steps)) then
                    steps <- steps + 1

                if text.Length > Limits.lineCharacters || steps > Limits.scriptSteps then
                    limits script steps

            limits script steps

            Ok {
                script with
                    Files = List.rev script.Files
                    Exports = List.rev script.Exports
                    ThrottleGroups = List.rev script.ThrottleGroups
                    Steps = List.rev script.Steps
            }
        with ScriptFault(column, message) ->
            Error { Line = number; Column = column; Message = message }
