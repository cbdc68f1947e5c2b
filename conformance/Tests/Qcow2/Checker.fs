/// A second opinion on a qcow2 file: counts every reference from the tables and compares with the
/// stored counts. It shares no code with the engine; `qemu-img check` is the third opinion.
module internal Ashlar.Conformance.Tests.Qcow2.Checker

open System.Buffers.Binary
open System.Collections.Generic

/// What is wrong: errors damage an image, leaks only waste room.
type Verdict = { Errors: string list; Leaks: int64 list }

let private u32 (bytes: byte[]) (at: int64) =
    if at + 4L <= bytes.LongLength then
        BinaryPrimitives.ReadUInt32BigEndian(System.ReadOnlySpan(bytes, int at, 4))
    else
        0u

let private u64 (bytes: byte[]) (at: int64) =
    if at + 8L <= bytes.LongLength then
        BinaryPrimitives.ReadUInt64BigEndian(System.ReadOnlySpan(bytes, int at, 8))
    else
        0UL

let private offsetMask = 0x00fffffffffffe00UL
let private copied = 1UL <<< 63

let private byteAt (bytes: byte[]) (at: int64) =
    if at < bytes.LongLength then bytes[int at] else 0uy

/// The stored count of an entry of a refcount block, 1 to 64 bits wide.
let private storedCount (bytes: byte[]) (block: int64) (index: int64) order =
    let bit = index <<< order
    let first = block + (bit >>> 3)

    if order < 3 then
        let mask = byte ((1 <<< (1 <<< order)) - 1)
        uint64 ((byteAt bytes first >>> int (bit &&& 7L)) &&& mask)
    else
        let mutable count = 0UL

        for at in first .. first + (1L <<< (order - 3)) - 1L do
            count <- (count <<< 8) ||| uint64 (byteAt bytes at)

        count

/// Checks the bytes of a file.
let check (bytes: byte[]) =
    let errors = List<string>()
    let bits = int (u32 bytes 20L)
    let cluster = 1L <<< bits
    let version = u32 bytes 4L
    let order = if version = 2u then 4 else int (u32 bytes 96L)
    let counts = Dictionary<int64, int>()
    let pointers = List<int64 * bool>()

    let countOf cluster =
        match counts.TryGetValue cluster with
        | true, count -> count
        | _ -> 0

    let reference what (offset: int64) (length: int64) =
        if offset &&& (cluster - 1L) <> 0L then
            errors.Add $"{what} at {offset:x} is unaligned"

        if offset + length - bytes.LongLength >= cluster then
            errors.Add $"{what} at {offset:x} is beyond the file's end"
        else
            for c in offset >>> bits .. (offset + length - 1L) >>> bits do
                counts[c] <- 1 + countOf c

    reference "header" 0L cluster
    let l1 = int64 (u64 bytes 40L)
    let l1Entries = int64 (u32 bytes 36L)
    reference "L1 table" l1 (l1Entries * 8L)
    let table = int64 (u64 bytes 48L)
    let tableBytes = int64 (u32 bytes 56L) <<< bits
    reference "refcount table" table tableBytes

    for index in 0L .. tableBytes / 8L - 1L do
        let block = int64 (u64 bytes (table + index * 8L))

        if block <> 0L then
            reference "refcount block" block cluster

    for i in 0L .. l1Entries - 1L do
        let entry = u64 bytes (l1 + i * 8L)
        let l2 = int64 (entry &&& offsetMask)

        if l2 <> 0L then
            reference "L2 table" l2 cluster
            pointers.Add(l2, entry &&& copied <> 0UL)

            for j in 0L .. cluster / 8L - 1L do
                let entry = u64 bytes (l2 + j * 8L)
                let host = int64 (entry &&& offsetMask)

                if entry &&& 1UL <> 0UL && version = 2u then
                    errors.Add $"zero cluster in version 2: {entry:x}"

                if host <> 0L then
                    reference "data" host cluster
                    pointers.Add(host, entry &&& copied <> 0UL)

    let perBlock = cluster * 8L >>> order

    let stored (c: int64) =
        let index = c / perBlock

        if index * 8L >= tableBytes then
            0UL
        else
            match int64 (u64 bytes (table + index * 8L)) with
            | 0L -> 0UL
            | block -> storedCount bytes block (c % perBlock) order

    let leaks = List<int64>()
    let last = max (bytes.LongLength >>> bits) (Seq.fold max 0L counts.Keys)

    for c in 0L .. last do
        let used = uint64 (countOf c)
        let count = stored c

        if count < used then
            errors.Add $"cluster {c:x} has count {count} and {used} references"
        elif count > used then
            leaks.Add c

    for offset, isCopied in pointers do
        if isCopied <> (stored (offset >>> bits) = 1UL) then
            errors.Add $"the copied flag of {offset:x} is {isCopied}"

    { Errors = List.ofSeq errors; Leaks = List.ofSeq leaks }
