/// The handshake, byte by byte (BLK-NBD-004 to BLK-NBD-007).
module Ashlar.Conformance.Tests.Nbd.HandshakeTests

open System.Buffers.Binary
open System.Text
open Expecto
open Ashlar.Conformance.Tests.Nbd.Serving
open Ashlar.Conformance.Tests.Nbd.Client

/// A writable export `disk` of 1,024 bytes, described, and a read-only one `fixed`.
let private withExports body =
    withServer (fun served ->
        served.AddFile("disk", pattern 1024 1)
        served.AddFile("fixed", pattern 512 2)
        served.Export("disk", true, "a disk") |> ignore
        served.Export("fixed", false) |> ignore
        body served)

let private greeted (served: Served) =
    let client = new Client(served.Path)
    client.Greet 3L
    client

let private withClient body =
    withExports (fun served ->
        use client = greeted served
        body client)

let private listed (reply: OptionReply) =
    let length =
        int (BinaryPrimitives.ReadUInt32BigEndian(System.ReadOnlySpan(reply.Payload, 0, 4)))

    Encoding.UTF8.GetString(reply.Payload, 4, length),
    Encoding.UTF8.GetString(reply.Payload, 4 + length, reply.Payload.Length - 4 - length)

let private goodbye (client: Client) =
    Expect.equal (client.Ask(2L, [||]) |> List.map _.Kind) [ ack ] "ABORT is acknowledged"
    Expect.isTrue (client.IsClosed()) "BLK-NBD-004: and ends the connection"

let private infos (replies: OptionReply list) =
    replies
    |> List.filter (fun reply -> reply.Kind = info)
    |> List.map (fun reply -> int reply.Payload[1], reply.Payload[2..])

