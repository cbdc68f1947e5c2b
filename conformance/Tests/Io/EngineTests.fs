/// Every way to the kernel moves the same bytes, from a loop and from outside of one, alone and in
/// crowds (BLK-IO-001, BLK-IO-002, BLK-IO-009).
module Ashlar.Conformance.Tests.Io.EngineTests

open System
open System.IO
open System.Threading.Tasks
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2

let private modes = [
    for engine in [ AioEngine.Threads; AioEngine.Native; AioEngine.IoUring ] do
        for direct in [ false; true ] do
            if direct || engine <> AioEngine.Native then
                let cache = if direct then " past the cache" else ""
                $"{engine}{cache}", HostFileMode(true, direct, engine)
]

let private expectDone what (errno: HostErrno) = Expect.equal errno HostErrno.None what

/// A file of a kind, or a skipped test where the file system has no such thing.
let private openIn directory (mode: HostFileMode) (bytes: byte[]) =
    let path = Path.Combine(directory, "f")
    File.WriteAllBytes(path, bytes)
    let mutable file: HostFile | null = null

    match LinuxHostFiles.Instance.Open(path, mode, &file), file with
    | HostErrno.None, NonNull file -> file
    | HostErrno.Invalid, _ when mode.Direct -> skiptest "the file system has no direct transfers"
    | errno, _ -> failtest (HostErrnoText.Of errno)

/// A part of a crowd's work: at most one writes any byte.
type private Part = { Offset: int; Length: int; Writes: bool }

/// Neighbours of odd lengths, so that most share their blocks with others.
let private crowd (random: Random) (size: int) =
    let rec parts offset =
        let length = 1 + random.Next(if random.Next 4 = 0 then 9000 else 700)

        if offset + length > size then
            []
        else
            { Offset = offset; Length = length; Writes = random.Next 3 > 0 }
            :: parts (offset + length + random.Next 3)

    let all = Array.ofList (parts (random.Next 5000))
    random.Shuffle all
    all

/// One crowd, all at once; afterwards every byte is as the one that wrote it says.
let private round (random: Random) (file: HostFile) (expected: byte[]) =
    task {
        let before = Array.copy expected

        let work = [
            for part in crowd random (expected.Length + 20_000) do
                // Memory of any address, with room on both sides.
                let memory = Memory(Array.zeroCreate<byte>(part.Length + 64), 7, part.Length)

                if part.Writes then
                    random.NextBytes memory.Span

                part, memory
        ]

        let last =
            work
            |> List.filter (fun (part, _) -> part.Writes)
            |> List.map (fun (part, _) -> part.Offset + part.Length)
            |> List.fold max expected.Length

        let after = Array.zeroCreate<byte> last
        Array.blit expected 0 after 0 expected.Length

        let requests = [|
            for part, memory in work do
                if part.Writes then
                    let place = Span(after, part.Offset, part.Length)
                    memory.Span.CopyTo place
                    file.WriteAsync(part.Offset, Memory.op_Implicit memory).AsTask()
                else
                    file.ReadAsync(part.Offset, memory).AsTask()
        |]

        let! ends = Task.WhenAll requests

        for errno in ends do
            expectDone "a request of the crowd" errno

        for part, memory in work do
            if not part.Writes then
                let known = Math.Clamp(before.Length - part.Offset, 0, part.Length)
                let bytes = memory.ToArray()
                let wanted = Array.sub before (min part.Offset before.Length) known
                Expect.equal (Array.sub bytes 0 known) wanted "what nobody wrote meanwhile"
                Expect.all (Array.skip known bytes) ((=) 0uy) "zeroes beyond the end"

        return after
    }

let private crowds name mode =
    test $"{name}: crowds" {
        Seeds.forSeeds $"{name}: crowds" 40 (fun random ->
            Temporary.withDirectory "engine" (fun directory ->
                let start = Array.zeroCreate<byte>(random.Next 60_000)
                random.NextBytes start

                let run () =
                    task {
                        use file = openIn directory mode start
                        let mutable expected = start

                        for _ in 1..5 do
                            let! after = round random file expected
                            expected <- after
                            let! errno = file.FlushAsync()
                            expectDone "the flush" errno
                            Expect.equal file.Length (int64 expected.Length) "the length"

                        let bytes = File.ReadAllBytes(Path.Combine(directory, "f"))
                        Expect.isTrue (bytes.AsSpan().SequenceEqual expected) "the whole file"
                    }
                    :> Task

                if random.Next 2 = 0 then
                    run().GetAwaiter().GetResult()
                else
                    use loop = new IoThread("test")
                    loop.RunAsync(run).GetAwaiter().GetResult()))
    }

