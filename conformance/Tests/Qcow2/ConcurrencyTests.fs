/// Many requests at once on one image, over a file that answers in any order: all within one event
/// loop, so that a seed shows the same order again (BLK-DATA-018).
module internal Ashlar.Conformance.Tests.Qcow2.ConcurrencyTests

open System
open System.Collections.Generic
open System.Threading.Tasks
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.CrashLog
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// A file whose requests are done when somebody says so, and that keeps a log of them.
type private SlowFile(inner: HostFile, random: Random) =
    inherit HostFile()
    let waiting = List<unit -> unit>()

    member val IsSlow = false with get, set
    member val Log = List<Change>()

    /// How many requests were waiting at once, at most.
    member val Most = 0 with get, set

    /// Does one of the requests that wait.
    member _.Step() =
        if waiting.Count > 0 then
            let index = random.Next waiting.Count
            let next = waiting[index]
            waiting.RemoveAt index
            next ()

    member private this.Later(work: unit -> HostErrno) =
        if this.IsSlow then
            let answer = TaskCompletionSource<HostErrno>()
            waiting.Add(fun () -> answer.SetResult(work ()))
            this.Most <- max this.Most waiting.Count
            ValueTask<HostErrno>(answer.Task)
        else
            ValueTask<HostErrno>(work ())

    override _.Identity = inner.Identity
    override _.Length = inner.Length
    override _.IsWritable = inner.IsWritable
    override _.Read(offset, buffer) = inner.Read(offset, buffer)

    override this.Write(offset, buffer) =
        this.Log.Add(Change.Write(offset, buffer.ToArray()))
        inner.Write(offset, buffer)

    override this.WriteZeroes(offset, length) =
        this.Log.Add(Change.Zero(offset, length))
        inner.WriteZeroes(offset, length)

    override this.Flush() =
        this.Log.Add(Change.Flush this.Log.Count)
        inner.Flush()

    override this.ReadAsync(offset, buffer) = this.Later(fun () -> this.Read(offset, buffer.Span))

    override this.WriteAsync(offset, buffer) = this.Later(fun () -> this.Write(offset, buffer.Span))

    override this.WriteZeroesAsync(offset, length) =
        this.Later(fun () -> this.WriteZeroes(offset, length))

    override this.FlushAsync() =
        // It covers what had ended when it began, and no more.
        let covered = this.Log.Count

        this.Later(fun () ->
            this.Log.Add(Change.Flush covered)
            inner.Flush())

    override _.Truncate length = inner.Truncate length
    override _.LockShared offset = inner.LockShared offset
    override _.Unlock offset = inner.Unlock offset
    override _.IsLockedByOthers offset = inner.IsLockedByOthers offset
    override _.Dispose() = inner.Dispose()

/// A request on its own bytes, which are all that it may change, and what must be seen after it.
let private request (random: Random) (subject: Subject) from till : Task =
    let image = subject.Image
    let length = till - from

    let orFail what (request: ValueTask<BlockError | null>) : Task =
        task {
            let! refusal = request
            Images.orFail what (Option.ofObj refusal)
        }

    match random.Next 8 with
    | 0
    | 1
    | 2
    | 3 ->
        let bytes = Array.zeroCreate<byte> length
        random.NextBytes bytes
        Array.blit bytes 0 subject.Expected from length
        orFail "write" (image.WriteAsync(int64 from, ReadOnlyMemory bytes))
    | 4 ->
        Array.fill subject.Expected from length 0uy
        let mayUnmap = random.Next 2 = 0
        orFail "zeroes" (image.WriteZeroesAsync(int64 from, int64 length, mayUnmap))
    | 5 when random.Next 2 = 0 ->
        let from, till = wholeClusters subject from till
        let bytes = Array.zeroCreate<byte>(till - from)
        drawCompressible random bytes
        Array.blit bytes 0 subject.Expected from bytes.Length
        orFail "packed" (image.WriteCompressedAsync(int64 from, ReadOnlyMemory bytes))
    | 5 -> orFail "own" (image.OwnAsync(int64 from, int64 length))
    | _ ->
        let expected = Array.sub subject.Expected from length

        task {
            let buffer = Array.create length 0xA5uy
            do! orFail "read" (image.ReadAsync(int64 from, Memory buffer))

            if buffer <> expected then
                failwith $"a read of {length} bytes at {from} shows what others write"
        }

