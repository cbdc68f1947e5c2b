/// A crash at any moment leaves an image without errors: every prefix of what was written, with
/// writes since the last flush lost at random, is checked (BLK-DATA-013).
module internal Ashlar.Conformance.Tests.Qcow2.CrashTests

open System
open System.Collections.Generic
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.CrashLog
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// A file that keeps a log of what reaches it.
type private RecordingFile(inner: HostFile) =
    inherit HostFile()
    member val Log = List<Change>()
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

    override _.Truncate length = inner.Truncate length
    override _.LockShared offset = inner.LockShared offset
    override _.Unlock offset = inner.Unlock offset
    override _.IsLockedByOthers offset = inner.IsLockedByOthers offset
    override _.Dispose() = inner.Dispose()

/// What must survive: the content at the last flush, where nothing was asked for since.
type private Durable = { LogLength: int; Content: byte[] }

let private scenario (random: Random) =
    let options = drawOptions random
    let host, plain = newImage options
    let start = (there (host.Find "image")).Freeze()
    let file = new RecordingFile(plain)
    let subject = Scenario.start file None
    let durable = List<Durable>()
    durable.Add { LogLength = 0; Content = Array.copy subject.Expected }

    for _ in 1 .. 4 + random.Next 20 do
        step random subject

        if random.Next 3 = 0 then
            writeBack subject
            subject.File.Flush() |> ignore
            let content = Array.copy subject.Expected
            durable.Add { LogLength = file.Log.Count; Content = content }

    for _ in 1..8 do
        let length = random.Next(file.Log.Count + 1)
        let after = crash random start file.Log length
        Soundness.expectSound $"after {length} of {file.Log.Count} changes" (bytesOf after)

        // Right after a flush, what was flushed is there.
        match Seq.tryFind (fun d -> d.LogLength = length) durable with
        | Some expected ->
            let found = read (openOn after) 0L expected.Content.Length

            if found <> expected.Content then
                failwith $"what was flushed is lost after {length} changes"
        | None -> ()

    for point in durable do
        let after = crash random start file.Log point.LogLength
        let found = read (openOn after) 0L point.Content.Length

        if found <> point.Content then
            failwith $"what was flushed is lost after {point.LogLength} changes"

let tests =
    let name = "a crash leaves leaks at most, and what was flushed (BLK-DATA-013)"
    test name { Seeds.forSeeds name 200 scenario }
