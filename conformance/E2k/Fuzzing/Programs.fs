/// Random programs as memory images: registers, tags, predicates, windows and rotation are made
/// ready by code, then a body of random wide instructions turns until a counter ends it.
/// Requirements: spec/e2k/step.md; spec/e2k/linux.md, E2K-ELF.
module Ashlar.Conformance.E2k.Fuzzing.Programs

open System
open Ashlar.Reference.E2k
open Ashlar.Conformance.E2k.Fuzzing.Bundles

/// A wide instruction as operations; a branch has its number of wide instructions to go.
type Line =
    | Plain of Operation list
    /// The branch goes to the line of this number.
    | Branching of Operation list * Condition list * line: int
    /// Prepares %ctpr1 for the line of this number.
    | Preparing of Operation list * line: int

/// A program: lines, and the bytes of its data.
type Program = {
    Version: int
    Tags: bool
    Lines: Line[]
    /// Lines that may be replaced where they trap.
    Body: Set<int>
    Room: Room
    Data: byte[]
}

let private codeAddress = 0x20000UL

/// Two pages of data, behind which nothing is.
let private dataAddress = 0x40000UL

let private dataBytes = 0x2000

/// What a comparison of memory looks at.
let ranges = [ dataAddress, dataBytes ]

let private constant number = Number(Operation.constant number)
let private literal64 (number: uint64) = Literal(Bits64, None, Operation.constant (int64 number))

let private operation name channel (arguments: Argument list) = {
    Operation.named name with
        Channel = Some channel
        Arguments = arguments
}

let private setting name (pairs: (string * int) list) = {
    Operation.named name with
        Settings = pairs |> List.map (fun (key, value) -> key, Operation.constant (int64 value))
}

let private window number = Register(Double, Window, number)
let private globalOf number = Register(Double, Global, number)

/// Registers from data, four in a wide instruction.
let private filling (registers: Argument list) =
    registers
    |> List.indexed
    |> List.chunkBySize 4
    |> List.map (fun four ->
        Plain [
            for index, register in four do
                let offset = Literal(Bits16, None, Operation.constant (int64 (8 * index)))
                let channel = [ 0; 2; 3; 5 ][index % 4]
                operation "ldd" channel [ globalOf 3; offset; register ]
        ])

/// Predicates made true or false; with tags some stay invalid.
let private predicates (random: Random) tags =
    let comparing (channel, number) =
        let value = constant (int64 (random.Next 2))
        operation "cmpedb" channel [ constant 0L; value; Named(false, $"pred{number}") ]

    [
        for first in 0..4..28 do
            if not tags || first <> 20 then
                Plain(List.map comparing (List.zip [ 0; 1; 3; 4 ] [ first .. first + 3 ]))
    ]

let private controlOf (random: Random) = [
    let direction = uint64 (random.Next 4) <<< 13
    let flush = uint64 (random.Next 2) <<< 15
    let flags = if chance random 50 then 0x20UL else 0UL
    let pfpfr = 0x1f80UL ||| (if chance random 50 then 0UL else direction) ||| flush ||| flags
    let precision = uint64 (random.Next 4) <<< 8
    let fpcr = 0x7fUL ||| precision ||| (uint64 (random.Next 4) <<< 10)
    let loop = uint64 (random.Next 40) ||| (uint64 (random.Next 4) <<< 32) ||| (1UL <<< 37)
    let prologue = uint64 (random.Next 4) <<< 48

    for name, value in [ "pfpfr", pfpfr; "fpcr", fpcr; "lsr", loop ||| prologue ] do
        Plain [ operation "rwd" 0 [ literal64 value; Named(false, name) ] ]
]

let private arrays (random: Random) = [
    for number in 0..3 do
        let place = dataAddress + uint64 (0x800 + 16 * random.Next 64)
        Plain [ operation "addd" 0 [ constant 0L; literal64 place; globalOf 24 ] ]
        Plain [ operation "aaurwd" 2 [ globalOf 24; Named(false, $"aad{number}") ] ]
]