/// Requests on all parts of the disk at once. The parts meet anywhere, also inside clusters.
let private round (random: Random) (subject: Subject) : Task =
    let size = subject.Expected.Length
    let around = random.Next size
    let reach = min size (subject.Image.ClusterBytes * (1 + random.Next 6))

    let cuts =
        [ for _ in 0 .. 4 + random.Next 20 -> min size (around + random.Next reach) ]
        |> List.distinct
        |> List.sort

    let requests = cuts |> List.pairwise |> List.map (fun (a, b) -> request random subject a b)

    let flush: Task =
        if random.Next 2 = 0 then
            subject.Image.WriteBackAsync().AsTask()
        else
            Task.CompletedTask

    Task.WhenAll(flush :: requests)

let private inLoop (file: SlowFile) (body: unit -> Task) =
    use loop = new IoThread("concurrency")
    let mutable isOver = false

    let rec step () =
        if not isOver then
            file.Step()
            loop.Post(Action step)

    let run () : Task =
        task {
            loop.Post(Action step)

            try
                do! body ()
            finally
                isOver <- true
        }

    if not (loop.RunAsync(Func<Task> run).Wait(TimeSpan.FromMinutes 1.0)) then
        failwith "the requests wait for each other for ever"

let private withBacking (random: Random) =
    if random.Next 2 = 0 then
        None
    else
        let _, file = newImage (drawOptions random)
        let backing = Scenario.start file None

        for _ in 1..6 do
            step random backing

        Some backing

let private scenario (random: Random) =
    let backing = withBacking random
    let host, plain = newImage (drawOptions random)
    let start = (there (host.Find "image")).Freeze()
    let file = new SlowFile(plain, random)
    let subject = Scenario.start file backing

    for _ in 0 .. random.Next 6 do
        file.IsSlow <- true
        inLoop file (fun () -> round random subject)
        file.IsSlow <- false

    compare subject 0 subject.Expected.Length

    for _ in 1..6 do
        let length = random.Next(file.Log.Count + 1)
        let after = crash random start file.Log length
        Soundness.expectSound $"after {length} of {file.Log.Count} changes" (bytesOf after)

    reopen subject
    compare subject 0 subject.Expected.Length
    Soundness.expectClean "at rest" (bytesOf plain)

/// How many of 16 transfers on one image are at the file together.
let private together (isAllocated: bool) =
    let size = 16 * 65536
    let _, plain = newImage (Qcow2CreationOptions(SizeBytes = int64 size))
    let file = new SlowFile(plain, Random 1)
    let image = openOn file

    // The tables' pages are in the cache then.
    write image 0L (Array.create (if isAllocated then size else 65536) 1uy)
    let bytes = ReadOnlyMemory(Array.create 4096 2uy)

    file.IsSlow <- true

    inLoop file (fun () ->
        [ for index in 0..15 -> image.WriteAsync(int64 index * 65536L, bytes) ]
        |> List.map (fun request -> request.AsTask() :> Task)
        |> Task.WhenAll)

    file.Most

let tests =
    testList "requests at once" [
        let name = "requests that share clusters are as if one after the other (BLK-DATA-018)"
        test name { Seeds.forSeeds name 300 scenario }

        test "data moves side by side, into old clusters and new ones (BLK-DATA-018)" {
            Expect.equal (together true) 16 "in place"
            Expect.equal (together false) 16 "into new clusters"
        }
    ]
