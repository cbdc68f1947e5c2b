/// The arithmetic-logic channels, the other way: an operation as written becomes the fields of one
/// or two syllables, its literal still without a place. Requirements: spec/e2k/operations.md.
module Ashlar.Reference.E2k.Drafts

open Ashlar.Reference.E2k.Operands

/// What src2 will be.
type Second =
    | Known of int
    | Wanted of Literals.Request

/// The fields of one operation.
type Draft = {
    Entry: Entry
    Channels: int list
    /// The channel that was written.
    Written: int
    Speculative: bool
    Source1: int
    Source2: Second
    Destination: int
    /// The low byte of the half-syllable, where it is an operand.
    Low: int option
    /// What the second channel of a pair adds to src1 and src2.
    Steps: int * int
    Specifier: int
    Guard: Condition list
    MergeOn: Condition option
}

/// The bits of a number, or the number of a label.
type Resolve = Value -> int64

/// E2K-LIT-006: the size of a number that is written without one: the smallest that its sign
/// extends to, and 32 bits at most unless the operand has 64 or 80; a label the most of these.
let private sizeOf (isNarrow: bool) (value: Value) =
    let isWithin least most = value.Offset >= least && value.Offset <= most

    if value.Symbol.IsSome then
        if isNarrow then Bits32 else Bits64
    elif isWithin -0x8000L 0x7fffL then
        Bits16
    elif isNarrow || isWithin -0x80000000L 0x7fffffffL then
        Bits32
    else
        Bits64

let private secondCode
    (isNarrow: bool)
    (resolve: Resolve)
    (argument: Argument)
    : Result<Second, Illegal> =
    let wanted size place value isBare =
        Ok(
            Wanted {
                Size = size
                Wanted = place
                IsBare = isBare
                Bits = uint64 (resolve value)
                Said = value
            }
        )

    match argument with
    | Register(_, file, number) -> codeOf file number |> Result.map Known
    | Number { Symbol = None; Offset = number } when number >= 0L && number < 16L ->
        Ok(Known(0xc0 + int number))
    | Number value -> wanted (sizeOf isNarrow value) None value true
    | Literal(size, place, value) -> wanted size place value false
    | _ -> illegal "E2K-REG-004" "the second operand is a register or a number"

/// E2K-REG-006: an address is src1 and src2 in the order written, but a base that is a pair, or one
/// of a number that src1 cannot hold, goes to src1 and the number to src2.
let private addressCodes (entry: Entry) resolve (argument: Argument) =
    let both first second =
        match source1Code first, secondCode false resolve second with
        | Ok first, Ok second -> Ok(first, second)
        | Error wrong, _
        | _, Error wrong -> Error wrong

    let zero = Number(Operation.constant 0L)
    let isPair = List.tryItem 0 entry.Widths |> Option.flatten = Some Quad

    match argument with
    | Address(Register _ as register, None) -> both register zero
    | Address(number, None) -> both zero number
    | Address(Register _ as register, Some index) -> both register index
    | Address(Number { Symbol = None; Offset = number } as constant, Some register) when
        not isPair && number >= 0L && number < 32L
        ->
        both constant register
    | Address(number, Some register) -> both register number
    | _ -> illegal "E2K-REG-006" "an address in brackets is wanted"

let private byteOf (argument: Argument) =
    match argument with
    | Number { Symbol = None; Offset = number } when number >= 0L && number < 256L -> Ok(int number)
    | _ -> illegal "E2K-REG-007" "a number from 0 to 255 is wanted"

let private predicateOf (argument: Argument) =
    match argument with
    | Named(false, name) ->
        match numberOf "pred" name with
        | Some number when number < 32 -> Ok number
        | _ -> illegal "E2K-REG-010" $"%%{name} is no predicate"
    | _ -> illegal "E2K-REG-010" "a predicate is wanted"

let private conditionOf (argument: Argument) =
    match argument with
    | Named(negated, name) -> Ok { Negated = negated; Name = name }
    | _ -> illegal "E2K-REG-010" "a predicate is wanted"

/// Descriptor and index of the array unit as the sixteen bits of src1 and src2.
let private arrayAddress (descriptor: Argument) (index: Argument) =
    match descriptor, index with
    | Named(false, descriptor), Address(Named(false, index), None) ->
        match numberOf "aad" descriptor, numberOf "aasti" index with
        | Some descriptor, Some index when descriptor < 32 && index < 16 ->
            Ok(descriptor <<< 11 ||| (index <<< 7))
        | _ -> illegal "E2K-REG-009" "a descriptor and an index are wanted: %aad0 [ %aasti0 ]"
    | _ -> illegal "E2K-REG-009" "a descriptor and an index are wanted: %aad0 [ %aasti0 ]"