/// Everything before the body.
let private prologue (random: Random) (room: Room) turns = [
    Plain [
        setting "setwd" [ "wsz", room.Window / 2; "nfx", 0; "dbl", 0 ]
        if room.Based > 0 then
            let pairs = room.Based / 2
            let place = (room.Window - room.Based) / 2
            setting "setbn" [ "rbs", place; "rsz", pairs - 1; "rcur", random.Next pairs ]
        setting "setbp" [ "psz", random.Next 16 ]
    ]
    for number, value in
        [
            0, dataAddress + 0x1000UL
            1, dataAddress + uint64 dataBytes
            2, uint64 turns
            3, dataAddress
        ] do
        Plain [ operation "addd" 0 [ constant 0L; literal64 value; globalOf number ] ]
    yield!
        filling [
            for number in 0 .. room.Window - 1 -> window number
            for number in 4..23 -> globalOf number
        ]
    yield! predicates random room.Tags
    yield! controlOf random
    yield! arrays random
    if room.Tags then
        for _ in 1 .. random.Next 6 do
            let register = window (random.Next room.Window)
            Plain [ operation "puttagd" 2 [ register; constant 5L; register ] ]
]

/// One turn less, and back while there are any.
let private epilogue (start: int) = [
    Plain [ operation "subd" 0 [ globalOf 2; constant 1L; globalOf 2 ] ]
    Plain [ operation "cmpedb" 0 [ globalOf 2; constant 0L; Named(false, "pred31") ] ]
    Branching([], [ { Negated = true; Name = "pred31" } ], start)
]

/// The program's end by the system.
let private leaving (room: Room) = [
    Plain [
        setting "setbn" [ "rbs", room.Window / 2 - 4; "rsz", 3; "rcur", 0 ]
        {
            Operation.named "sdisp" with
                Arguments = [ Named(false, "ctpr1"); constant 3L ]
        }
    ]
    Plain [
        operation "addd" 0 [ constant 0L; constant 1L; window (room.Window - 8) ]
        operation "addd" 1 [ constant 0L; constant 0L; window (room.Window - 7) ]
    ]
    Plain [
        {
            setting "call" [ "wbs", room.Window / 2 - 4 ] with
                Arguments = [ Named(false, "ctpr1") ]
        }
    ]
]

/// A procedure: a window of its own, some wide instructions, and back.
let private procedure (random: Random) (room: Room) handed = [
    let size = handed + 2 * random.Next 8
    let inner = { room with Window = max 2 size; Based = 0 }

    Plain [
        setting "setwd" [ "wsz", inner.Window / 2; "nfx", 0; "dbl", 0 ]
        { Operation.named "return" with Arguments = [ Named(false, "ctpr3") ] }
    ]

    for _ in 1 .. 1 + random.Next 5 do
        Plain(draw random inner [])

    Plain [ { Operation.named "ct" with Arguments = [ Named(false, "ctpr3") ] } ]
]

/// The window that a call hands over, in registers.
let private handedOver (random: Random) (room: Room) = 2 * (1 + random.Next(room.Window / 4))

/// A random program of a version.
let draw (random: Random) version tags : Program =
    let size = 24 + 2 * random.Next 20

    let room = {
        Version = version
        Window = size
        Based = (if chance random 80 then 2 * (2 + random.Next 6) else 0)
        Tags = tags
    }

    let turns = 20 + random.Next 300
    let before = prologue random room turns
    let bodyLength = 12 + random.Next 40
    let start = before.Length
    let handed = handedOver random room

    // Behind body, counting and the end stands the procedure.
    let after = epilogue start @ leaving room
    let procedureStart = start + bodyLength + after.Length

    let body = [
        let mutable index = 0

        while index < bodyLength do
            if index < bodyLength - 2 && chance random 4 then
                yield Preparing(Bundles.draw random room [], procedureStart)

                yield
                    Plain [
                        {
                            setting "call" [ "wbs", (room.Window - handed) / 2 ] with
                                Arguments = [ Named(false, "ctpr1") ]
                                Guard = (if chance random 50 then [ condition random ] else [])
                        }
                    ]

                index <- index + 2
            elif index < bodyLength - 4 && chance random 8 then
                let target = start + index + 2 + random.Next 3
                yield Branching(Bundles.draw random room [], [ condition random ], target)
                index <- index + 1
            else
                yield Plain(Bundles.draw random room [])
                index <- index + 1
    ]

    let data = Array.zeroCreate<byte> dataBytes
    random.NextBytes data
    let inner = procedure random room handed

    {
        Version = version
        Tags = tags
        Lines = Array.ofList (before @ body @ after @ inner)
        Body =
            Set.ofList [
                yield! [ start .. start + bodyLength - 1 ]
                yield! [ procedureStart + 1 .. procedureStart + inner.Length - 2 ]
            ]
        Room = room
        Data = data
    }

