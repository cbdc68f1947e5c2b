/// The data path of each driver, in a graph, by what its users read.
module internal Ashlar.Conformance.Tests.Data.DriverTests

open System
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Data.Stacks

let private none = Unchecked.defaultof<IRemoteExportConnector | null>

let private permissions =
    test "a request needs its permission, before its bounds are looked at (BLK-DATA-001, -002)" {
        use stack = new Stack(hostWith [ "f", 4096, 1uy ], none)
        stack.Add(file "n" "f")
        let reader = stack.User("n", BlockPermissions.ConsistentRead)
        let writer = stack.User("n", BlockPermissions.Write)

        let lacks (user: BlockBackend) what =
            Some $"Operation not permitted: block device '{user.Name}' lacks the {what} permission"

        Expect.equal (tryWrite reader 9999L [| 2uy |]) (lacks reader "write") "write"
        Expect.equal (tryZero reader 0L 1L) (lacks reader "write") "write zeroes"
        Expect.equal (tryRead writer 0L [| 0uy |]) (lacks writer "consistent read") "read"

        for offset, length in [ 4096L, 1; 4095L, 2; -1L, 1; Int64.MaxValue, 1 ] do
            let bytes = Array.zeroCreate<byte> length
            Expect.equal (tryRead reader offset bytes) (Some "Input/output error") "read outside"
            Expect.equal (tryWrite writer offset bytes) (Some "Input/output error") "write outside"

        Expect.equal (tryZero writer 0L -1L) (Some "Input/output error") "a negative length"
        Expect.isNone (tryRead reader 4096L [||]) "nothing at the end"
        expectAll reader 0L 4096 1uy
        flush reader
    }

let private rawWindow =
    test "raw adds its offset and ends with its window (BLK-DATA-004)" {
        use stack = new Stack(hostWith [ "f", 8192, 1uy ], none)
        stack.Add(file "f" "f")

        stack.Add(
            node "raw" "window" [ "file", text "f"; "offset", number 1024L; "size", number 2048L ]
        )

        stack.Add(node "raw" "rest" [ "file", text "f"; "offset", number 4096L ])
        Expect.equal (stack.Length "window") 2048L "length of the window"
        Expect.equal (stack.Length "rest") 4096L "length of the rest"
        let user = stack.User("window", readsAndWrites)
        writeBytes user 0L [| 2uy |]
        Expect.isNone (tryZero user 2047L 1L) "zero the last byte"
        let below = stack.User("f", BlockPermissions.ConsistentRead)
        Expect.equal (readBytes below 1023L 2) [| 1uy; 2uy |] "the first byte"
        Expect.equal (readBytes below 3071L 2) [| 0uy; 1uy |] "the last byte"
    }

let private filters =
    test "throttle, blkdebug and raw show their child's bytes at the same offsets (BLK-DATA-009)" {
        use stack = new Stack(hostWith [ "f", 4096, 1uy ], none)
        stack.Add(file "f" "f")
        stack.Add(node "blkdebug" "b" [ "image", text "f" ])
        stack.Add(node "throttle" "t" [ "throttle-group", text "tg"; "file", text "b" ])
        stack.Add(node "raw" "r" [ "file", text "t" ])
        let user = stack.User("r", readsAndWrites)
        writeBytes user 100L [| 2uy |]
        Expect.isNone (tryZero user 101L 1L) "zero"
        let below = stack.User("f", BlockPermissions.ConsistentRead)
        Expect.equal (readBytes below 99L 4) [| 1uy; 2uy; 0uy; 1uy |] "bytes below"
        stack.Resize("r", 8192L)
        Expect.equal (stack.Length "f") 8192L "resized through all of them (BLK-SIZE-003)"
    }

let private nullCo =
    test "null-co reads as zeroes, forgets writes and cannot be resized (BLK-DATA-008)" {
        use stack = new Stack(hostWith [], none)
        stack.Add(node "null-co" "n" [])
        Expect.equal (stack.Length "n") 1073741824L "length"
        let user = stack.User("n", readsAndWrites)
        writeBytes user 0L [| 1uy |]
        expectAll user 0L 16 0uy
        let text = "Image format driver does not support resize"
        Expect.equal (stack.TryResize("n", 1L)) (Some text) "resize (BLK-SIZE-003)"
    }

/// A backing of ones under an image with clusters of 4 KiB.
let private overlay () =
    let host = hostWith [ "below", 16384, 1uy; "other", 16384, 2uy ]
    addImage host "top" (Qcow2CreationOptions(SizeBytes = 16384L, ClusterBytes = 4096))
    host

let private topOptions below = node "qcow2" "top" [ "file", text "topfile"; "backing", text below ]

let private onOverlay body =
    use stack = new Stack(overlay (), none)
    stack.Add(file "topfile" "top")
    stack.Add(file "below" "below")
    stack.Add(file "other" "other")
    stack.Add(topOptions "below")
    body stack

let private owning =
    test "a write makes its cluster the overlay's own, and no other (BLK-DATA-005)" {
        onOverlay (fun stack ->
            let user = stack.User("top", readsAndWrites)
            writeBytes user 5000L [| 9uy |]
            Expect.isNone (tryZero user 8192L 1L) "zero one byte"
            stack.Reopen(topOptions "other")
            expectAll user 0L 4096 2uy
            expectAll user 4096L 904 1uy
            Expect.equal (readBytes user 5000L 2) [| 9uy; 1uy |] "the written cluster"
            Expect.equal (readBytes user 8192L 2) [| 0uy; 1uy |] "the zeroed cluster"
            expectAll user 12288L 4096 2uy)
    }

