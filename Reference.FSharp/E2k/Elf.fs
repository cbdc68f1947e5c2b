/// Executables: little-endian ELF64 files of the machine, from sections at their addresses and
/// back. What a program's headers mean to a machine that runs it is not said here. Requirements:
/// spec/e2k/assembly.md (E2K-FILE).
module Ashlar.Reference.E2k.Elf

open System
open System.Buffers.Binary
open System.Text

/// A part of a program.
type Section = {
    Name: string
    Address: uint64
    /// What the file holds of it.
    Bytes: byte[]
    /// Bytes in memory; what the file does not hold is zero.
    Size: uint64
    IsExecutable: bool
    IsWritable: bool
}

/// A name for an address.
type Symbol = {
    Name: string
    Address: uint64
    Size: uint64
    /// The place of its section in the list, or none for a number.
    Section: int option
    IsGlobal: bool
    IsFunction: bool
}

/// A program: in the file the sections follow each other in order.
type Image = {
    /// The version of the instruction set, 1 to 7.
    Version: int
    Entry: uint64
    Sections: Section list
    Symbols: Symbol list
}

let private illegal rule reason : Result<'a, Illegal> = Error { Rule = rule; Reason = reason }

/// E2K-FILE-001: the number of the machine.
let private machine = 175us

/// E2K-FILE-002: the machines that flags name in bits 31:24, with the version of each.
let private machines = [
    0x02, 2
    0x03, 3
    0x13, 4
    0x05, 5
    0x16, 6
    0x01, 1
    0x04, 4
    0x06, 6
    0x07, 7
]

let private flagsOf version =
    let code = machines |> List.find (fun (_, known) -> known = version) |> fst
    uint32 code <<< 24 ||| 0x10u

let private headerSize = 64
let private segmentSize = 56
let private sectionSize = 64
let private symbolSize = 24

/// Pages of a program: a segment keeps its place within one from file to memory.
let pageSize = 0x1000L

/// The bytes before the first section of a program with or without a writable segment.
let headersSize isWritable = int64 (headerSize + segmentSize * (if isWritable then 2 else 1))

let private isHeld (section: Section) = section.Bytes.Length > 0 || section.Size = 0UL

