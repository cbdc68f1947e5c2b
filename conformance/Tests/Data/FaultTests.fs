/// Requests that fail at any moment lose nothing that was flushed, and damage no image: blkdebug
/// under qcow2, one event after the other.
module internal Ashlar.Conformance.Tests.Data.FaultTests

open System
open System.Collections.Generic
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Data.Stacks

let private imageBytes = 512 * 1024
let private none = Unchecked.defaultof<IRemoteExportConnector | null>

let private openStack (host: MemoryHostFiles) rules =
    let stack = new Stack(host, none)
    stack.Graph.Debugging["d"] <- BlkdebugSettings(Rules = (List.toArray rules))
    stack.Add(file "f" "i")
    stack.Add(node "blkdebug" "d" [ "image", text "f" ])
    stack.Add(node "file" "b" [ "filename", text "b"; "read-only", flag true ])
    stack.Add(node "qcow2" "n" [ "file", text "d"; "backing", text "b"; "discard", text "unmap" ])
    stack

/// What a disk must read as, as far as that is known.
type private Disk = { Bytes: byte[]; Known: bool[] }

let private copy disk = { Bytes = Array.copy disk.Bytes; Known = Array.copy disk.Known }

/// The kind of change that is a compressed write, which is of whole clusters.
let private packed = 2

let private largestCluster = 4096

/// What the backing reads as, so that a cluster taken is one copied.
let private below = 0x5Auy

let private wait' (request: Threading.Tasks.ValueTask<BlockError | null>) = wait request

/// One write, zero write or discard; after a failure its range may read as anything.
let private change (random: Random) (user: BlockBackend) (disk: Disk) (flushed: Disk) =
    let kind = random.Next 7
    let unit = if kind = packed then largestCluster else 1
    let from = random.Next(imageBytes / unit) * unit
    let length = min (imageBytes - from) ((1 + random.Next(40_000 / unit)) * unit)
    // What was flushed is replaced from here on, whether this is accepted or not.
    Array.fill flushed.Known from length false

    let write flags =
        let value = byte (1 + random.Next 255)
        let bytes = ReadOnlyMemory(Array.create length value)
        wait' (user.TryWriteAsync(int64 from, bytes, flags)), value

    let refusal, value =
        match kind with
        | 0 -> wait' (user.TryWriteZeroesAsync(int64 from, int64 length)), 0uy
        | 1 ->
            let zeroes = BlockWriteFlags.MayUnmap
            wait' (user.TryWriteZeroesAsync(int64 from, int64 length, zeroes)), 0uy
        | kind when kind = packed -> write BlockWriteFlags.Compressed
        | _ -> write BlockWriteFlags.None

    Array.fill disk.Bytes from length value
    Array.fill disk.Known from length refusal.IsNone
    refusal.IsSome

let private expectKnown what (found: byte[]) (disk: Disk) =
    for at in 0 .. found.Length - 1 do
        if disk.Known[at] && found[at] <> disk.Bytes[at] then
            failwith $"{what}: byte {at} is {found[at]}, not {disk.Bytes[at]}"

let private fileBytes (host: MemoryHostFiles) =
    let inode = there (host.Find "i")
    let bytes = Array.zeroCreate<byte>(int inode.LengthBytes)
    inode.ReadAsOutsider(0L, Span bytes)
    bytes

/// A run with these rules; whether any request failed.
let private run (random: Random) rules =
    let host = hostWith [ "b", imageBytes, below ]
    let cluster = 512 <<< random.Next 4
    let options = Qcow2CreationOptions(SizeBytes = int64 imageBytes, ClusterBytes = cluster)
    addImage host "i" options
    let start = Array.create imageBytes below
    let disk = { Bytes = start; Known = Array.create imageBytes true }
    let mutable flushed = copy disk
    let mutable failures = 0

    do
        use stack = openStack host rules
        let user = stack.User("n", readsAndWrites)

        for _ in 1..24 do
            match random.Next 6 with
            | 5 ->
                // Behind what is looked at, but for the tables that move.
                let longer = stack.Length "n" + int64 (512 * (1 + random.Next 200))

                if (stack.TryResize("n", longer)).IsSome then
                    failures <- failures + 1
            | 0 ->
                match wait' (user.TryFlushAsync()) with
                | None -> flushed <- copy disk
                | Some _ -> failures <- failures + 1
            | 1 ->
                let buffer = Array.zeroCreate<byte> imageBytes

                match tryRead user 0L buffer with
                | None -> expectKnown "while it runs" buffer disk
                | Some _ -> failures <- failures + 1
            | _ ->
                if change random user disk flushed then
                    failures <- failures + 1

    // The rules are gone with the graph, and so is what was never flushed.
    Soundness.expectSound "after the run" (fileBytes host)
    use stack = openStack host []
    let user = stack.User("n", readsAndWrites)
    expectKnown "what was flushed" (readBytes user 0L imageBytes) flushed
    failures > 0

