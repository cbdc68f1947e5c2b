/// Loading a program: an ELF file of 64 bits into memory, and the stack with arguments and
/// environment. Everything in the file is checked before it is believed. Requirements:
/// spec/e2k/linux.md, E2K-ELF.
module Ashlar.Reference.E2k.Load

open System
open System.Buffers.Binary
open System.Text

/// Why a file is no program for this machine.
type Refusal = { Rule: string; Reason: string }

/// A program in memory, and where it begins.
type Image = {
    Entry: uint64
    /// The version of the instruction set that the file asks for, where it does.
    Version: int option
    /// The first address behind the segments.
    End: uint64
    StackLimit: uint64
    StackTop: uint64
    /// Where 16 bytes are that nobody is to foresee.
    Random: uint64
}

let private refuse rule reason : Result<'a, Refusal> = Error { Rule = rule; Reason = reason }

let private pageBytes = uint64 Memory.PageBytes

/// E2K-ELF-004: addresses that a program may use: 42 bits, the lowest 64 KiB not.
let private lowestAddress = 0x10000UL
let private addressEnd = 0x40000000000UL

/// E2K-ELF-005: the user stack: its end and its bytes.
let private stackEnd = 0x3ff00000000UL
let private stackBytes = 0x100000UL

type private Segment = {
    Offset: uint64
    Address: uint64
    InFile: uint64
    InMemory: uint64
    Allowed: Protection
}

let private read16 (file: byte[]) (at: int) =
    int (BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(file).Slice at))

let private read32 (file: byte[]) (at: int) =
    BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(file).Slice at)

let private read64 (file: byte[]) (at: int) =
    BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan(file).Slice at)

let private headerBytes = 64
let private programHeaderBytes = 56
let private loadable = 1u

/// E2K-ELF-001: the header of a static little-endian program for this machine.
let private checkHeader (file: byte[]) =
    if file.Length < headerBytes then
        refuse "E2K-ELF-001" "too short for an ELF header"
    elif read32 file 0 <> 0x464c457fu then
        refuse "E2K-ELF-001" "not an ELF file"
    elif file[4] <> 2uy || file[5] <> 1uy then
        refuse "E2K-ELF-001" "not of 64 bits, low end first"
    elif read16 file 16 <> 2 then
        refuse "E2K-ELF-001" "not a static executable"
    elif read16 file 18 <> 175 && read16 file 18 <> 49 then
        refuse "E2K-ELF-001" $"for machine {read16 file 18}, not for 175 (Elbrus)"
    elif read16 file 54 <> programHeaderBytes then
        refuse "E2K-ELF-001" "program headers of another size"
    else
        Ok()

/// E2K-ELF-002: the version that the flags name.
let private versionOf (file: byte[]) =
    match int (read32 file 48 >>> 24) with
    | 2 -> Some 2
    | 3 -> Some 3
    | 4
    | 19 -> Some 4
    | 5 -> Some 5
    | 6
    | 22 -> Some 6
    | 7 -> Some 7
    | _ -> None

let private segmentAt (file: byte[]) (at: int) : Segment option =
    if read32 file at <> loadable then
        None
    else
        let flags = read32 file (at + 4)

        Some {
            Offset = read64 file (at + 8)
            Address = read64 file (at + 16)
            InFile = read64 file (at + 32)
            InMemory = read64 file (at + 40)
            Allowed = {
                MayRead = flags &&& 4u <> 0u
                MayWrite = flags &&& 2u <> 0u
                MayExecute = flags &&& 1u <> 0u
            }
        }

let private checkSegment (file: byte[]) (segment: Segment) =
    let length = uint64 file.Length

    if segment.InFile > segment.InMemory then
        refuse "E2K-ELF-003" "a segment has more bytes in the file than in memory"
    elif
        segment.InFile > 0UL
        && (segment.Offset > length || segment.InFile > length - segment.Offset)
    then
        refuse "E2K-ELF-003" "a segment lies beyond the end of the file"
    elif
        segment.Address < lowestAddress
        || segment.Address > addressEnd
        || segment.InMemory > addressEnd - segment.Address
    then
        refuse "E2K-ELF-004" $"a segment at {segment.Address:x} is outside the address space"
    else
        Ok()

let private segmentsOf (file: byte[]) : Result<Segment list, Refusal> =
    let first, count = read64 file 32, read16 file 56
    let bytes = uint64 (count * programHeaderBytes)

    if first > uint64 file.Length || bytes > uint64 file.Length - first then
        refuse "E2K-ELF-001" "the program headers lie beyond the end of the file"
    else
        let segments =
            [ 0 .. count - 1 ]
            |> List.choose (fun index -> segmentAt file (int first + index * programHeaderBytes))

        (Ok segments, segments)
        ||> List.fold (fun sofar segment ->
            sofar
            |> Result.bind (fun _ -> checkSegment file segment |> Result.map (fun () -> segments)))

let private pagesOf (address: uint64) (bytes: uint64) =
    if bytes = 0UL then
        0UL, 0UL
    else
        address / pageBytes, (address + bytes - 1UL) / pageBytes - address / pageBytes + 1UL

