/// System calls of 64-bit Linux: those that change the program itself. All others are asked of a
/// host that the caller supplies. Requirements: spec/e2k/linux.md, E2K-SYS.
module Ashlar.Reference.E2k.Linux

open System

/// E2K-SYS-009: the world outside answers a call by its number and six arguments; it sees the
/// program's memory, and gives ENOSYS where there is no such call.
type Host = { Call: Memory -> uint64 -> uint64[] -> int64 }

/// What the system keeps for a program.
type Kernel = {
    BreakStart: uint64
    Break: uint64
    /// Where the next mapping without a wish goes.
    NextMapping: uint64
    /// Where mappings end: below the stack.
    MappingsEnd: uint64
    Signals: Signals.Table
}

/// What a call came to.
type Answer =
    | Returns of int64 * Kernel
    | Exits of int
    /// A handler asks to be left.
    | Leaves

/// E2K-SYS-003: error numbers, negative in the result.
let private badDescriptor = -9L
let private noMemory = -12L
let private badAddress = -14L
let private badArgument = -22L
let private brokenPipe = -32L
let private noSuchCall = -38L

let private pageBytes = uint64 Memory.PageBytes
let private mappingsStart = 0x10000000000UL
let private addressEnd = 0x40000000000UL

let start (image: Load.Image) : Kernel =
    let first = (image.End + pageBytes - 1UL) / pageBytes * pageBytes

    {
        BreakStart = first
        Break = first
        NextMapping = mappingsStart
        MappingsEnd = image.StackLimit
        Signals = Signals.none
    }

let private protectionOf (bits: uint64) : Protection = {
    MayRead = bits &&& 1UL <> 0UL
    MayWrite = bits &&& 2UL <> 0UL
    MayExecute = bits &&& 4UL <> 0UL
}

let private pagesOf (bytes: uint64) = (bytes + pageBytes - 1UL) / pageBytes

/// E2K-SYS-007: the break moves up in whole pages; a wish that cannot be met changes nothing.
let private moveBreak (memory: Memory) (kernel: Kernel) (wish: uint64) : Kernel =
    if wish < kernel.BreakStart || wish > mappingsStart then
        kernel
    else
        let first = pagesOf kernel.Break
        let last = pagesOf wish

        if last > first && not (memory.HasRoom(int64 (last - first))) then
            kernel
        else
            for number in first .. last - 1UL do
                if number < last then
                    memory.Map number (protectionOf 3UL)

            for number in last .. first - 1UL do
                if number < first then
                    memory.Unmap number

            { kernel with Break = wish }

/// E2K-SYS-008: MAP_ANONYMOUS by the numbers of this machine and of others.
let private anonymous = 0x30UL

/// Whether so many pages are left for mappings.
let private hasPlace (kernel: Kernel) (count: uint64) =
    count * pageBytes <= kernel.MappingsEnd - kernel.NextMapping

/// A page behind each mapping is never there.
let private placed (kernel: Kernel) (count: uint64) : Kernel = {
    kernel with
        NextMapping = min (kernel.NextMapping + (count + 1UL) * pageBytes) kernel.MappingsEnd
}

/// E2K-SYS-008: private mappings of nothing, at an address of the system's choice.
let private map (memory: Memory) (kernel: Kernel) (arguments: uint64[]) =
    let length, flags = arguments[1], arguments[3]
    let count = pagesOf length

    if length = 0UL || length > addressEnd then
        badArgument, kernel
    elif flags &&& anonymous = 0UL then
        badDescriptor, kernel
    elif not (memory.HasRoom(int64 count)) || not (hasPlace kernel count) then
        noMemory, kernel
    else
        let address = kernel.NextMapping
        let allowed = protectionOf arguments[2]

        for number in address / pageBytes .. address / pageBytes + count - 1UL do
            memory.Map number allowed

        int64 address, placed kernel count

let private areOnPages (address: uint64) (length: uint64) =
    address % pageBytes = 0UL
    && length <> 0UL
    && length <= addressEnd
    && address <= addressEnd

let private onPages (address: uint64) (length: uint64) f =
    if areOnPages address length then
        f (address / pageBytes) (pagesOf length)
    else
        badArgument

let private unmap (memory: Memory) address length =
    onPages address length (fun first count ->
        // Only pages that are there can go, and they are limited in number.
        if int64 count > int64 memory.PageCount then
            badArgument
        else
            for number in first .. first + count - 1UL do
                memory.Unmap number

            0L)

let private protect (memory: Memory) address length bits =
    onPages address length (fun first count ->
        if
            int64 count > int64 memory.PageCount
            || not (Seq.forall memory.IsMapped (seq { first .. first + count - 1UL }))
        then
            noMemory
        else
            for number in first .. first + count - 1UL do
                memory.Protect number (protectionOf bits)

            0L)

let private areThere (memory: Memory) first count =
    count <= uint64 memory.PageCount
    && Seq.forall memory.IsMapped (seq { first .. first + count - 1UL })

