/// Requests and their answers, byte by byte (BLK-NBD-011 to BLK-NBD-016).
module Ashlar.Conformance.Tests.Nbd.TransmissionTests

open System
open System.Buffers.Binary
open Expecto
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Nbd.Serving
open Ashlar.Conformance.Tests.Nbd.Client

let private size = 256 * 1024
let private content = pattern size 1
let private read, write, flush, trim, cache, zero, status = 0, 1, 3, 4, 5, 6, 7
let private fua, noHole, df, one, fast = 1, 2, 4, 8, 16
let private eperm, einval, enospc = 1L, 22L, 28L

/// `disk`, writable, and `fixed`, read-only, over a file of 256 KiB without holes.
let private withExports body =
    withServer (fun served ->
        served.AddFile("disk", content)
        served.AddFile("fixed", content)
        served.Export("disk", true) |> ignore
        served.Export("fixed", false) |> ignore
        body served)

let private withSimple body =
    withExports (fun served ->
        use client = simple served.Path "disk"
        body client)

let private readSimple (client: Client) offset length =
    client.Request(read, 0, 5UL, uint64 offset, int64 length)
    Expect.equal (client.Simple()) (5UL, 0L) "a READ"
    client.Receive length

let private writeSimple (client: Client) flags offset (bytes: byte[]) =
    client.Request(write, flags, 6UL, uint64 offset, bytes.Length)
    client.Send [ bytes ]
    Expect.equal (client.Simple()) (6UL, 0L) "a WRITE"

let private mb32 = 32L * 1024L * 1024L

let private refusals = [
    "a READ of more than 32 MiB", read, 0, 0UL, mb32 + 1L, einval
    "a CACHE of more than 32 MiB", cache, 0, 0UL, mb32 + 1L, einval
    "a READ behind the end", read, 0, uint64 size, 1L, einval
    "a READ across the end", read, 0, uint64 size - 1UL, 2L, einval
    "a READ at an offset beyond all", read, 0, UInt64.MaxValue, 1L, einval
    "a TRIM behind the end", trim, 0, uint64 size, 1L, einval
    "a WRITE_ZEROES behind the end", zero, 0, uint64 size, 1L, enospc
    "a WRITE_ZEROES of 4 GiB", zero, 0, 0UL, 0xffffffffL, enospc
    "a READ with DF without chunks", read, df, 0UL, 1L, einval
    "a READ with NO_HOLE", read, noHole, 0UL, 1L, einval
    "a TRIM with FAST_ZERO", trim, fast, 0UL, 1L, einval
    "a FLUSH with an unknown flag", flush, 0x8000, 0UL, 0L, einval
    "an unknown command", 8, 0, 0UL, 0L, einval
    "the command of all ones", 0xffff, 0, 0UL, 0L, einval
    "BLOCK_STATUS without a context", status, 0, 0UL, 512L, einval
]

let private zeroed (client: Client) =
    for flags in [ 0; noHole; fua ] do
        writeSimple client 0 1000 (Array.create 3000 9uy)
        Expect.equal (client.Outcome(zero, flags, 2000UL, 1000L)) 0L "WRITE_ZEROES"

        let expected =
            Array.init 3000 (fun index -> if index >= 1000 && index < 2000 then 0uy else 9uy)

        Expect.equal (readSimple client 1000 3000) expected "BLK-NBD-014"

/// Whether zeroing is fast is the node's to say; what is not fast is not done.
let private fastZeroed (served: Served) =
    for name in [ "disk"; "below" ] do
        served.AddFile(name, Array.create 65536 9uy)

    served.Command(fun () ->
        served.Stack.Add(
            node "quorum" "slow" [ "vote-threshold", number 1L; "children", many [ text "below" ] ]
        ))

    for name in [ "disk"; "slow" ] do
        served.Export(name, true) |> ignore

    use slow = simple served.Path "slow"
    Expect.equal (slow.Outcome(zero, fast, 4096UL, 4096L)) 95L "BLK-NBD-014: ENOTSUP"
    Expect.equal (readSimple slow 4096 4096) (Array.create 4096 9uy) "and nothing done"
    use disk = simple served.Path "disk"

    for flags in [ fast; fast ||| noHole; fast ||| fua ] do
        writeSimple disk 0 4096 (Array.create 4096 9uy)
        let outcome = disk.Outcome(zero, flags, 4096UL, 4096L)
        // A host that cannot says so and leaves the bytes.
        Expect.contains [ 0L; 95L ] outcome "BLK-NBD-014"
        let left = if outcome = 0L then 0uy else 9uy
        Expect.equal (readSimple disk 4096 4096) (Array.create 4096 left) "BLK-DATA-017"