/// What INFO says about `disk` and `fixed` when all is asked for.
let private says (client: Client) =
    let all = Array.concat [ u16 4; u16 0; u16 1; u16 2; u16 3 ]
    let sizes = Array.concat [ u32 1; u32 4096; u32 33554432 ]
    let disk = client.Ask(6L, Array.append (sized (ascii "disk")) all)
    // has-flags, flush, FUA, trim, write-zeroes, multi-conn, cache, fast-zero
    let flags = 1 ||| 4 ||| 8 ||| 32 ||| 64 ||| 256 ||| 1024 ||| 2048

    Expect.equal
        (infos disk)
        [ 1, ascii "disk"; 2, ascii "a disk"; 3, sizes; 0, Array.append (u64 1024UL) (u16 flags) ]
        "BLK-NBD-006: a writable export"

    let fixed' = client.Ask(6L, Array.append (sized (ascii "fixed")) (u16 0))
    let flags = 1 ||| 2 ||| 4 ||| 8 ||| 256 ||| 1024

    Expect.equal
        (infos fixed')
        [ 3, sizes; 0, Array.append (u64 512UL) (u16 flags) ]
        "BLK-NBD-006: a read-only export"

    client.Structured()
    let again = client.Ask(6L, Array.append (sized (ascii "fixed")) (u16 0))
    let export = infos again |> List.find (fst >> (=) 0) |> snd
    Expect.equal export[8..] (u16 (flags ||| 128)) "DF comes with structured replies"

let private malformed = [
    "a name longer than the option",
    7L,
    Array.append (u32 100) (ascii "disk"),
    "Inconsistent lengths in option go"

    "no name at all", 6L, [||], "Inconsistent lengths in option info"

    "more after the end",
    6L,
    Array.concat [ sized (ascii "disk"); u16 0; [| 1uy |] ],
    "option 'info' has unexpected length"

    "fewer wishes than announced",
    7L,
    Array.concat [ sized (ascii "disk"); u16 3; u16 1 ],
    "Inconsistent lengths in option go"

    "a name too long for a name",
    7L,
    Array.concat [ u32 4097; Array.create 4097 65uy; u16 0 ],
    "Invalid name length: 4097"

    "a name with a zero in it",
    7L,
    Array.append (sized [| 65uy; 0uy |]) (u16 0),
    "Unexpected embedded NUL in option go"

    "LIST with a payload", 3L, [| 1uy |], "option 'list' has unexpected length"

    "queries that are not there",
    9L,
    Array.append (sized (ascii "disk")) (u32 0xffffffffL),
    "Inconsistent lengths in option list meta context"

    "a context without structured replies",
    10L,
    Array.append (sized (ascii "disk")) (u32 0),
    "request option 'set meta context' when structured reply is not negotiated"
]

let private contextsOf (replies: OptionReply list) =
    replies
    |> List.filter (fun reply -> reply.Kind = metaContext)
    |> List.map (fun reply -> Encoding.ASCII.GetString(reply.Payload, 4, reply.Payload.Length - 4))

let private contexts (client: Client) =
    let ask option queries =
        let queries = queries |> List.map (ascii >> sized)
        let payload = sized (ascii "disk") :: u32 queries.Length :: queries
        client.Ask(option, Array.concat payload) |> contextsOf

    let one = [ "base:allocation" ]
    Expect.equal (ask 9L []) one "BLK-NBD-007: no query lists all"
    Expect.equal (ask 9L [ "base:" ]) one "a namespace lists what is in it"
    Expect.equal (ask 9L [ "x:y"; "base:allocation" ]) one "what is not known is passed over"
    Expect.equal (ask 9L [ "qemu:"; String.replicate 5000 "x" ]) [] "and so is what is too long"
    client.Structured()
    Expect.equal (ask 10L []) [] "BLK-NBD-007: setting takes names"
    Expect.equal (ask 10L [ "base:" ]) [] "not namespaces"
    Expect.equal (ask 10L one) one "setting one"

let private closing = [
    "flags that are not known", (fun (client: Client) -> client.Send [ u32 4 ])
    "a wrong magic number", (fun client -> client.Send [ u32 3; u64 0UL; u32 3; u32 0 ])
    "an option of more than 32 MiB",
    (fun client -> client.Send [ u32 3; optionMagic; u32 3; u32 33554433 ])
    "EXPORT_NAME of no export",
    (fun client -> client.Send [ u32 3; optionMagic; u32 1; sized (ascii "none") ])
    "EXPORT_NAME of 4,097 bytes",
    (fun client -> client.Send [ u32 3; optionMagic; u32 1; u32 4097 ])
    "an option without fixed newstyle",
    (fun client -> client.Send [ u32 0; optionMagic; u32 3; u32 0 ])
]

let private oldest (served: Served) flags reserved =
    use client = new Client(served.Path)
    client.Greet flags
    client.Send [ optionMagic; u32 1; sized (ascii "disk") ]
    Expect.equal (client.U64()) 1024UL "size"
    Expect.equal (client.U16() &&& 1) 1 "flags"
    Expect.equal (client.Receive reserved) (Array.zeroCreate reserved) "reserved bytes"
    Expect.equal (client.Outcome(3, 0, 0UL, 0L)) 0L "and requests after them"

let tests =
    testList "handshake" [
        test "LIST names the exports, oldest first" {
            withClient (fun client ->
                let replies = client.Ask(3L, [||])

                Expect.equal
                    (replies |> List.take 2 |> List.map listed)
                    [ "disk", "a disk"; "fixed", "" ]
                    "names and descriptions"

                goodbye client)
        }
        test "INFO says what an export is" { withClient says }
        test "an export that is not there is unknown" {
            withClient (fun client ->
                let ask name = client.Refusal(7L, Array.append (sized (ascii name)) (u16 0))
                Expect.equal (ask "none") (unknown, "export 'none' not present") "BLK-NBD-006"
                let long = String.replicate 90 "x"
                let shown = String.replicate 80 "x" + "..."
                Expect.equal (ask long) (unknown, $"export '{shown}' not present") "cut"
                Expect.equal (fst (client.Go "disk")) 1024UL "and another can be chosen")
        }
        test "what is not supported is refused, and the handshake goes on" {
            withClient (fun client ->
                Expect.equal
                    (client.Refusal(99L, Array.create 5000 1uy))
                    (unsupported, "Unsupported option 99 (<unknown>)")
                    "BLK-NBD-004"

                Expect.equal
                    (client.Refusal(5L, [||]))
                    (policy, "TLS not configured")
                    "BLK-NBD-004"

                client.Structured()

                Expect.equal
                    (client.Refusal(8L, [||]))
                    (invalid, "structured reply already negotiated")
                    "BLK-NBD-005"

                goodbye client)
        }
        test "the base:allocation context is listed and set" { withClient contexts }
        test "EXPORT_NAME with and without the reserved zeroes" {
            withExports (fun served ->
                oldest served 3L 0
                oldest served 1L 124
                oldest served 0L 124)
        }
        for name, option, payload, text in malformed do
            test $"a malformed option: {name}" {
                withClient (fun client ->
                    Expect.equal (client.Refusal(option, payload)) (invalid, text) "BLK-NBD-005"
                    goodbye client)
            }
        for name, say in closing do
            test $"the connection is closed: {name}" {
                withExports (fun served ->
                    use client = new Client(served.Path)
                    client.Receive 18 |> ignore
                    say client
                    Expect.isTrue (client.IsClosed()) "BLK-NBD-004")
            }
    ]