/// E2K-SYS-025: pages that are not needed hold zeros from then on; other advice does nothing.
let private advise (memory: Memory) (address: uint64) (length: uint64) (advice: uint64) =
    let isKnown = advice <= 4UL || (advice >= 8UL && advice <= 19UL)

    if address % pageBytes <> 0UL || not isKnown then
        badArgument
    elif length = 0UL then
        0L
    else
        let first = address / pageBytes

        let count =
            if length > addressEnd then
                UInt64.MaxValue
            else
                pagesOf length

        if not (areThere memory first count) then
            noMemory
        else
            if advice = 4UL then
                for number in first .. first + count - 1UL do
                    match memory.ProtectionOf number with
                    | ValueSome allowed -> memory.Map number allowed
                    | ValueNone -> ()

            0L

/// E2K-SYS-024: less stays where it is; for more a mapping moves, if it may.
let private remap (memory: Memory) (kernel: Kernel) (arguments: uint64[]) =
    let address, wanted, flags = arguments[0], arguments[2], arguments[3]

    let moved first count more =
        if flags &&& 1UL = 0UL || not (memory.HasRoom(int64 (more - count))) then
            noMemory, kernel
        elif not (hasPlace kernel more) then
            noMemory, kernel
        else
            let target = kernel.NextMapping / pageBytes
            let last = memory.ProtectionOf(first + count - 1UL)

            for index in 0UL .. more - 1UL do
                if index < count then
                    memory.Move (first + index) (target + index)
                else
                    last |> ValueOption.iter (memory.Map(target + index))

            int64 kernel.NextMapping, placed kernel more

    let isAsked = wanted <> 0UL && wanted <= addressEnd && flags &&& ~~~1UL = 0UL

    if not isAsked || not (areOnPages address arguments[1]) then
        badArgument, kernel
    else
        let first, count, more = address / pageBytes, pagesOf arguments[1], pagesOf wanted

        if not (areThere memory first count) then
            badAddress, kernel
        elif more > count then
            moved first count more
        else
            for index in more..count do
                if index < count then
                    memory.Unmap(first + index)

            int64 address, kernel

/// E2K-SYS-001: one call by its number and six arguments.
let call (host: Host) (memory: Memory) state (kernel: Kernel) number (arguments: uint64[]) =
    let result value = Returns(value, kernel)

    match number with
    | 1UL
    | 300UL -> Exits(int arguments[0] &&& 255)
    | 45UL ->
        let kernel = moveBreak memory kernel arguments[0]
        Returns(int64 kernel.Break, kernel)
    | 90UL ->
        let address, kernel = map memory kernel arguments
        Returns(address, kernel)
    | 91UL -> result (unmap memory arguments[0] arguments[1])
    | 163UL ->
        let address, kernel = remap memory kernel arguments
        Returns(address, kernel)
    | 219UL -> result (advise memory arguments[0] arguments[1] arguments[2])
    | 125UL -> result (protect memory arguments[0] arguments[1] arguments[2])
    | 173UL -> Leaves
    | _ ->
        match SignalCalls.call memory state kernel.Signals number arguments with
        | Some(value, signals) -> Returns(value, { kernel with Signals = signals })
        | None ->
            let value = host.Call memory number arguments
            let isWrite = number = 4UL || number = 146UL || number = 181UL

            // E2K-SIG-008: nobody reads what a broken pipe takes.
            if isWrite && value = brokenPipe then
                Returns(value, { kernel with Signals = SignalCalls.brokenPipe kernel.Signals })
            else
                result value

/// E2K-SYS-002: one call by an entry of the system; the fast one has a few under other numbers.
let callBy host memory state (kernel: Kernel) entry (number: uint64) arguments : Answer =
    let ordinary number = call host memory state kernel number arguments

    match entry, number with
    | 3, _ -> ordinary number
    | 6, 0UL -> ordinary 78UL
    | 6, 1UL -> ordinary 267UL
    | 6, 2UL -> ordinary 327UL
    | 6, 3UL -> Returns(SignalCalls.tellMask memory kernel.Signals arguments, kernel)
    | _ -> Returns(noSuchCall, kernel)

/// E2K-TRAP-003: the signal that a trap becomes.
let signalOf (trap: Trap) : string =
    match trap with
    | IllegalOperation _
    | InvalidOperand -> "SIGILL"
    | WindowBounds
    | StackBounds
    | PageFault _ -> "SIGSEGV"
    | DivisionByZero -> "SIGFPE"

/// E2K-SIG-003: the name of a signal by its number.
let nameOf (signal: int) : string =
    match signal with
    | 1 -> "SIGHUP"
    | 2 -> "SIGINT"
    | 3 -> "SIGQUIT"
    | 4 -> "SIGILL"
    | 6 -> "SIGABRT"
    | 8 -> "SIGFPE"
    | 9 -> "SIGKILL"
    | 10 -> "SIGUSR1"
    | 11 -> "SIGSEGV"
    | 12 -> "SIGUSR2"
    | 13 -> "SIGPIPE"
    | 15 -> "SIGTERM"
    | _ -> $"signal {signal}"