let private together (client: Client) =
    let count = 200

    for index in 0 .. count - 1 do
        client.Request(read, 0, uint64 index, uint64 (index * 512), 512L)

    let seen =
        Set.ofList [
            for _ in 1..count do
                let cookie, error = client.Simple()
                Expect.equal error 0L "READ"
                let start = int cookie * 512
                Expect.equal (client.Receive 512) content[start .. start + 511] "its own bytes"
                cookie
        ]

    Expect.equal seen.Count count "BLK-NBD-010: every request is answered once"

/// Chunks of one request until the last, checked to be in order and without gaps.
let private chunks (client: Client) flags offset length =
    client.Request(read, flags, 9UL, uint64 offset, int64 length)

    let rec more expected found =
        let chunk = client.Chunk()
        Expect.equal chunk.Cookie 9UL "cookie"
        let at = int (BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(chunk.Payload, 0, 8)))
        Expect.equal at expected "BLK-NBD-012: in order"

        let part =
            match chunk.Kind with
            | 1 -> false, chunk.Payload[8..]
            | 2 ->
                let span = ReadOnlySpan(chunk.Payload, 8, 4)
                true, Array.zeroCreate (int (BinaryPrimitives.ReadUInt32BigEndian span))
            | kind -> failtestf "a chunk of kind %d" kind

        let found = part :: found
        let next = expected + (snd part).Length
        if chunk.Flags = 1 then List.rev found else more next found

    more offset []

let private sparse (served: Served) =
    use client = structured served.Path "disk"
    Expect.equal (client.Outcome(zero, 0, 65536UL, 65536L)) 0L "a hole"
    Expect.equal (client.Outcome(trim, 0, 65536UL, 65536L)) 0L "that is one in the file"
    let all = chunks client 0 0 size
    let bytes = Array.concat (List.map snd all)
    let expected = Array.copy content
    Array.Clear(expected, 65536, 65536)
    Expect.equal bytes expected "BLK-NBD-012: the bytes"

    let holes = all |> List.filter fst |> List.sumBy (snd >> Array.length)

    Expect.equal holes 65536 "BLK-NBD-012: the hole is told"
    Expect.equal (chunks client df 0 size |> List.map fst) [ false ] "DF: one chunk of bytes"
    Expect.equal (chunks client 0 65536 512 |> List.map fst) [ false ] "a short read: one too"
    client.Request(read, 0, 3UL, 0UL, 0L)
    let empty = client.Chunk()
    Expect.equal (empty.Kind, empty.Flags) (0, 1) "nothing: one chunk without a content"

let private extents (client: Client) flags offset length =
    client.Request(status, flags, 4UL, uint64 offset, length)
    let chunk = client.Chunk()
    Expect.equal (chunk.Kind, chunk.Flags) (5, 1) "block status"
    Expect.equal chunk.Payload[..3] (u32 0) "the context"

    [
        for at in 4..8 .. chunk.Payload.Length - 8 ->
            BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(chunk.Payload, at, 4)),
            BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(chunk.Payload, at + 4, 4))
    ]

let private allocation (served: Served) =
    use client = structured served.Path "disk"
    Expect.equal (extents client 0 0 size) [ uint32 size, 0u ] "all data"
    Expect.equal (client.Outcome(trim, 0, 65536UL, 65536L)) 0L "a hole"

    Expect.equal
        (extents client 0 0 size)
        [ 65536u, 0u; 65536u, 3u; 131072u, 0u ]
        "BLK-NBD-015: a hole is hole and zero"

    Expect.equal (extents client one 1000 (int64 (size - 1000))) [ 64536u, 0u ] "REQ_ONE"