/// E2K-FILE-003: the file of a program whose first address is that of its headers.
let write (first: uint64) (image: Image) : byte[] =
    let file = ResizeArray<byte>()

    let put16 (value: uint16) = file.AddRange(BitConverter.GetBytes value)
    let put32 (value: uint32) = file.AddRange(BitConverter.GetBytes value)
    let put64 (value: uint64) = file.AddRange(BitConverter.GetBytes value)

    let padTo (offset: int) = file.AddRange(Array.zeroCreate (max 0 (offset - file.Count)))

    let writable = image.Sections |> List.filter _.IsWritable
    let constant = image.Sections |> List.filter (_.IsWritable >> not)
    let starts = ResizeArray<int>()

    // Addresses and offsets agree within a page, so that the pages of the file can be mapped.
    let mutable offset = int (headersSize (not writable.IsEmpty))

    for section in image.Sections do
        let apart = (int64 section.Address - int64 offset) &&& (pageSize - 1L)
        let start = offset + int apart

        starts.Add start

        offset <-
            if isHeld section then
                start + section.Bytes.Length
            else
                offset

    let endOf (section: Section) = section.Address + section.Size

    let lastHeld sections =
        sections
        |> List.map (fun (section: Section) -> section.Address + uint64 section.Bytes.Length)
        |> List.max

    let strings = StringBuilder("\000")
    let nameIndex = ResizeArray<int>()

    let ordered =
        (image.Symbols |> List.filter (_.IsGlobal >> not))
        @ (image.Symbols |> List.filter _.IsGlobal)

    for symbol in ordered do
        nameIndex.Add strings.Length
        strings.Append(symbol.Name).Append('\000') |> ignore

    let locals = image.Symbols |> List.filter (_.IsGlobal >> not) |> List.length
    let sectionNames = (image.Sections |> List.map _.Name) @ [ ".symtab"; ".strtab"; ".shstrtab" ]
    let headings = StringBuilder("\000")

    let headingIndex =
        sectionNames
        |> List.map (fun name ->
            let at = headings.Length
            headings.Append(name).Append('\000') |> ignore
            at)

    let aligned value = (value + 7) &&& ~~~7
    let symbols = aligned offset
    let symbolBytes = symbolSize * (ordered.Length + 1)
    let stringBytes = Encoding.UTF8.GetBytes(strings.ToString())
    let headingBytes = Encoding.UTF8.GetBytes(headings.ToString())
    let texts = symbols + symbolBytes
    let headers = aligned (texts + stringBytes.Length + headingBytes.Length)

    file.AddRange [| 0x7fuy; byte 'E'; byte 'L'; byte 'F'; 2uy; 1uy; 1uy; 0uy |]
    put64 0UL
    put16 2us
    put16 machine
    put32 1u
    put64 image.Entry
    put64 (uint64 headerSize)
    put64 (uint64 headers)
    put32 (flagsOf image.Version)
    put16 (uint16 headerSize)
    put16 (uint16 segmentSize)
    put16 (if writable.IsEmpty then 1us else 2us)
    put16 (uint16 sectionSize)
    put16 (uint16 (sectionNames.Length + 1))
    put16 (uint16 sectionNames.Length)

    let segment flags (at: int) (address: uint64) held size =
        put32 1u
        put32 flags
        put64 (uint64 at)
        put64 address
        put64 address
        put64 held
        put64 size
        put64 (uint64 pageSize)

    let constantEnd = if constant.IsEmpty then first else lastHeld constant
    segment 5u 0 first (constantEnd - first) (constantEnd - first)

    if not writable.IsEmpty then
        let start = writable.Head.Address
        let held = lastHeld writable - start

        let held =
            if writable |> List.forall (fun one -> one.Bytes.Length = 0) then
                0UL
            else
                held

        segment 6u starts[constant.Length] start held (endOf (List.last writable) - start)

    for section, start in List.zip image.Sections (List.ofSeq starts) do
        if section.Bytes.Length > 0 then
            padTo start
            file.AddRange section.Bytes

    padTo symbols
    file.AddRange(Array.zeroCreate symbolSize)

    for symbol, name in List.zip ordered (List.ofSeq nameIndex) do
        put32 (uint32 name)
        let binding = if symbol.IsGlobal then 0x10 else 0
        file.Add(byte (binding ||| (if symbol.IsFunction then 2 else 0)))
        file.Add 0uy

        put16 (
            match symbol.Section with
            | Some index -> uint16 (index + 1)
            | None -> 0xfff1us
        )

        put64 symbol.Address
        put64 symbol.Size

    file.AddRange stringBytes
    file.AddRange headingBytes
    padTo headers
    file.AddRange(Array.zeroCreate sectionSize)

    let heading name kind flags address at size link info align entry =
        put32 (uint32 name)
        put32 kind
        put64 flags
        put64 address
        put64 (uint64 at)
        put64 size
        put32 (uint32 link)
        put32 (uint32 info)
        put64 (uint64 align)
        put64 (uint64 entry)

    for index, section in List.indexed image.Sections do
        let flags =
            2UL
            ||| (if section.IsWritable then 1UL else 0UL)
            ||| (if section.IsExecutable then 4UL else 0UL)

        let kind = if isHeld section then 1u else 8u
        heading headingIndex[index] kind flags section.Address starts[index] section.Size 0 0 8 0

    let own = image.Sections.Length

    heading
        headingIndex[own]
        2u
        0UL
        0UL
        symbols
        (uint64 symbolBytes)
        (own + 2)
        (locals + 1)
        8
        symbolSize

    heading headingIndex[own + 1] 3u 0UL 0UL texts (uint64 stringBytes.Length) 0 0 1 0

    heading
        headingIndex[own + 2]
        3u
        0UL
        0UL
        (texts + stringBytes.Length)
        (uint64 headingBytes.Length)
        0
        0
        1
        0

    file.ToArray()

/// A part of a file, where all of it is there.
let private slice (file: byte[]) (offset: uint64) (size: uint64) =
    let length = uint64 file.Length

    if offset > length || size > length - offset then
        None
    else
        Some(file.AsSpan(int offset, int size).ToArray())

let private u16 (bytes: byte[]) at = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at, 2))
let private u32 (bytes: byte[]) at = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at, 4))
let private u64 (bytes: byte[]) at = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at, 8))

/// The records of a table of a file; none where a part of it is not there.
let private table file (offset: uint64) (size: uint16) least (count: uint16) =
    if offset = 0UL || count = 0us || int size < least then
        None
    else
        slice file offset (uint64 size * uint64 count)
        |> Option.map (Array.chunkBySize (int size))

let private textAt (strings: byte[]) (index: uint32) =
    if uint64 index >= uint64 strings.Length then
        ""
    else
        let rest = strings.AsSpan(int index)
        let finish = rest.IndexOf 0uy
        Encoding.UTF8.GetString(if finish < 0 then rest else rest.Slice(0, finish))

