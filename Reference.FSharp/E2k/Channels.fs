/// The arithmetic-logic channels: a syllable with its half-syllable as an operation, and back.
/// Requirements: spec/e2k/operations.md.
module Ashlar.Reference.E2k.Channels

open Ashlar.Reference.E2k.Operands

/// E2K-OPS-010: where CS1 keeps a channel's address specifier of seven bits.
let internal specifierShift (channel: int) =
    match channel with
    | 0 -> Some 21
    | 2 -> Some 14
    | 3 -> Some 7
    | 5 -> Some 0
    | _ -> None

/// The address specifier of a channel, 0 where none is said.
let specifierOf (control1: uint32 option) (channel: int) : int =
    match control1, specifierShift channel with
    | Some word, Some shift when word >>> 28 = 6u -> int (word >>> shift) &&& 127
    | _ -> 0

/// The specifier that means the array unit's own registers.
let private arrayUnit = 0x3f

let private matches
    (version: int)
    (channel: int)
    (als: uint32)
    (half: uint16 option)
    (entry: Entry)
    =
    let extension =
        match entry.Extensions[channel % 3], half with
        | NoHalf, None -> true
        | Whole whole, Some half -> whole = half
        | High high, Some half -> high = (int half >>> 8)
        | _ -> false

    let agrees expected actual = Option.forall ((=) actual) expected

    extension
    && Table.isLegal version channel entry
    && agrees entry.Source1 (Syllables.field 16 8 als)
    && agrees entry.Destination (Syllables.field 5 3 als)

let private widthAt (entry: Entry) index =
    List.tryItem index entry.Widths |> Option.flatten |> Option.defaultValue Single

/// E2K-LIT-005: a literal is written without its place where the assembler would choose the same.
let private literalOf
    (placed: Map<LiteralSize * Place, bool>)
    free
    size
    place
    : Result<Argument, Illegal> =
    match Literals.read free size place with
    | None -> illegal "E2K-LIT-002" $"literal syllable {place.Index} is not there"
    | Some bits ->
        let isDefault = placed |> Map.tryFind (size, place) |> Option.defaultValue false
        let wanted = if isDefault then None else Some place
        Ok(Literal(size, wanted, Operation.constant (int64 bits)))

/// What decoding a channel needs of the rest of the bundle.
type Surroundings = {
    Table: Table
    Version: int
    Free: uint32 list
    Control1: uint32 option
    /// For each literal used whether its place is the one an assembler chooses.
    Placed: Map<LiteralSize * Place, bool>
    Guards: Guards.Guard list
}

let private source2 around width code =
    match source2Of code with
    | Error wrong -> Error wrong
    | Ok(FromRegister code) ->
        match registerOf width code with
        | Some register -> Ok register
        | None -> illegal "E2K-REG-004" "no register"
    | Ok(Constant number) -> Ok(Number(Operation.constant (int64 number)))
    | Ok(FromLiteral(size, place)) -> literalOf around.Placed around.Free size place

/// E2K-CDS-004: guards of a target in the order in which they are written.
let internal guardsOf (guards: Guards.Guard list) target =
    let isPredicate (guard: Guards.Guard) = guard.Condition.Name.StartsWith "pred"

    let meet (one: Guards.Guard) (other: Guards.Guard) =
        isPredicate one <> isPredicate other && one.Entry / 2 = other.Entry / 2

    match guards |> List.filter (fun (guard: Guards.Guard) -> guard.Target = target) with
    | [ one; other ] when meet one other -> [ other.Condition; one.Condition ]
    | found -> found |> List.map _.Condition

let private mergeCondition around channel =
    match guardsOf around.Guards (Guards.OfMerge channel) with
    | [ condition ] -> Ok [ Named(condition.Negated, condition.Name) ]
    | _ -> illegal "E2K-CDS-005" $"the merge in channel {channel} needs exactly one predicate"

/// The array operation's increment and the bits that name descriptor and index (E2K-REG-009).
let private descriptorAndIndex (code: int) =
    let increments = code &&& 4 = 4

    if code &&& 0x0b <> 0 || (not increments && code &&& 0x70 <> 0) then
        None
    else
        let address = [
            Named(false, $"aad{code >>> 11}")
            Address(Named(false, $"aasti{code >>> 7 &&& 15}"), None)
        ]

        Some(address, (if increments then Some(code >>> 4 &&& 7) else None))