let private stateCode (table: Table) (argument: Argument) =
    match argument with
    | Named(false, name) ->
        match table.StateByName |> Map.tryFind name, unnamedCode name with
        | Some code, _
        | None, Some code -> Ok code
        | None, None -> illegal "E2K-REG-011" $"there is no state register %%{name}"
    | _ -> illegal "E2K-REG-011" "a state register is wanted"

/// src1, src2, dst, low byte, merge condition.
let private fieldsOf table resolve (entry: Entry) (operation: Operation) =
    let fixed1 = Option.defaultValue 0xc0 entry.Source1

    let isNarrow =
        let index =
            if entry.Form = OneSource || entry.Form = OneAndByte then
                0
            else
                1

        match List.tryItem index entry.Widths |> Option.flatten with
        | Some Width.Single
        | Some Quad -> true
        | Some Packed -> not (entry.Mnemonic.StartsWith "qplog")
        | _ -> false

    let second = secondCode isNarrow resolve

    let join first second destination low merge =
        match first, second, destination, low, merge with
        | Ok first, Ok second, Ok destination, Ok low, Ok merge ->
            Ok(first, second, destination, low, merge)
        | Error wrong, _, _, _, _
        | _, Error wrong, _, _, _
        | _, _, Error wrong, _, _
        | _, _, _, Error wrong, _
        | _, _, _, _, Error wrong -> Error wrong

    let simple first second destination = join first second destination (Ok None) (Ok None)

    let withAddress address destination =
        addressCodes entry resolve address
        |> Result.bind (fun (first, second) -> simple (Ok first) (Ok second) destination)

    let compared argument =
        predicateOf argument
        |> Result.map (fun number -> (Option.defaultValue 0 entry.Destination <<< 5) ||| number)

    let inArray code destination =
        code
        |> Result.bind (fun code -> simple (Ok(code >>> 8)) (Ok(Known(code &&& 255))) destination)

    match entry.Form, operation.Arguments with
    | TwoSources, [ a; b; d ] -> simple (source1Code a) (second b) (destinationCode d)
    | OneSource, [ b; d ] -> simple (Ok fixed1) (second b) (destinationCode d)
    | ThreeSources, [ a; b; c; d ] ->
        join
            (source1Code a)
            (second b)
            (destinationCode d)
            (Result.map Some (source3Code c))
            (Ok None)
    | TwoAndByte, [ a; b; c; d ] ->
        join (source1Code a) (second b) (destinationCode d) (Result.map Some (byteOf c)) (Ok None)
    | OneAndByte, [ b; c; d ] ->
        join (Ok fixed1) (second b) (destinationCode d) (Result.map Some (byteOf c)) (Ok None)
    | Comparison, [ a; b; p ] -> simple (source1Code a) (second b) (compared p)
    | Test, [ b; p ] -> simple (Ok fixed1) (second b) (compared p)
    | Merge, [ a; b; d; p ] ->
        join
            (source1Code a)
            (second b)
            (destinationCode d)
            (Ok None)
            (Result.map Some (conditionOf p))
    | MergeAndThen, [ a; b; c; d; p ] ->
        join
            (source1Code a)
            (second b)
            (destinationCode d)
            (Result.map Some (source3Code c))
            (Result.map Some (conditionOf p))
    | Load, [ a; b; d ] -> simple (source1Code a) (second b) (destinationCode d)
    | Load, [ address; d ] -> withAddress address (destinationCode d)
    | Store, [ a; b; d ] -> simple (source1Code a) (second b) (source3Code d)
    | Store, [ d; address ] -> withAddress address (source3Code d)
    | ArrayStore, [ d; descriptor; index ] ->
        inArray (arrayAddress descriptor index) (source3Code d)
    | ArrayLoad, [ descriptor; index; d ] ->
        inArray (arrayAddress descriptor index) (destinationCode d)
    | ArrayRead, [ Named(false, name); d ] -> inArray (arrayRegisterCode name) (destinationCode d)
    | ArrayWrite, [ d; Named(false, name) ] -> inArray (arrayRegisterCode name) (source3Code d)
    | StateRead, [ state; d ] -> simple (stateCode table state) (Ok(Known 0xc0)) (destinationCode d)
    | StateWrite, [ b; state ] -> simple (Ok fixed1) (second b) (stateCode table state)
    | Jump, [ b; d ] -> simple (Ok fixed1) (second b) (source3Code d)
    | JumpCall, [ b; d ] ->
        let window = Operation.setting "wbs" operation |> Option.defaultValue 0L |> int
        simple (Ok(window &&& 127)) (second b) (source3Code d)
    | _ -> illegal "E2K-OPS-003" $"{operation.Name} does not take these operands"

/// E2K-OPS-005: the channels an operation takes: one, or the pair its own is in.
let private channelsOf (entry: Entry) channel =
    match
        entry.Pairs |> List.tryFind (fun (first, second) -> first = channel || second = channel)
    with
    | Some(first, second) -> [ first; second ]
    | None -> [ channel ]

