/// The tests' own NBD client: it speaks the protocol byte by byte, shares nothing with the client
/// or server under test, and may say what no honest client says.
module internal Ashlar.Conformance.Tests.Nbd.Client

open System
open System.Buffers.Binary
open System.IO
open System.Net.Sockets
open System.Text
open Expecto

let private be (width: int) (value: uint64) =
    Array.init width (fun index -> byte (value >>> (8 * (width - 1 - index))))

let u16 (value: int) = be 2 (uint64 value)
let u32 (value: int64) = be 4 (uint64 value)
let u64 (value: uint64) = be 8 value
let ascii (text: string) = Encoding.ASCII.GetBytes text

/// A field that says how long it is.
let sized (bytes: byte[]) = Array.append (u32 bytes.Length) bytes

let optionMagic = u64 0x49484156454F5054UL
let replyMagic = 0x0003E889045565A9UL

/// An answer to an option.
type OptionReply = { Option: int64; Kind: int64; Payload: byte[] }

/// A chunk of a structured reply; simple replies are seen as a chunk of the kind -1.
type Chunk = { Flags: int; Kind: int; Cookie: uint64; Error: int64; Payload: byte[] }

let readOnlyFlag = 2
let ack = 1L
let info = 3L
let metaContext = 4L
let unsupported = 0x80000001L
let policy = 0x80000002L
let invalid = 0x80000003L
let unknown = 0x80000006L

type Client(path: string) =
    let socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

    do
        socket.Connect(UnixDomainSocketEndPoint path)
        socket.ReceiveTimeout <- 15_000
        socket.SendTimeout <- 30_000

    member _.Socket = socket

    member _.Send(parts: byte[] list) =
        let bytes = Array.concat parts
        let mutable sent = 0

        while sent < bytes.Length do
            sent <- sent + socket.Send(ReadOnlySpan(bytes, sent, bytes.Length - sent))

    member _.Receive(count: int) =
        let bytes = Array.zeroCreate count
        let mutable got = 0

        while got < count do
            let step = socket.Receive(Span(bytes, got, count - got))

            if step = 0 then
                raise (EndOfStreamException())

            got <- got + step

        bytes

    member this.U16() = int (BinaryPrimitives.ReadUInt16BigEndian(ReadOnlySpan(this.Receive 2)))
    member this.U32() = int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(this.Receive 4)))
    member this.U64() = BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(this.Receive 8))

    /// True when the server has closed the connection and said nothing before.
    member _.IsClosed() =
        try
            socket.Receive(Span(Array.zeroCreate 1)) = 0
        with :? SocketException as failure ->
            failure.SocketErrorCode = SocketError.ConnectionReset

    /// Reads the greeting and answers with flags.
    member this.Greet(flags: int64) =
        Expect.equal (this.U64()) 0x4E42444D41474943UL "NBDMAGIC"
        Expect.equal (this.U64()) 0x49484156454F5054UL "IHAVEOPT"
        Expect.equal (this.U16()) 3 "fixed newstyle, no zeroes"
        this.Send [ u32 flags ]

    member this.SendOption(option: int64, payload: byte[]) =
        this.Send [ optionMagic; u32 option; sized payload ]

    member this.OptionReply() =
        Expect.equal (this.U64()) replyMagic "magic of an option's reply"
        let option = this.U32()
        let kind = this.U32()
        { Option = option; Kind = kind; Payload = this.Receive(int (this.U32())) }

    /// All replies to an option, the final one last.
    member this.Ask(option: int64, payload: byte[]) =
        this.SendOption(option, payload)

        let rec more replies =
            let reply = this.OptionReply()
            Expect.equal reply.Option option "the option that is answered"
            let isFinal = reply.Kind = ack || reply.Kind >= 0x80000000L

            if isFinal then
                List.rev (reply :: replies)
            else
                more (reply :: replies)

        more []

    /// The kind and text of the only reply to an option.
    member this.Refusal(option, payload) =
        match this.Ask(option, payload) with
        | [ reply ] -> reply.Kind, Encoding.UTF8.GetString reply.Payload
        | replies -> failtestf "%d replies" replies.Length

    /// Chooses an export with GO; its size and flags.
    member this.Go(name: string) =
        let replies = this.Ask(7L, Array.append (sized (ascii name)) (u16 0))
        Expect.equal (List.last replies).Kind ack "GO"

        let export = replies |> List.find (fun reply -> reply.Kind = info && reply.Payload[1] = 0uy)

        BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(export.Payload, 2, 8)),
        int (BinaryPrimitives.ReadUInt16BigEndian(ReadOnlySpan(export.Payload, 10, 2)))

    member this.Structured() =
        Expect.equal (this.Ask(8L, [||]) |> List.map _.Kind) [ ack ] "structured replies"

    member this.SetAllocation(name: string) =
        let query = sized (ascii "base:allocation")
        this.Ask(10L, Array.concat [ sized (ascii name); u32 1; query ])

    member this.Request(command, flags, cookie: uint64, offset: uint64, length: int64) =
        this.Send [ u32 0x25609513L; u16 flags; u16 command; u64 cookie; u64 offset; u32 length ]

    /// A simple reply without data: cookie and error.
    member this.Simple() =
        Expect.equal (this.U32()) 0x67446698L "magic of a simple reply"
        let error = this.U32()
        let cookie = this.U64()
        cookie, error

    /// The next reply of either form; data of simple replies is the caller's to read.
    member this.Chunk() =
        match this.U32() with
        | 0x67446698L ->
            let error = this.U32()
            { Flags = 1; Kind = -1; Cookie = this.U64(); Error = error; Payload = [||] }
        | 0x668e33efL ->
            let flags = this.U16()
            let kind = this.U16()
            let cookie = this.U64()
            let payload = this.Receive(int (this.U32()))

            let error =
                if kind >= 0x8000 then
                    int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(payload, 0, 4)))
                else
                    0L

            {
                Flags = flags
                Kind = kind
                Cookie = cookie
                Error = error
                Payload = payload
            }
        | magic -> failtestf "magic %x" magic

    /// One request without data either way, and the error it gets.
    member this.Outcome(command, flags, offset, length) =
        this.Request(command, flags, 77UL, offset, length)
        let chunk = this.Chunk()
        Expect.equal chunk.Cookie 77UL "the cookie comes back"
        chunk.Error

    interface IDisposable with
        member _.Dispose() = socket.Dispose()

/// A client that has chosen an export, with simple replies.
let simple path name =
    let client = new Client(path)
    client.Greet 3L
    client.Go name |> ignore
    client

/// A client that has chosen an export, with structured replies and base:allocation.
let structured path name =
    let client = new Client(path)
    client.Greet 3L
    client.Structured()
    Expect.equal (client.SetAllocation name |> List.last).Kind ack "base:allocation"
    client.Go name |> ignore
    client
