/// The client's end of QMP: commands with ids, replies matched by id, events kept for who waits.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.Json
open Ashlar.Reference.Block

/// The server broke: it said what is no QMP, or ended, or said nothing in time. There is no verdict
/// on a step that ends so.
exception QmpFault of reason: string

/// The connection ended; whoever owns the server knows why.
exception QmpClosed

/// What a command came to.
[<RequireQualifiedAccess>]
type QmpReply =
    | Return of JsonElement
    | Error of cls: string * text: string

/// Taking what a server sent apart.
module QmpReply =
    /// A member of an object, if it is one and has it.
    let find (name: string) (element: JsonElement) : JsonElement option =
        if element.ValueKind <> JsonValueKind.Object then
            None
        else
            match element.TryGetProperty name with
            | true, found -> Some found
            | _ -> None

    /// What a reply is read as; one that does not have QMP's form is the server's fault.
    let read (what: string) (work: unit -> 'a) : 'a =
        try
            work ()
        with
        | :? KeyNotFoundException
        | :? InvalidOperationException
        | :? FormatException -> raise (QmpFault $"{what} does not have the form that QMP gives it")

/// A conversation with a QMP server over two streams, which may be one. One thread. Whoever owns
/// the streams ends a silence that lasts too long.
[<Sealed>]
type QmpClient(input: Stream, output: Stream) =
    let buffer = Array.zeroCreate<byte>(64 * 1024)
    let pending = new MemoryStream()
    let messages = Queue<JsonElement>()
    let events = Queue<JsonElement>()
    let mutable nextId = 0L
    let mutable eventsSeen = 0L
    let mutable isNegotiated = false

    let parse (line: ReadOnlySpan<byte>) =
        let mutable reader = Utf8JsonReader line

        try
            use document = JsonDocument.ParseValue(&reader)
            document.RootElement.Clone()
        with :? JsonException ->
            raise (QmpFault "the server sent what is no JSON")

    /// Takes whole lines out of what has come; the rest waits for more.
    let split () =
        let bytes = pending.GetBuffer().AsSpan(0, int pending.Length)
        let mutable start = 0
        let mutable stop = bytes.IndexOf 10uy

        while stop >= 0 do
            let line = bytes.Slice(start, stop)

            if line.Trim("\r "B).Length > 0 then
                messages.Enqueue(parse (Span.op_Implicit line))

            start <- start + stop + 1
            stop <- bytes.Slice(start).IndexOf 10uy

        let rest = bytes.Slice(start).ToArray()
        pending.SetLength 0L
        pending.Write(rest, 0, rest.Length)

    let receive () =
        let count =
            try
                input.Read(buffer, 0, buffer.Length)
            with
            | :? IOException
            | :? ObjectDisposedException -> 0

        if count = 0 then
            raise QmpClosed

        pending.Write(buffer, 0, count)

        if pending.Length > int64 Limits.qmpReplyBytes then
            raise (QmpFault "a reply is longer than any reply can be")

        if buffer.AsSpan(0, count).IndexOf 10uy >= 0 then
            split ()

    let rec next () : JsonElement =
        if messages.Count > 0 then
            messages.Dequeue()
        else
            receive ()
            next ()

    let send (text: string) =
        let bytes = Encoding.UTF8.GetBytes text

        try
            output.Write(bytes, 0, bytes.Length)
            output.Flush()
        with
        | :? IOException
        | :? ObjectDisposedException -> raise QmpClosed

    let reply (message: JsonElement) : QmpReply =
        match QmpReply.find "return" message, QmpReply.find "error" message with
        | Some value, _ -> QmpReply.Return value
        | None, Some error ->
            let text (name: string) = string (error.GetProperty(name).GetString())
            QmpReply.read "an error" (fun () -> QmpReply.Error(text "class", text "desc"))
        | None, None -> raise (QmpFault "a reply is neither a return nor an error")

    let isNumber (id: int64) (element: JsonElement) =
        element.ValueKind = JsonValueKind.Number
        && (match element.TryGetInt64() with
            | true, found -> found = id
            | _ -> false)

    let rec answerTo (id: int64) : QmpReply =
        let message = next ()

        match QmpReply.find "id" message with
        | Some found when isNumber id found -> reply message
        | Some _ -> raise (QmpFault "stray reply: it has the id of another command")
        | None ->
            if (QmpReply.find "event" message).IsSome then
                eventsSeen <- eventsSeen + 1L
                events.Enqueue message
                answerTo id
            elif not isNegotiated && (QmpReply.find "QMP" message).IsSome then
                // QEMU greets twice when somebody connects while its monitor is set up.
                answerTo id
            else
                raise (QmpFault "stray reply: it has no id")

    /// How many events came, asked for or not.
    member _.EventsSeen = eventsSeen

    /// Takes the greeting and leaves negotiation.
    member this.Greet() : unit =
        if (QmpReply.find "QMP" (next ())).IsNone then
            raise (QmpFault "the server does not greet as QMP does")

        this.Execute [ "qmp_capabilities", Value.Dict [] ] |> ignore
        isNegotiated <- true

    /// Executes commands, sent at once and carried out in order; a reply for each.
    member _.Execute(commands: (string * Value) list) : QmpReply list =
        // What an earlier command brought about is nothing to wait for now.
        events.Clear()
        let first = nextId
        nextId <- nextId + int64 commands.Length

        let line index (name, arguments) =
            Json.render (
                Value.Dict [
                    "execute", Value.Str name
                    "arguments", arguments
                    "id", Value.Int(first + int64 index)
                ]
            )

        commands |> List.mapi line |> List.map (fun l -> l + "\n") |> String.concat "" |> send
        commands |> List.mapi (fun index _ -> answerTo (first + int64 index))

    /// Waits for an event of that name whose data has the member.
    member _.Await(name: string, key: string, value: string) : unit =
        let isIt (event: JsonElement) =
            let says (expected: string) (found: JsonElement option) =
                match found with
                | Some text when text.ValueKind = JsonValueKind.String ->
                    text.GetString() = expected
                | _ -> false

            says name (QmpReply.find "event" event)
            && says value (QmpReply.find "data" event |> Option.bind (QmpReply.find key))

        let mutable found = events |> Seq.exists isIt

        while not found do
            let message = next ()

            if (QmpReply.find "event" message).IsNone then
                raise (QmpFault "stray reply: nothing was asked")

            eventsSeen <- eventsSeen + 1L
            found <- isIt message

    interface IDisposable with
        member _.Dispose() = pending.Dispose()