let private readOnly (served: Served) =
    use client = simple served.Path "fixed"

    for command in [ trim; zero ] do
        Expect.equal (client.Outcome(command, 0, 0UL, 512L)) eperm "BLK-NBD-011"

    client.Request(write, 0, 8UL, 0UL, 512L)
    client.Send [ Array.create 512 1uy ]
    Expect.equal (client.Simple()) (8UL, eperm) "BLK-NBD-011"
    Expect.equal (readSimple client 0 512) content[..511] "nothing was written"

let private texts (served: Served) =
    use client = structured served.Path "fixed"
    client.Request(zero, 0, 1UL, 0UL, 512L)
    let chunk = client.Chunk()
    let text = Text.Encoding.UTF8.GetString(chunk.Payload, 6, chunk.Payload.Length - 6)
    Expect.equal (chunk.Error, text) (eperm, "Export is read-only") "BLK-NBD-016: with its text"

/// The host refuses what the graph asks: the answer is the host's number.
let private hostErrors (served: Served) =
    let path = IO.Path.Combine(served.Directory, "short.img")
    IO.File.WriteAllBytes(path, content)

    served.Command(fun () ->
        served.Stack.Add(
            node "raw" "short" [
                "size", number size
                "file", node "file" "short-file" [ "filename", text path ]
            ]
        ))

    served.Export("short", true) |> ignore
    use client = simple served.Path "short"
    use file = IO.File.OpenWrite path
    file.SetLength 0L
    // The window outlives its child; what lies behind the child's end needs a right to grow it.
    client.Request(write, 0, 2UL, 0UL, 512L)
    client.Send [ Array.create 512 1uy ]
    Expect.equal (snd (client.Simple()) > 0L) true "BLK-NBD-016: an error, and the connection lives"
    Expect.equal (client.Outcome(flush, 0, 0UL, 0L)) 0L "the next request"

let tests =
    testList "transmission" [
        test "what was written is read" {
            withSimple (fun client ->
                Expect.equal (readSimple client 0 size) content "all of it"
                writeSimple client 0 511 (pattern 70000 3)
                writeSimple client fua 0 (pattern 100 4)

                let expected =
                    Array.concat [
                        pattern 100 4
                        content[100..510]
                        pattern 70000 3
                        content[70511..]
                    ]

                Expect.equal (readSimple client 0 size) expected "BLK-NBD-013"
                Expect.equal (client.Outcome(flush, 0, 0UL, 0L)) 0L "FLUSH"
                Expect.equal (client.Outcome(cache, 0, 0UL, int64 size)) 0L "CACHE"
                Expect.equal (readSimple client size 0) [||] "nothing, at the end")
        }
        for name, command, flags, offset, length, error in refusals do
            test $"refused, and the connection goes on: {name}" {
                withSimple (fun client ->
                    Expect.equal
                        (client.Outcome(command, flags, offset, length))
                        error
                        "BLK-NBD-011"

                    Expect.equal (readSimple client 0 16) content[..15] "the next request")
            }
        test "a WRITE behind the end is refused after its payload" {
            withSimple (fun client ->
                client.Request(write, 0, 1UL, uint64 size - 1UL, 2L)
                client.Send [ [| 1uy; 2uy |] ]
                Expect.equal (client.Simple()) (1UL, enospc) "BLK-NBD-011"
                Expect.equal (readSimple client (size - 1) 1) content[size - 1 ..] "unchanged")
        }
        test "WRITE_ZEROES makes zeroes" { withSimple zeroed }
        test "FAST_ZERO makes them or does nothing" { withServer fastZeroed }
        test "many requests at once are all answered" { withSimple together }
        test "a read-only export takes no change" { withExports readOnly }
        test "holes come as chunks of their own" { withExports sparse }
        test "extents tell data from holes" { withExports allocation }
        test "a refusal has a text" { withExports texts }
        test "a refusal of the host is an error of the request" { withExports hostErrors }
    ]