/// The moments of a run; the others are those of features that it does not use.
let private reached = [
    BlockDebugEvent.L1Update
    BlockDebugEvent.L1GrowAllocTable
    BlockDebugEvent.L1GrowWriteTable
    BlockDebugEvent.L1GrowActivateTable
    BlockDebugEvent.L2Update
    BlockDebugEvent.L2AllocWrite
    BlockDebugEvent.ReadAio
    BlockDebugEvent.WriteAio
    BlockDebugEvent.CowRead
    BlockDebugEvent.CowWrite
    BlockDebugEvent.RefblockUpdatePart
    BlockDebugEvent.ClusterAlloc
    BlockDebugEvent.FlushToOs
    BlockDebugEvent.FlushToDisk
    BlockDebugEvent.Pwritev
    BlockDebugEvent.PwritevDone
]

let private everywhere =
    let name =
        "errors at every event lose no flush and damage nothing (BLK-DEBUG-001, BLK-DEBUG-002)"

    test name {
        let failed = HashSet<BlockDebugEvent>()

        Seeds.forSeeds name 2 (fun random ->
            // What fails at once keeps the node from being opened.
            for event in Enum.GetValues<BlockDebugEvent>() |> Seq.except [ BlockDebugEvent.None ] do
                for errno in [ HostErrno.NoSpace; HostErrno.Io ] do
                    for once in [ true; false ] do
                        for requests in [ BlkdebugRequests.Usual; BlkdebugRequests.Flush ] do
                            let rule =
                                BlkdebugRule(
                                    event,
                                    Errno = errno,
                                    IsOnce = once,
                                    Requests = requests
                                )

                            if run random [ rule ] then
                                failed.Add event |> ignore)

        for event in reached do
            Expect.isTrue (failed.Contains event) $"{event} lets nothing fail"
    }

let private states =
    test "rules count in their state, once, over their sector (BLK-DEBUG-002)" {
        let rules = [
            BlkdebugRule(BlockDebugEvent.WriteAio, 1, NewState = 2)
            BlkdebugRule(BlockDebugEvent.ReadAio, 2, Errno = HostErrno.NoSpace, IsOnce = true)
            BlkdebugRule(
                BlockDebugEvent.FlushToDisk,
                0,
                OffsetBytes = 5120L,
                Requests = BlkdebugRequests.Read
            )
        ]

        let host = hostWith []
        host.Create("i", MemoryContent.Empty) |> ignore
        use stack = new Stack(host, none)
        stack.Graph.Debugging["d"] <- BlkdebugSettings(Rules = (List.toArray rules))
        stack.Add(file "f" "i")
        stack.Add(node "blkdebug" "d" [ "image", text "f" ])
        stack.Add(node "raw" "n" [ "file", text "d" ])
        let user = stack.User("n", readsAndWrites ||| BlockPermissions.Resize)
        stack.Resize("n", 65536L)
        let buffer = Array.zeroCreate<byte> 512
        Expect.isNone (tryRead user 0L buffer) "in the first state"
        writeBytes user 0L buffer
        Expect.equal (tryRead user 0L buffer) (Some "No space left on device") "in the second"
        Expect.isNone (tryRead user 0L buffer) "the rule is gone"
        Expect.isNone (wait' (user.TryFlushAsync())) "a flush is no read"
        Expect.isNone (tryRead user 4608L buffer) "before the sector"
        Expect.equal (tryRead user 5120L buffer) (Some "Input/output error") "the sector"
    }

let tests = testList "faults" [ everywhere; states ]