let private stepsOf (entry: Entry) (operation: Operation) =
    let isQuad index =
        not entry.Pairs.IsEmpty
        && List.tryItem index entry.Widths |> Option.flatten = Some Quad
        && (match List.tryItem index operation.Arguments with
            | Some(Register _) -> true
            | _ -> false)

    let step index = if isQuad index then 1 else 0

    match entry.Form with
    | TwoSources -> step 0, step 1
    | OneSource -> 0, step 0
    | _ -> 0, 0

/// E2K-OPS-005: what is twice 64 bits begins at an even register: a source that advances, and the
/// destination or stored value of an access to memory or of a move of such a source.
let private aligned (entry: Entry) (step1, step2) (source1, source2, destination, low, merge) =
    let even isIt code = if isIt then code &&& ~~~1 else code

    let isAccess =
        (entry.Form = Load || entry.Form = Store)
        && List.tryItem 2 entry.Widths |> Option.flatten = Some Quad

    let isRegister = destination < 0xc0 || destination >= 0xe0
    let isMove = entry.Form = OneSource && not isRegister
    let isConversion = entry.Form = TwoSources

    let second =
        match source2 with
        | Known code -> Known(even (step2 = 1) code)
        | Wanted _ -> source2

    let isPair = not entry.Pairs.IsEmpty

    even (step1 = 1) source1,
    second,
    even (isPair && (isAccess || isMove || isConversion)) destination,
    low,
    merge

/// E2K-REG-012: a register of the memory unit is reached by a load or a store of a double word at
/// its number, with the unit's specifier.
let private ofMemoryUnit (table: Table) (operation: Operation) =
    let through name register arguments =
        match table.MemoryUnit |> Map.tryFind register with
        | None -> illegal "E2K-REG-012" $"the memory unit has no register %%{register}"
        | Some(offset, mas) ->
            let number = Operation.constant (int64 offset)

            let index =
                if offset < 16 then
                    Number number
                else
                    Literal(Bits16, None, number)

            Ok {
                operation with
                    Name = name
                    Arguments = arguments (Number(Operation.constant 0L)) index
                    Settings = [ "mas", Operation.constant (int64 mas) ]
            }

    match operation.Name, operation.Arguments with
    | "mmurw", [ value; Named(false, name) ] ->
        through "std" name (fun zero index -> [ zero; index; value ])
    | "mmurr", [ Named(false, name); value ] ->
        through "ldd" name (fun zero index -> [ zero; index; value ])
    | _ -> Ok operation

/// An operation of a channel as fields, if the version has it there.
let draft
    (table: Table)
    (version: int)
    (resolve: Resolve)
    (written: Operation)
    : Result<Draft, Illegal> =
    match ofMemoryUnit table written, written.Channel with
    | Error wrong, _ -> Error wrong
    | Ok operation, None -> illegal "E2K-OPS-001" $"{operation.Name} needs a channel"
    | Ok operation, Some channel ->
        match table.ByName |> Map.tryFind operation.Name with
        | None -> illegal "E2K-OPS-001" $"there is no operation {operation.Name}"
        | Some entry when
            not (
                channelsOf entry channel |> List.exists (fun one -> Table.isLegal version one entry)
            )
            ->
            illegal
                "E2K-OPS-004"
                $"{operation.Name} cannot stand in channel {channel} in version {version}"
        | Some entry ->
            fieldsOf table resolve entry operation
            |> Result.map (aligned entry (stepsOf entry operation))
            |> Result.map (fun (source1, source2, destination, low, merge) -> {
                Entry = entry
                Channels = channelsOf entry channel
                Written = channel
                Speculative = operation.Speculative
                Source1 = source1
                Source2 = source2
                Destination = destination
                Low = low
                Steps = stepsOf entry operation
                Specifier =
                    match Operation.setting "mas" operation, entry.Form with
                    | Some mas, _ -> int mas &&& 127
                    | None, (ArrayRead | ArrayWrite) -> 0x3f
                    | None, _ -> 0
                Guard = operation.Guard
                MergeOn = merge
            })

/// The syllable and half-syllable of a draft in the channel that is its first or second.
let syllablesOf (draft: Draft) (source2: int) (index: int) : uint32 * uint16 option =
    let step1, step2 = draft.Steps
    let source1 = (draft.Source1 + step1 * index) &&& 255
    let second = (source2 + step2 * index) &&& 255
    let destination = (draft.Destination + index) &&& 255
    let channel = draft.Channels[index]

    let als =
        (if draft.Speculative then 1u <<< 31 else 0u)
        ||| (uint32 draft.Entry.Opcode <<< 24)
        ||| (uint32 source1 <<< 16)
        ||| (uint32 second <<< 8)
        ||| uint32 destination

    let half =
        match draft.Entry.Extensions[channel % 3] with
        | NoHalf -> None
        | Whole half -> Some half
        | High high -> Some(uint16 (high <<< 8 ||| Option.defaultValue 0 draft.Low))

    als, half
