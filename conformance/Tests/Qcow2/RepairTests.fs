/// Repairs of damaged images: counts and bits are right afterwards, the guest's bytes stay, and a
/// repair that is cut can be repeated (FMT-QCOW2-810, FMT-QCOW2-811, FMT-QCOW2-812, FMT-QCOW2-813).
module internal Ashlar.Conformance.Tests.Qcow2.RepairTests

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.Threading.Tasks
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.CrashLog
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// A file that keeps what is done to it.
type Recording(file: HostFile, log: List<Change>) =
    inherit ImageStorage()
    let inner = HostFileStorage file
    override _.LengthBytes = inner.LengthBytes
    override _.ReadAsync(offset, buffer) = inner.ReadAsync(offset, buffer)

    override _.WriteAsync(offset, buffer) =
        log.Add(Change.Write(offset, buffer.ToArray()))
        inner.WriteAsync(offset, buffer)

    override _.WriteZeroesAsync(offset, length) =
        log.Add(Change.Zero(offset, length))
        inner.WriteZeroesAsync(offset, length)

    override _.FlushAsync() =
        log.Add(Change.Flush log.Count)
        ValueTask<BlockError | null>()

let fileOf (bytes: byte[]) =
    let host = MemoryHostFiles()
    host.Create("image", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
    openFile host "image"

let private openForCheck (storage: ImageStorage) =
    let mutable image: Qcow2Image | null = null

    match Qcow2Image.Open(storage, true, &image) with
    | null -> there image
    | refusal -> failwith $"open: {refusal.Text}"

let private checkOn storage fixes =
    use image = openForCheck storage
    let struct (result, error) = image.CheckAsync(fixes).AsTask().GetAwaiter().GetResult()
    result, Option.ofObj error

/// A word of a file; beyond its end there are zeroes.
let at64 (bytes: byte[]) (offset: int) =
    if offset < 0 || offset > bytes.Length - 8 then
        0UL
    else
        BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, offset, 8))

let private put64 (bytes: byte[]) (offset: int) (value: uint64) =
    BinaryPrimitives.WriteUInt64BigEndian(Span(bytes, offset, 8), value)

let private copied = 1UL <<< 63
let private compressed = 1UL <<< 62
let placeMask = 0x00fffffffffffe00UL

/// Where the words of the disk's tables stand: of L1 those that point, of their L2 tables all that
/// have a place in standard clusters.
let private words (bytes: byte[]) =
    let cluster = 1 <<< int bytes[23]
    let entries = int (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, 36, 4)))
    let place offset = int (at64 bytes offset &&& placeMask)

    let upper = [
        for index in 0 .. entries - 1 do
            let offset = int (at64 bytes 40) + 8 * index

            if place offset <> 0 then
                offset
    ]

    let lower = [
        for offset in upper do
            for index in 0 .. cluster / 8 - 1 do
                let entry = place offset + 8 * index

                if entry + 8 <= bytes.Length then
                    if at64 bytes entry &&& compressed = 0UL && place entry <> 0 then
                        entry
    ]

    upper, lower

let private pick (random: Random) (list: int list) act =
    if not list.IsEmpty then
        act (list[random.Next list.Length])

/// Damage that a repair undoes whole.
let private damage (random: Random) (bytes: byte[]) =
    let table = int (at64 bytes 48)
    let cluster = 1 <<< int bytes[23]

    let entries = [
        for index in 0 .. cluster / 8 - 1 do
            if at64 bytes (table + 8 * index) <> 0UL then
                table + 8 * index
    ]

    let blocks = [
        for entry in entries do
            let block = int (at64 bytes entry)

            if block + cluster <= bytes.Length then
                block
    ]

    let upper, lower = words bytes

    for _ in 1 .. 1 + random.Next 4 do
        match random.Next 9 with
        | 0 ->
            pick random blocks (fun block ->
                for _ in 0 .. random.Next 4 do
                    bytes[block + random.Next(min cluster 128)] <- byte (random.Next 4))
        | 1 -> pick random upper (fun at -> put64 bytes at (at64 bytes at ^^^ copied))
        | 2 -> pick random lower (fun at -> put64 bytes at (at64 bytes at ^^^ copied))
        | 3 -> pick random entries (fun at -> put64 bytes at 0UL)
        | 4 -> pick random entries (fun at -> put64 bytes at (at64 bytes at ||| 512UL))
        | 5 -> pick random entries (fun at -> put64 bytes at (at64 bytes at ||| 1UL))
        | 6 -> pick random entries (fun at -> put64 bytes at (1UL <<< 40))
        | 7 -> put64 bytes 48 (uint64 (random.Next(1, 4 + bytes.Length / cluster) * cluster))
        | _ when bytes[7] = 3uy -> bytes[79] <- bytes[79] ||| byte (random.Next 4)
        | _ -> ()