/// Operands and settings of an entry in a channel, and the increment of an array operation.
let private argumentsOf around channel (entry: Entry) (als: uint32) (half: uint16 option) =
    let width = widthAt entry
    let src1, src2 = Syllables.field 16 8 als, Syllables.field 8 8 als
    let dst = Syllables.field 0 8 als
    let low = half |> Option.map (fun half -> int half &&& 255) |> Option.defaultValue 0
    let plain arguments = Ok(arguments, [], None)
    let second index after = source2 around (width index) src2 |> Result.bind after
    let first = source1Of (width 0) src1
    let byte = Number(Operation.constant (int64 low))
    let predicate = Named(false, $"pred{dst &&& 31}")

    match entry.Form with
    | TwoSources
    | Load -> second 1 (fun found -> plain [ first; found; destinationOf (width 2) dst ])
    | Store -> second 1 (fun found -> plain [ first; found; source3Of (width 2) dst ])
    | OneSource -> second 0 (fun found -> plain [ found; destinationOf (width 1) dst ])
    | ThreeSources ->
        second 1 (fun found ->
            plain [ first; found; source3Of (width 2) low; destinationOf (width 3) dst ])
    | TwoAndByte ->
        second 1 (fun found -> plain [ first; found; byte; destinationOf (width 2) dst ])
    | OneAndByte -> second 0 (fun found -> plain [ found; byte; destinationOf (width 1) dst ])
    | Comparison -> second 1 (fun found -> plain [ first; found; predicate ])
    | Test -> second 0 (fun found -> plain [ found; predicate ])
    | Merge ->
        second 1 (fun found ->
            mergeCondition around channel
            |> Result.bind (fun condition ->
                plain ([ first; found; destinationOf (width 2) dst ] @ condition)))
    | MergeAndThen ->
        second 1 (fun found ->
            mergeCondition around channel
            |> Result.bind (fun condition ->
                plain (
                    [ first; found; source3Of (width 2) low; destinationOf (width 3) dst ]
                    @ condition
                )))
    | ArrayStore
    | ArrayLoad ->
        let value =
            if entry.Form = ArrayStore then
                source3Of (width 0) dst
            else
                destinationOf Single dst

        match descriptorAndIndex (src1 <<< 8 ||| src2) with
        | None ->
            illegal "E2K-REG-009" "neither descriptor and index nor a register of the array unit"
        | Some(address, increment) ->
            Ok(
                (if entry.Form = ArrayStore then
                     value :: address
                 else
                     address @ [ value ]),
                [],
                increment
            )
    | ArrayRead
    | ArrayWrite ->
        match arrayRegisterOf (src1 <<< 8 ||| src2) with
        | None -> illegal "E2K-REG-008" $"no register of the array unit is {src1 <<< 8 ||| src2:x4}"
        | Some name when entry.Form = ArrayRead ->
            plain [ Named(false, name); destinationOf Single dst ]
        | Some name -> plain [ source3Of Single dst; Named(false, name) ]
    | StateRead ->
        let name =
            around.Table.StateByCode |> Map.tryFind src1 |> Option.defaultValue $"0x{src1:x2}"

        plain [ Named(false, name); destinationOf (width 1) dst ]
    | StateWrite ->
        let name = around.Table.StateByCode |> Map.tryFind dst |> Option.defaultValue $"0x{dst:x2}"
        second 0 (fun found -> plain [ found; Named(false, name) ])
    | Jump -> second 0 (fun found -> plain [ found; source3Of (width 1) dst ])
    | JumpCall ->
        second 1 (fun found ->
            Ok(
                [ found; source3Of (width 2) dst ],
                [ "wbs", Operation.constant (int64 src1) ],
                None
            ))

/// E2K-REG-009: one opcode is a store through a descriptor and a write of the array unit's own
/// register; specifier and bits decide which it is written as.
let private chooses (mas: int) (als: uint32) (entry: Entry) =
    let code = int (als >>> 8) &&& 0xffff
    let isAddress = (descriptorAndIndex code).IsSome

    match entry.Form with
    | ArrayStore -> mas <> arrayUnit || isAddress
    | ArrayWrite -> mas = arrayUnit && not isAddress
    | ArrayLoad -> mas <> arrayUnit
    | ArrayRead -> mas = arrayUnit
    | _ -> true

/// The entry that a channel's syllables mean in a version (E2K-OPS-002).
let entryOf table version channel (als: uint32) (half: uint16 option) (mas: int) : Entry option =
    let code =
        Syllables.field 24 7 als,
        (half |> Option.map (fun half -> int half >>> 8) |> Option.defaultValue -1)

    table.ByCode
    |> Map.tryFind code
    |> Option.defaultValue []
    |> List.filter (matches version channel als half)
    |> fun entries ->
        entries |> List.tryFind (chooses mas als) |> Option.orElse (List.tryHead entries)

/// A channel's operation, and behind an array operation its increment.
let decode
    (around: Surroundings)
    channel
    (als: uint32)
    (half: uint16 option)
    : Result<Entry * Operation list, Illegal> =
    let mas = specifierOf around.Control1 channel

    match entryOf around.Table around.Version channel als half mas with
    | None ->
        illegal
            "E2K-OPS-002"
            $"no operation of channel {channel} in version {around.Version} is {als:x8}"
    | Some entry ->
        argumentsOf around channel entry als half
        |> Result.map (fun (arguments, settings, increment) ->
            let isOwn = entry.Form = ArrayRead || entry.Form = ArrayWrite

            let specifier =
                if mas = 0 || isOwn then
                    []
                else
                    [ "mas", Operation.constant (int64 mas) ]

            let operation = {
                Name = entry.Mnemonic
                Channel = Some channel
                Speculative = als >>> 31 = 1u
                Arguments = arguments
                Settings = settings @ specifier
                Guard = guardsOf around.Guards (Guards.OfChannel channel)
            }

            let increments =
                match increment with
                | None -> []
                | Some number -> [
                    {
                        Operation.named "incr" with
                            Channel = Some channel
                            Arguments = [ Named(false, $"aaincr{number}") ]
                            Guard = guardsOf around.Guards (Guards.OfIncrement channel)
                    }
                  ]

            entry, operation :: increments)