let private copyOnRead =
    test "a read through copy-on-read makes what it touches the child's own (BLK-DATA-006)" {
        onOverlay (fun stack ->
            stack.Add(node "raw" "r" [ "file", text "top" ])
            stack.Add(node "copy-on-read" "c" [ "file", text "r" ])
            let user = stack.User("c", BlockPermissions.ConsistentRead)
            expectAll user 4095L 2 1uy
            stack.Reopen(topOptions "other")
            expectAll user 0L 8192 1uy
            let plain = stack.User("top", BlockPermissions.ConsistentRead)
            expectAll plain 0L 8192 1uy
            expectAll plain 8192L 8192 2uy)
    }

let private onQuorum extra body =
    let files = [ for i in 0..2 -> $"f{i}", 4096, byte (if i = 1 then 7 else 1) ]
    use stack = new Stack(hostWith files, none)

    for i in 0..2 do
        stack.Add(file $"f{i}" $"f{i}")

    let children = many [ for i in 0..2 -> text $"f{i}" ]
    stack.Add(node "quorum" "q" ([ "children", children ] @ extra))
    body stack

let private quorum =
    testList "quorum (BLK-DATA-007)" [
        test "the version most children hold wins, and is written to the others when asked" {
            let options = [ "vote-threshold", number 2L; "rewrite-corrupted", flag true ]

            onQuorum options (fun stack ->
                let user = stack.User("q", BlockPermissions.ConsistentRead)
                expectAll user 0L 512 1uy
                let second = stack.User("f1", BlockPermissions.ConsistentRead)
                expectAll second 0L 512 1uy
                expectAll second 512L 512 7uy)
        }
        test "without enough equal answers a read fails" {
            onQuorum [ "vote-threshold", number 3L ] (fun stack ->
                let user = stack.User("q", BlockPermissions.ConsistentRead)
                let refusal = tryRead user 0L [| 0uy |]
                Expect.equal refusal (Some "Input/output error") "read")
        }
        test "among equals the version whose first holder comes later wins" {
            onQuorum [ "vote-threshold", number 1L ] (fun stack ->
                let third = stack.User("q", readsAndWrites)
                writeBytes third 0L [| 3uy |]
                expectAll third 0L 1 3uy
                // Two hold 1 and one holds 7, so 1 wins whatever the threshold.
                expectAll third 1L 512 1uy)
        }
        test "fifo takes the first child's answer" {
            let options = [ "vote-threshold", number 1L; "read-pattern", text "fifo" ]

            onQuorum options (fun stack ->
                expectAll (stack.User("q", BlockPermissions.ConsistentRead)) 0L 512 1uy)
        }
        test "writes reach every child" {
            onQuorum [ "vote-threshold", number 3L ] (fun stack ->
                let user = stack.User("q", readsAndWrites)
                writeBytes user 0L [| 5uy; 5uy |]
                Expect.isNone (tryZero user 1L 1L) "zero"
                flush user

                for i in 0..2 do
                    let child = stack.User($"f{i}", BlockPermissions.ConsistentRead)
                    Expect.equal (readBytes child 0L 2) [| 5uy; 0uy |] $"child {i}")
        }
    ]

let private nbd =
    test "nbd reads and writes its export, whose length is rounded up (BLK-DATA-011)" {
        let remotes = MemoryRemoteExports()
        let address = RemoteExportAddress("sock", null, null, "e")
        let bytes = Array.create 1000 1uy
        let inode = remotes.Add(address, MemoryContent.Of(ReadOnlySpan bytes), false)
        use stack = new Stack(hostWith [], remotes)
        let server = group [ "type", text "unix"; "path", text "sock" ]
        stack.Add(node "nbd" "n" [ "server", server; "export", text "e" ])
        Expect.equal (stack.Length "n") 1024L "length"
        let user = stack.User("n", readsAndWrites)
        writeBytes user 998L [| 2uy; 2uy; 0uy |]
        Expect.equal (readBytes user 997L 5) [| 1uy; 2uy; 2uy; 0uy; 0uy |] "bytes"
        Expect.equal inode.LengthBytes 1000L "the export did not grow"
        Expect.equal (stack.TryResize("n", 2048L)) (Some "Cannot grow NBD nodes") "growing"
        stack.Resize("n", 512L)
        Expect.equal (stack.Length "n") 1024L "shrinking has no effect"
    }

let private nested =
    test "an image inside an image grows it as it needs (BLK-DATA-005)" {
        let host = hostWith []
        addImage host "outer" (Qcow2CreationOptions(SizeBytes = 65536L, ClusterBytes = 512))
        use stack = new Stack(host, none)
        stack.Add(file "f" "outer")
        stack.Add(node "qcow2" "outer" [ "file", text "f" ])
        let options = Qcow2CreationOptions(SizeBytes = 1048576L, ClusterBytes = 4096)
        let mutable content = MemoryContent.Empty
        Expect.isTrue (isNull (Qcow2Creation.TryCreate(options, &content))) "create"

        do
            let bytes = Array.zeroCreate<byte>(int content.LengthBytes)
            let other = MemoryHostFiles()
            (other.Create("x", content)).ReadAsOutsider(0L, Span bytes)
            let user = stack.User("outer", readsAndWrites)
            writeBytes user 0L bytes
            stack.Detach user

        stack.Add(node "qcow2" "inner" [ "file", text "outer" ])
        let user = stack.User("inner", readsAndWrites)

        for at in 0L..4096L..262143L do
            writeBytes user at (Array.create 4096 (byte (at / 4096L)))

        for at in 0L..4096L..262143L do
            expectAll user at 4096 (byte (at / 4096L))

        Expect.isGreaterThan (stack.Length "outer") 262144L "the outer image has grown"
    }

let tests =
    testList "data" [
        permissions
        rawWindow
        filters
        nullCo
        owning
        copyOnRead
        quorum
        nbd
        nested
    ]