/// Damage that stays, because nobody knows what was meant.
let private damageForGood (random: Random) (bytes: byte[]) =
    let cluster = 1 <<< int bytes[23]
    let upper, lower = words bytes
    let beyond () = (bytes.Length + cluster - 1) / cluster + random.Next 5

    for _ in 1 .. 1 + random.Next 3 do
        match random.Next 4 with
        | 0 -> pick random lower (fun at -> put64 bytes at (copied + uint64 (beyond () * cluster)))
        | 1 when cluster > 512 ->
            pick random lower (fun at -> put64 bytes at (at64 bytes at ||| 512UL))
        | 2 when cluster > 512 ->
            pick random upper (fun at -> put64 bytes at (at64 bytes at ||| 512UL))
        | _ -> pick random upper (fun at -> put64 bytes at (1UL <<< 45))

let private draw (random: Random) =
    let options = drawOptions random
    let _, file = newImage options
    let subject = Scenario.start file None

    for _ in 1 .. 1 + random.Next 12 do
        step random subject

    writeBack subject
    bytesOf file

let private sector = 512

/// What a guest reads, sector by sector; what is refused is nothing.
let private guest (bytes: byte[]) =
    use image = openForCheck (HostFileStorage(fileOf bytes))

    [|
        for at in 0L .. int64 sector .. image.GuestLengthBytes - 1L do
            let buffer = Array.zeroCreate<byte> sector

            match image.ReadAsync(at, Memory buffer) |> wait with
            | None -> Some buffer
            | Some _ -> None
    |]

let private expectKept (what: string) (before: byte[] option[]) (bytes: byte[]) =
    let after = guest bytes

    for index in 0 .. before.Length - 1 do
        if before[index].IsSome && after[index] <> before[index] then
            failwith $"{what}: sector {index} of the guest is another one"

let private repaired (bytes: byte[]) =
    let log = List<Change>()
    let file = fileOf bytes
    let result, error = checkOn (Recording(file, log)) Qcow2Fixes.All
    error |> orFail "the repair"
    result, bytesOf file, log

let private mending (random: Random) =
    let bytes = draw random
    damage random bytes
    let before = guest bytes
    let result, after, log = repaired bytes
    Expect.equal result.Corruptions 0L (String.concat "\n" result.Lines)
    expectKept "repaired" before after
    Soundness.expectClean "repaired" after

    if bytes[7] = 3uy then
        Expect.equal (after[79] &&& 3uy) 0uy "the bits dirty and corrupt"

    // FMT-QCOW2-813
    for _ in 1..4 do
        let cut =
            crash random (MemoryContent.Of(ReadOnlySpan bytes)) log (random.Next(log.Count + 1))

        let left = bytesOf cut
        expectKept "cut" before left
        let _, again, _ = repaired left
        expectKept "repaired again" before again
        Soundness.expectClean "repaired again" again

let private keeping (random: Random) =
    let bytes = draw random
    damageForGood random bytes

    if random.Next 2 = 0 then
        damage random bytes

    let before = guest bytes
    let _, after, log = repaired bytes
    expectKept "repaired" before after
    let cut = crash random (MemoryContent.Of(ReadOnlySpan bytes)) log (random.Next(log.Count + 1))
    expectKept "cut" before (bytesOf cut)
    let result, again, _ = repaired after
    Expect.equal (result.CorruptionsFixed, result.LeaksFixed) (0L, 0L) "a second repair"
    Expect.equal again after "a second repair"

