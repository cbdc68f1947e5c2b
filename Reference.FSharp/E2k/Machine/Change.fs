/// What one bundle does to the machine, as a value: a new state, registers and bytes to write.
/// Nothing of it has happened yet. Requirements: spec/e2k/step.md, E2K-STEP.
namespace Ashlar.Reference.E2k

/// Nothing to write, for the bundles that write nothing; never added to.
[<AutoOpen>]
module internal NoStores =
    let noStores = ResizeArray<struct (uint64 * int * uint64)>()

/// The work of a step in the making: it only collects. The first trap is kept.
type Change(registers: RegisterFile, memory: Memory, before: State) =
    let writes = ResizeArray<struct (int * Register)>(8)
    let mutable stores: ResizeArray<struct (uint64 * int * uint64)> = noStores
    let mutable trap: Trap option = None
    let mutable after = before
    let mutable isLockLost = false
    let mutable systemCall: (int * int) option = None

    /// The state before the bundle, which all sources are read from.
    member _.Before = before

    /// The state after it, as far as it is known.
    member _.After
        with get () = after
        and set value = after <- value

    /// The system's entry that is called when the change is done, and where its arguments are.
    member _.SystemCall
        with get () = systemCall
        and set value = systemCall <- value

    /// Whether a load of the bundle found its lock gone.
    member _.IsLockLost
        with get () = isLockLost
        and set value = isLockLost <- value

    member _.Trap = trap

    /// Registers to write, in order; a place that is negative is a global.
    member _.Writes = writes |> Seq.map (fun (struct (place, one)) -> place, one) |> List.ofSeq

    /// Bytes to write, in order: address, count, value.
    member _.Stores =
        stores |> Seq.map (fun (struct (at, count, bits)) -> at, count, bits) |> List.ofSeq

    /// E2K-TRAP-002: what goes wrong first is what is reported.
    member _.Fail(reason: Trap) =
        if trap.IsNone then
            trap <- Some reason

    /// E2K-ST-004, E2K-ST-007: where an operand's register is, in a window.
    member this.PlaceIn (window: WindowPart) (file: File) (number: int) : int =
        match file with
        | Global when number < RegisterFile.Globals -> -1 - number
        | Global ->
            this.Fail WindowBounds
            -1
        | Window ->
            if number >= window.Size then
                this.Fail WindowBounds

            window.Base + number
        | Based ->
            let area = before.Based

            let place =
                if area.Pairs = 0 then
                    window.Size
                else
                    area.First + State.turned (2 * area.Pairs) (2 * area.Turn) number

            if place >= window.Size then
                this.Fail WindowBounds

            window.Base + place

    /// E2K-ST-016: without tags no register has one.
    member _.ReadPlace(place: int) : Register =
        let register = registers.Read place
        if before.Tags then register else { register with Tag = 0 }

    member _.WritePlace (place: int) (register: Register) =
        // E2K-ST-016.
        let kept = if before.Tags then register else { register with Tag = 0 }
        writes.Add(struct (place, kept))

    member _.ReadMemory (address: uint64) (count: int) = memory.TryRead address count

    /// E2K-MEM-002: bytes are written when all of the bundle succeeds.
    member this.Store (address: uint64) (count: int) (value: uint64) =
        if memory.MayWrite address count then
            if obj.ReferenceEquals(stores, noStores) then
                stores <- ResizeArray()

            stores.Add(struct (address, count, value))
            after <- State.afterStore address count after
        else
            this.Fail(PageFault address)

    /// E2K-STEP-005: all of it at once; only after a step without a trap.
    member _.Commit() : State =
        for struct (place, register) in writes do
            registers.Write place register

        for struct (address, count, value) in stores do
            memory.Write address count value

        after