let private branch (distance: int64) guard = {
    Operation.named "ibranch" with
        Arguments = [ constant (distance / 8L) ]
        Guard = guard
}

let private prepare (distance: int64) = {
    Operation.named "disp" with
        Arguments = [ Named(false, "ctpr1"); constant (distance / 8L) ]
}

/// The operations of a line that goes so far.
let private operationsOf (line: Line) (distance: int -> int64) =
    match line with
    | Plain operations -> operations
    | Branching(operations, guard, target) -> operations @ [ branch (distance target) guard ]
    | Preparing(operations, target) -> operations @ [ prepare (distance target) ]

/// What remains of a line whose operations leave no room for its branch.
let private reduced (line: Line) =
    match line with
    | Plain _ -> Plain []
    | Branching(_, guard, target) -> Branching([], guard, target)
    | Preparing(_, target) -> Preparing([], target)

let private words version (line: Line) distance =
    match encode version (operationsOf line distance) with
    | Some words -> words
    | None ->
        match encode version (operationsOf (reduced line) distance) with
        | Some words -> words
        | None -> [| 0u; 0u |]

/// The lines' addresses and all words.
let layOut (program: Program) : uint64[] * uint32[] =
    let sizes =
        program.Lines |> Array.map (fun line -> (words program.Version line (fun _ -> 0L)).Length)

    let addresses = Array.scan (fun at size -> at + uint64 (4 * size)) codeAddress sizes

    let all =
        program.Lines
        |> Array.mapi (fun index line ->
            words program.Version line (fun target ->
                int64 addresses[target] - int64 addresses[index]))
        |> Array.concat

    addresses, all

/// A file of segments: their addresses, rights and bytes, each on pages of its own in the file.
let private executable version entry (segments: (uint64 * uint32 * byte[]) list) : byte[] =
    use stream = new IO.MemoryStream()
    use writer = new IO.BinaryWriter(stream)
    let page = 4096
    let header = 64
    let entryBytes = 56

    writer.Write [| 0x7fuy; byte 'E'; byte 'L'; byte 'F'; 2uy; 1uy; 1uy; 0uy |]
    writer.Write 0UL
    writer.Write 2us
    writer.Write 175us
    writer.Write 1u
    writer.Write(entry: uint64)
    writer.Write(uint64 header)
    writer.Write 0UL
    writer.Write(uint32 version <<< 24)
    writer.Write(uint16 header)
    writer.Write(uint16 entryBytes)
    writer.Write(uint16 segments.Length)
    writer.Write 0us
    writer.Write 0u

    let starts =
        (page, segments)
        ||> List.scan (fun at (_, _, bytes) -> at + (bytes.Length + page - 1) / page * page)

    let placed = List.zip segments (List.truncate segments.Length starts)

    for (address, rights, bytes), start in placed do
        writer.Write 1u
        writer.Write(rights: uint32)
        writer.Write(uint64 start)
        writer.Write(address: uint64)
        writer.Write(address: uint64)
        writer.Write(uint64 bytes.Length)
        writer.Write(uint64 bytes.Length)
        writer.Write(uint64 page)

    for (_, _, bytes), start in placed do
        stream.SetLength(int64 start)
        stream.Position <- int64 start
        writer.Write bytes

    writer.Flush()
    stream.ToArray()

/// The program as a file.
let image (program: Program) : byte[] =
    let _, words = layOut program
    let code = words |> Array.collect BitConverter.GetBytes
    executable program.Version codeAddress [ codeAddress, 5u, code; dataAddress, 6u, program.Data ]