/// An image of four data clusters, with the offset of its first L2 table.
let small () =
    let _, file = newImage (Qcow2CreationOptions(SizeBytes = 1048576L))
    let image = openOn file
    write image 0L (Array.init 262144 (fun at -> byte (1 + at / 65536)))
    image.WriteBackAsync() |> wait |> orFail "write back"
    image.Dispose()
    let bytes = bytesOf file
    bytes, int (at64 bytes (int (at64 bytes 40)) &&& placeMask)

let private unreachable =
    test "what an entry that cannot be followed may have meant is kept (FMT-QCOW2-812)" {
        let bytes, _ = small ()
        let l1 = int (at64 bytes 40)
        let entry = at64 bytes l1
        put64 bytes l1 (entry ||| 512UL)

        for fixes in [ Qcow2Fixes.Leaks; Qcow2Fixes.All ] do
            let file = fileOf bytes
            let result, error = checkOn (HostFileStorage file) fixes
            error |> orFail "the repair"
            Expect.equal result.Leaks 5L "what looks leaked"
            let mended = bytesOf file
            put64 mended l1 entry
            Soundness.expectClean "the entry mended" mended
    }

let private beyond =
    test "no block is put where an entry beyond the file points (FMT-QCOW2-811)" {
        let bytes, l2 = small ()
        put64 bytes (l2 + 8 * 5) (copied + uint64 ((bytes.Length + 65535) / 65536 * 65536))
        put64 bytes (int (at64 bytes 48)) 0UL
        let result, after, _ = repaired bytes
        Expect.equal result.Corruptions 0L "corruptions left"
        Soundness.expectClean "repaired" after
        let image = openOn (fileOf after)
        Expect.equal (read image 327680L 65536) (Array.zeroCreate 65536) "what the guest reads"
    }

let private zeroes =
    test "an unaligned entry that means zeroes loses its place (FMT-QCOW2-810)" {
        let bytes, l2 = small ()
        put64 bytes l2 (at64 bytes l2 ||| 513UL)
        let result, after, _ = repaired bytes
        Expect.equal (result.Corruptions, result.CorruptionsFixed) (0L, 1L) "corruptions"
        Expect.equal (at64 after l2) 1UL "the entry"
        Soundness.expectClean "repaired" after
    }

let private leaks =
    test "a repair of leaks leaves the rest, and refuses what needs a new structure" {
        let bytes, l2 = small ()
        let block = int (at64 bytes (int (at64 bytes 48)))
        let firstData = int (at64 bytes l2 &&& placeMask) / 65536
        bytes[block + 2 * 20 + 1] <- 1uy
        bytes[block + 2 * firstData + 1] <- 2uy
        put64 bytes l2 (at64 bytes l2 &&& ~~~copied)
        put64 bytes (l2 + 8) (at64 bytes (l2 + 8) &&& ~~~copied)
        let file = fileOf (Array.append bytes (Array.zeroCreate (21 * 65536 - bytes.Length)))
        let result, error = checkOn (HostFileStorage file) Qcow2Fixes.Leaks
        error |> orFail "the repair"
        Expect.equal (result.LeaksFixed, result.CorruptionsFixed) (2L, 2L) "what was repaired"
        Soundness.expectClean "repaired" (bytesOf file)
        put64 bytes (int (at64 bytes 48)) 0UL
        let broken = fileOf bytes
        let result, error = checkOn (HostFileStorage broken) Qcow2Fixes.Leaks
        Expect.equal (error |> Option.map _.Text) (Some "Input/output error") "the refusal"
        Expect.equal result.CheckErrors 1L "errors"
        Expect.equal (bytesOf broken) bytes "the file"
    }

let private missing =
    test "an image without a refcount table gets one (FMT-QCOW2-811)" {
        let bytes, _ = small ()
        let before = guest bytes
        bytes[56..59] <- [| 0uy; 0uy; 0uy; 0uy |]
        let _, after, _ = repaired bytes
        expectKept "repaired" before after
        Soundness.expectClean "repaired" after
    }

let tests =
    testList "repairs" [
        let mended = "random damage is repaired, whole or cut (FMT-QCOW2-810, FMT-QCOW2-813)"
        test mended { Seeds.forSeeds mended 60 mending }
        let kept = "what cannot be repaired stays as it is (FMT-QCOW2-810)"
        test kept { Seeds.forSeeds kept 60 keeping }
        unreachable
        beyond
        zeroes
        leaks
        missing
    ]