/// E2K-ELF-003: segments may share a page, not a byte.
let private overlap (segments: Segment list) =
    segments
    |> List.filter (fun segment -> segment.InMemory > 0UL)
    |> List.sortBy _.Address
    |> List.pairwise
    |> List.exists (fun (low, high) -> low.Address + low.InMemory > high.Address)

let private union (a: Protection) (b: Protection) = {
    MayRead = a.MayRead || b.MayRead
    MayWrite = a.MayWrite || b.MayWrite
    MayExecute = a.MayExecute || b.MayExecute
}

let private place (memory: Memory) (file: byte[]) (segment: Segment) =
    let first, count = pagesOf segment.Address segment.InMemory

    for number in first .. first + count - 1UL do
        match memory.ProtectionOf number with
        | ValueSome other -> memory.Protect number (union other segment.Allowed)
        | ValueNone -> memory.Map number segment.Allowed

    // A segment may have nothing in the file.
    for index in 0L .. int64 segment.InFile - 1L do
        let byte = file[int segment.Offset + int index]
        memory.Write (segment.Address + uint64 index) 1 (uint64 byte)

/// E2K-ELF-006: bytes that nobody is to foresee.
let randomBytes = 16UL

/// E2K-ELF-006: what the file says of itself: its headers in memory, if they are there, and its
/// entry, as auxiliary values.
let private facts (file: byte[]) (segments: Segment list) : uint64 list =
    let headers, count = read64 file 32, read16 file 56
    let bytes = uint64 (count * programHeaderBytes)
    let entry = [ 9UL; read64 file 24 ]

    let isHolder (one: Segment) =
        one.Offset <= headers && headers + bytes <= one.Offset + one.InFile

    match segments |> List.tryFind isHolder with
    | Some holder when holder.InFile <> 0UL ->
        [
            3UL
            holder.Address + (headers - holder.Offset)
            4UL
            uint64 programHeaderBytes
            5UL
            uint64 count
        ]
        @ entry
    | _ -> entry

/// E2K-ELF-005: strings at the top, below them bytes for randomness and the vectors of argc, argv,
/// environment and the auxiliary values, the lowest aligned to 16.
let private stack (memory: Memory) (facts: uint64 list) (arguments: string list) environment =
    let allowed = { MayRead = true; MayWrite = true; MayExecute = false }

    let first, count = pagesOf (stackEnd - stackBytes) stackBytes

    for number in first .. first + count - 1UL do
        memory.Map number allowed

    let mutable top = stackEnd - 16UL

    let push (text: string) =
        let bytes = Encoding.UTF8.GetBytes text
        top <- top - uint64 (bytes.Length + 1)
        bytes |> Array.iteri (fun index byte -> memory.Write (top + uint64 index) 1 (uint64 byte))
        top

    let environment = environment |> List.map push
    let arguments = arguments |> List.map push

    top <- top - randomBytes
    let random = top

    let words =
        [ uint64 arguments.Length ]
        @ arguments
        @ [ 0UL ]
        @ environment
        @ [ 0UL ]
        @ facts
        // Bytes of a page, users and groups, ticks a second, and that nothing is to be kept secret.
        @ [ 6UL; pageBytes; 11UL; 1000UL; 12UL; 1000UL; 13UL; 1000UL; 14UL; 1000UL ]
        @ [ 17UL; 100UL; 23UL; 0UL; 25UL; random; 0UL; 0UL ]

    let low = (top - uint64 (8 * words.Length)) &&& ~~~15UL
    words |> List.iteri (fun index word -> memory.Write (low + uint64 (8 * index)) 8 word)
    low, random

/// Bytes that arguments and environment may take together: a quarter of the stack.
let private argumentBytesMax = 0x40000

/// E2K-ELF-001 to E2K-ELF-005: a file's segments and its stack in memory.
let load (memory: Memory) (file: byte[]) arguments (environment: string list) =
    let argumentBytes =
        arguments @ environment
        |> List.sumBy (fun (text: string) -> Encoding.UTF8.GetByteCount text + 9)

    if argumentBytes > argumentBytesMax then
        refuse "E2K-ELF-005" "arguments and environment are too long"
    else

    checkHeader file
    |> Result.bind (fun () -> segmentsOf file)
    |> Result.bind (fun segments ->
        let pages =
            segments |> List.sumBy (fun one -> int64 (snd (pagesOf one.Address one.InMemory)))

        let stackPages = int64 (stackBytes / pageBytes)

        if segments.IsEmpty then
            refuse "E2K-ELF-003" "nothing to load"
        elif overlap segments then
            refuse "E2K-ELF-003" "segments overlap"
        elif not (memory.HasRoom(pages + stackPages)) then
            let wanted = $"{pages + stackPages} pages of {pageBytes} bytes"
            refuse "E2K-ELF-004" $"{wanted} are more than the {memory.PagesMax} allowed"
        else
            for segment in segments do
                place memory file segment

            let top, random = stack memory (facts file segments) arguments environment
            let last = segments |> List.map (fun one -> one.Address + one.InMemory) |> List.max

            Ok {
                Entry = read64 file 24
                Version = versionOf file
                End = last
                StackLimit = stackEnd - stackBytes
                StackTop = top
                Random = random
            })
