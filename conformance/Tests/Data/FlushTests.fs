/// Flushes and resizes as they reach the host: what is made durable, when, and what is refused.
module internal Ashlar.Conformance.Tests.Data.FlushTests

open System
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Data.Stacks

let private none = Unchecked.defaultof<IRemoteExportConnector | null>

/// A memory host that counts the flushes of its files.
type private CountingHost(inner: MemoryHostFiles) =
    member val Flushes = 0 with get, set

    interface IHostFiles with
        member this.Open(path, mode, file) =
            let mutable opened: HostFile | null = null
            let errno = inner.Open(path, mode, &opened)

            match opened with
            | null -> ()
            | opened ->
                file <- {
                    new HostFile() with
                        member _.Identity = opened.Identity
                        member _.Length = opened.Length
                        member _.IsWritable = opened.IsWritable
                        member _.Read(offset, buffer) = opened.Read(offset, buffer)
                        member _.Write(offset, buffer) = opened.Write(offset, buffer)
                        member _.WriteZeroes(offset, count) = opened.WriteZeroes(offset, count)

                        member _.Flush() =
                            this.Flushes <- this.Flushes + 1
                            opened.Flush()

                        member _.Truncate length = opened.Truncate length
                        member _.LockShared offset = opened.LockShared offset
                        member _.Unlock offset = opened.Unlock offset
                        member _.IsLockedByOthers offset = opened.IsLockedByOthers offset
                        member _.Dispose() = opened.Dispose()
                }

            errno

let private image () =
    let host = hostWith []
    addImage host "i" (Qcow2CreationOptions(SizeBytes = 65536L, ClusterBytes = 4096))
    host

let private isClean (host: MemoryHostFiles) =
    let inode = there (host.Find "i")
    let bytes = Array.zeroCreate<byte>(int inode.LengthBytes)
    inode.ReadAsOutsider(0L, Span bytes)
    let report = Soundness.check bytes
    report.Corruptions.IsEmpty && report.Leaks.IsEmpty

let private addImageNode (stack: Stack) fileOptions =
    stack.Add(node "file" "f" ([ "filename", text "i" ] @ fileOptions))
    stack.Add(node "qcow2" "n" [ "file", text "f" ])

let private flushing =
    test "a flush writes the tables back and reaches the file, unless told not to (BLK-DATA-012)" {
        for noFlush in [ false; true ] do
            let host = image ()
            let counting = CountingHost host
            use stack = new Stack(counting, none)
            addImageNode stack [ "cache", group [ "no-flush", flag noFlush ] ]
            let user = stack.User("n", readsAndWrites)
            writeBytes user 0L (Array.create 8192 1uy)
            flush user
            Expect.isTrue (isClean host) "what the file holds after a flush"
            Expect.equal (counting.Flushes > 0) (not noFlush) "flushes of the host's file"
    }

let private closing =
    test "closing a node writes its tables back, also of a renamed file (BLK-DATA-005)" {
        let host = image ()

        do
            use stack = new Stack(host, none)
            addImageNode stack []
            let user = stack.User("n", readsAndWrites)
            writeBytes user 0L (Array.create 8192 1uy)
            host.Rename("i", "elsewhere") |> ignore

        host.Rename("elsewhere", "i") |> ignore
        Expect.isTrue (isClean host) "what the file holds after closing"
        use stack = new Stack(host, none)
        addImageNode stack []
        expectAll (stack.User("n", BlockPermissions.ConsistentRead)) 0L 8192 1uy
    }

let private readOnly =
    test "a read-only node has nothing to flush and changes nothing (BLK-DATA-012)" {
        let host = image ()
        let counting = CountingHost host
        use stack = new Stack(counting, none)
        stack.Add(node "file" "f" [ "filename", text "i" ])
        stack.Add(node "qcow2" "n" [ "file", text "f"; "read-only", flag true ])
        let user = stack.User("n", BlockPermissions.ConsistentRead)
        expectAll user 0L 4096 0uy
        flush user
        Expect.equal counting.Flushes 0 "flushes"
    }

let private resizing =
    testList "resize" [
        test "sizes and texts of the refusals (BLK-SIZE-003)" {
            let host = image ()
            host.Create("r", MemoryContent.Zeroes 4096L) |> ignore
            use stack = new Stack(host, none)
            addImageNode stack []
            host.Create("s", MemoryContent.Zeroes 4096L) |> ignore
            stack.Add(file "r" "r")
            stack.Add(file "s" "s")
            let window = [ "file", text "r"; "size", number 1024L ]
            stack.Add(node "raw" "w" window)

            let expect name size refusal =
                Expect.equal (stack.TryResize(name, size)) (Some refusal) $"{name} to {size}"

            expect "n" 1000L "The new size must be a multiple of 512"
            expect "w" 2048L "Cannot resize fixed-size raw disks"
            let tooLarge = "offset(9223372036854775807) exceeds maximum(9223372035781033984)"
            expect "s" Int64.MaxValue tooLarge
            expect "n" (1L <<< 50) "Failed to grow the L1 table: File too large"
            Expect.equal (stack.Length "n") 65536L "length of the image"
            Expect.equal (stack.Length "r") 4096L "length of the file"
        }
        test "a file of any length counts in sectors (BLK-DATA-011, BLK-SIZE-004)" {
            let host = hostWith [ "r", 4096, 1uy ]
            use stack = new Stack(host, none)
            stack.Add(file "r" "r")
            stack.Resize("r", 1000L)
            Expect.equal (stack.Length "r") 1024L "length"
            Expect.equal (there (host.Find "r")).LengthBytes 1000L "the file's own length"
            let user = stack.User("r", readsAndWrites)
            Expect.equal (readBytes user 999L 2) [| 1uy; 0uy |] "around the end"
            writeBytes user 1023L [| 2uy |]
            Expect.equal (stack.Length "r") 1024L "length after writing the last byte"
        }
        test "an image that shrinks and grows shows zeroes, and keeps no clusters (BLK-SIZE-006)" {
            let host = image ()
            use stack = new Stack(host, none)
            addImageNode stack []
            let user = stack.User("n", readsAndWrites)
            writeBytes user 0L (Array.create 65536 1uy)
            stack.Resize("n", 1536L)
            stack.Resize("n", 65536L)
            expectAll user 0L 1536 1uy
            expectAll user 1536L 64000 0uy
            flush user
            Expect.isTrue (isClean host) "what the file holds"
        }
    ]

let tests = testList "flush and resize" [ flushing; closing; readOnly; resizing ]