/// E2K-FILE-004: what the file holds of sections, where it has them.
let private sectionsOf file (headings: byte[][]) (names: byte[]) = [
    for index, heading in Array.indexed headings do
        let kind, flags = u32 heading 4, u64 heading 8

        if flags &&& 2UL <> 0UL && (kind = 1u || kind = 8u) then
            let size = u64 heading 32

            let bytes =
                if kind = 8u then
                    Some [||]
                else
                    slice file (u64 heading 24) size

            match bytes with
            | None -> ()
            | Some bytes ->
                index,
                {
                    Section.Name = textAt names (u32 heading 0)
                    Address = u64 heading 16
                    Bytes = bytes
                    Size = size
                    IsExecutable = flags &&& 4UL <> 0UL
                    IsWritable = flags &&& 1UL <> 0UL
                }
]

let private segmentsOf file (headers: byte[][]) = [
    for header in headers do
        if u32 header 0 = 1u then
            match slice file (u64 header 8) (u64 header 32) with
            | None -> ()
            | Some bytes ->
                let flags = u32 header 4
                let isExecutable = flags &&& 1u <> 0u

                {
                    Section.Name = if isExecutable then ".text" else ".data"
                    Address = u64 header 16
                    Bytes = bytes
                    Size = u64 header 40
                    IsExecutable = isExecutable
                    IsWritable = flags &&& 2u <> 0u
                }
]

let private symbolsOf file (headings: byte[][]) (kept: (int * Section) list) = [
    match headings |> Array.tryFind (fun heading -> u32 heading 4 = 2u) with
    | None -> ()
    | Some heading ->
        let link = int64 (u32 heading 40)

        match slice file (u64 heading 24) (u64 heading 32) with
        | Some records when link < headings.LongLength ->
            let texts = headings[int link]

            let strings = slice file (u64 texts 24) (u64 texts 32) |> Option.defaultValue [||]

            for record in Array.chunkBySize symbolSize records do
                if record.Length = symbolSize then
                    let name, kind = textAt strings (u32 record 0), record[4] &&& 15uy
                    let index = int (u16 record 6)

                    let section = kept |> List.tryFindIndex (fun (at, _) -> at = index)

                    if name <> "" && kind < 3uy && section.IsSome then
                        {
                            Symbol.Name = name
                            Address = u64 record 8
                            Size = u64 record 16
                            Section = section
                            IsGlobal = record[4] >>> 4 = 1uy
                            IsFunction = (kind = 2uy)
                        }
        | _ -> ()
]

/// A program of a file, or why it is none.
let read (file: byte[]) : Result<Image, Illegal> =
    let isElf = file.Length >= 4 && file[0] = 0x7fuy && file[1..3] = "ELF"B

    if not isElf then
        illegal "E2K-FILE-001" "this is no ELF file"
    elif file.Length < headerSize then
        illegal "E2K-FILE-001" "the ELF header is cut off"
    elif file[4] <> 2uy || file[5] <> 1uy then
        illegal "E2K-FILE-001" "only little-endian ELF64 is read"
    elif u16 file 18 <> machine then
        illegal "E2K-FILE-001" $"the machine {u16 file 18} is not Elbrus, {machine}"
    elif u16 file 16 <> 2us then
        illegal "E2K-FILE-001" "only executables are read, no objects or libraries"
    else

    let code = int (u32 file 48 >>> 24)

    match machines |> List.tryFind (fun (known, _) -> known = code) with
    | None -> illegal "E2K-FILE-002" $"the flags {u32 file 48:x8} name no known version"
    | Some(_, version) ->
        let headings =
            table file (u64 file 40) (u16 file 58) sectionSize (u16 file 60)
            |> Option.defaultValue [||]

        let names =
            headings
            |> Array.tryItem (int (u16 file 62))
            |> Option.bind (fun heading -> slice file (u64 heading 24) (u64 heading 32))
            |> Option.defaultValue [||]

        let kept = sectionsOf file headings names

        let sections =
            if not kept.IsEmpty then
                List.map snd kept
            else
                table file (u64 file 32) (u16 file 54) segmentSize (u16 file 56)
                |> Option.map (segmentsOf file)
                |> Option.defaultValue []

        if sections |> List.exists _.IsExecutable then
            Ok {
                Version = version
                Entry = u64 file 24
                Sections = sections
                Symbols = symbolsOf file headings kept
            }
        else
            illegal "E2K-FILE-004" "the file has no code: no section or segment that is executable"