let private failures name (mode: HostFileMode) =
    test $"{name}: a descriptor that may not write says so" {
        Temporary.withDirectory "engine" (fun directory ->
            let reading = HostFileMode(false, mode.Direct, mode.Engine)
            use file = openIn directory reading (Array.zeroCreate 8192)
            let write = file.WriteAsync(1L, ReadOnlyMemory(Array.zeroCreate 100)).AsTask()
            Expect.equal (write.GetAwaiter().GetResult()) HostErrno.BadDescriptor "errno")
    }

let private manyAtOnce name mode =
    test $"{name}: more at once than the kernel takes (BLK-IO-003, BLK-IO-004, BLK-IO-005)" {
        Temporary.withDirectory "engine" (fun directory ->
            let bytes = Array.init (1 <<< 20) (fun i -> byte (i >>> 9))
            use file = openIn directory mode bytes
            use loop = new IoThread("test")

            let run () =
                task {
                    let buffers = Array.init 2048 (fun _ -> Array.zeroCreate<byte> 512)

                    let! ends =
                        buffers
                        |> Array.mapi (fun i b -> file.ReadAsync(int64 i * 512L, b).AsTask())
                        |> Task.WhenAll

                    Expect.all ends ((=) HostErrno.None) "all of them"

                    buffers |> Array.iteri (fun i b -> Expect.all b ((=) (byte i)) $"sector {i}")
                }
                :> Task

            loop.RunAsync(run).GetAwaiter().GetResult())
    }

let private loops =
    testList "loops" [
        test "callbacks run once, in the order of their posting (BLK-IO-006)" {
            let seen = ResizeArray<int>()

            do
                use loop = new IoThread("test")

                for i in 1..1000 do
                    loop.Post(fun () ->
                        Expect.isTrue loop.IsCurrent "in the loop"
                        seen.Add i)

            Expect.sequenceEqual seen [ 1..1000 ] "before the loop ends"
        }
        test "timers fire in the order of their times, and not when cancelled (BLK-IO-006)" {
            use loop = new IoThread("test")
            let fired = TaskCompletionSource()
            let seen = ResizeArray<int>()

            let after (ms: float) (action: unit -> unit) =
                loop.Schedule(TimeSpan.FromMilliseconds ms, Action action)

            after 60.0 (fun () -> fired.SetResult()) |> ignore
            after 30.0 (fun () -> seen.Add 2) |> ignore
            after 10.0 (fun () -> seen.Add 1) |> ignore
            let cancelled = after 20.0 (fun () -> seen.Add 3)
            cancelled.Dispose()
            fired.Task.GetAwaiter().GetResult()
            Expect.sequenceEqual seen [ 1; 2 ] "order"
        }
        test "what awaits a file continues in its loop (BLK-IO-007)" {
            Temporary.withDirectory "engine" (fun directory ->
                for name, mode in modes do
                    use file = openIn directory mode (Array.zeroCreate 65536)
                    use loop = new IoThread("test")

                    let run () =
                        task {
                            for i in 0..15 do
                                let memory = Memory(Array.zeroCreate<byte> 4096)
                                let! errno = file.ReadAsync(int64 i * 4096L, memory)
                                expectDone name errno
                                Expect.isTrue loop.IsCurrent name
                        }
                        :> Task

                    loop.RunAsync(run).GetAwaiter().GetResult())
        }
    ]

let private noDirect =
    test "a file system without direct transfers says so (BLK-IO-008)" {
        let mutable file: HostFile | null = null
        let direct = HostFileMode(false, true)
        let errno = LinuxHostFiles.Instance.Open("/proc/version", direct, &file)
        Expect.equal errno HostErrno.Invalid "at open"
        let cached = LinuxHostFiles.Instance.Open("/proc/version", HostFileMode false, &file)
        expectDone "without" cached

        match file with
        | NonNull file ->
            use file = file
            Expect.equal (file.SetDirect true) HostErrno.Invalid "later"
        | Null -> failtest "no file"
    }

let tests =
    testList "engines" [
        noDirect
        for name, mode in modes do
            crowds name mode
            failures name mode
            manyAtOnce name mode
        loops
    ]
