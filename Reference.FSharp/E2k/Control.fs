/// The stub and control syllables: header flags, control transfer, waiting, rotation, windows.
/// Requirements: spec/e2k/encoding.md (E2K-SS, E2K-CS).
module Ashlar.Reference.E2k.Control

open Ashlar.Reference.E2k.Operands

let private number (value: int) = Number(Operation.constant (int64 value))
let private setting name (value: int) = name, Operation.constant (int64 value)
let private named name settings = { Operation.named name with Settings = settings }
let private ctpr (index: int) = Named(false, $"ctpr{index}")
let private condition negated name = { Negated = negated; Name = name }

/// Bits of a delayed transfer's mask: the channels whose loads may have been overtaken.
let private overtaken = [ 0, "dt_al0"; 1, "dt_al1"; 2, "dt_al3"; 3, "dt_al4" ]
let private compared = [ 0, "cmp0"; 1, "cmp1"; 2, "cmp3"; 3, "cmp4" ]

/// E2K-SS-004: the nine bits of a transfer's condition.
let conditionOf (code: int) : Result<Condition list, Illegal> =
    let predicate negated = condition negated $"pred{code &&& 31}"
    let loopEnd, notLoopEnd = condition false "LOOP_END", condition false "NOT_LOOP_END"
    let negated = code &&& 1 = 1

    match code >>> 5, code &&& 31 with
    | 0, 0 -> Ok [ condition false "never" ]
    | 1, 0 -> Ok []
    | 2, _ -> Ok [ predicate false ]
    | 3, _ -> Ok [ predicate true ]
    | 4, 0 -> Ok [ loopEnd ]
    | 5, 0 -> Ok [ notLoopEnd ]
    | 6, _ -> Ok [ predicate false; loopEnd ]
    | 7, _ -> Ok [ predicate true; notLoopEnd ]
    | 14, _ -> Ok [ predicate true; loopEnd ]
    | 15, _ -> Ok [ predicate false; notLoopEnd ]
    | 8, mask when mask < 16 ->
        Ok(
            condition false "MLOCK"
            :: [
                for bit, name in overtaken do
                    if mask >>> bit &&& 1 = 1 then
                        condition false name
            ]
        )
    | 9, low when low < 8 ->
        Ok [ condition false "MLOCK"; condition negated (snd compared[low >>> 1]) ]
    | 9, low when low >= 16 && low < 22 ->
        Ok [ condition false "MLOCK"; condition negated $"clp{(low &&& 15) >>> 1}" ]
    | _ -> illegal "E2K-SS-004" $"condition {code:x3} is none"

let private indexOf table name =
    table |> List.tryFind (fun (_, known) -> known = name) |> Option.map fst

let private isMaskOnly (conditions: Condition list) =
    conditions
    |> List.forall (fun one -> not one.Negated && (indexOf overtaken one.Name).IsSome)

/// The nine bits of a condition as written.
let conditionCode (conditions: Condition list) : Result<int, Illegal> =
    let predicate (one: Condition) =
        match numberOf "pred" one.Name with
        | Some index when index < 32 -> Some index
        | _ -> None

    let locked (one: Condition) =
        let negation = if one.Negated then 1 else 0

        match indexOf compared one.Name, numberOf "clp" one.Name with
        | Some index, _ -> Ok(9 <<< 5 ||| (index <<< 1) ||| negation)
        | None, Some index when index < 3 -> Ok(9 <<< 5 ||| 16 ||| (index <<< 1) ||| negation)
        | _ -> illegal "E2K-SS-004" $"%%{one.Name} cannot stand behind %%MLOCK"

    match conditions with
    | [] -> Ok(1 <<< 5)
    | [ { Name = "always" } ] -> Ok(1 <<< 5)
    | [ { Name = "never" } ] -> Ok 0
    | [ { Name = "LOOP_END" } ] -> Ok(4 <<< 5)
    | [ { Name = "NOT_LOOP_END" } ] -> Ok(5 <<< 5)
    | { Name = "MLOCK" } :: rest when isMaskOnly rest ->
        let mask =
            (0, rest)
            ||> List.fold (fun mask one ->
                mask ||| (1 <<< Option.defaultValue 0 (indexOf overtaken one.Name)))

        Ok(8 <<< 5 ||| mask)
    | [ { Name = "MLOCK" }; one ] -> locked one
    | [ one ] when (predicate one).IsSome ->
        Ok((if one.Negated then 3 else 2) <<< 5 ||| (predicate one).Value)
    | [ one ] -> locked one
    | [ one; { Name = "LOOP_END" } ] when (predicate one).IsSome ->
        Ok((if one.Negated then 14 else 6) <<< 5 ||| (predicate one).Value)
    | [ one; { Name = "NOT_LOOP_END" } ] when (predicate one).IsSome ->
        Ok((if one.Negated then 7 else 15) <<< 5 ||| (predicate one).Value)
    | _ -> illegal "E2K-SS-004" "no transfer has this condition"

/// E2K-SS-002: single bits of the stub with a name; combinations before their parts.
let internal stubFlags = [
    "eap", 0x20000000u
    "bap", 0x10000000u
    "slrp", 0x0a000000u
    "srp", 0x08000000u
    "vfdi", 0x04000000u
    "crp", 0x02000000u
]

/// E2K-SS-003: the stub of the other format, of which only one operation is known.
let internal flushTags = 0x14100000u

/// Pairs of bits of the stub: name, settings, position of the low bit.
let internal stubPairs = [
    "abg", ("abgi", "abgd"), 23
    "abn", ("abnf", "abnt"), 21
    "abp", ("abpf", "abpt"), 18
    "alc", ("alcf", "alct"), 16
]

let private flagsOf (stub: uint32) =
    let take (left: uint32, names) (name, bits: uint32) =
        if left &&& bits = bits then
            left &&& ~~~bits, name :: names
        else
            left, names

    let _, names = ((stub, []), stubFlags) ||> List.fold take
    List.rev names

/// What the header and the stub say before the operations of the channels.
let decodeStub (syllables: Syllables) guards (isTransfer: bool) : Result<Operation list, Illegal> =
    let header = [
        if syllables.SetMark then
            Operation.named "set_mark"
        if syllables.LoopMode then
            Operation.named "loop_mode"
        if syllables.Nop > 0 then
            { Operation.named "nop" with Arguments = [ number syllables.Nop ] }
    ]

    match syllables.Stub with
    | None -> Ok header
    | Some stub ->
        let isOther = Syllables.bit 20 stub
        let wait = { Operation.named "ipd" with Arguments = [ number (int (stub >>> 30)) ] }

        if isOther && stub &&& 0x3fff0000u <> flushTags then
            illegal "E2K-SS-003" $"the stub {stub:x8} of the second format is no known operation"
        else

        let guarded =
            match Channels.guardsOf guards Guards.OfStub with
            | [] -> id
            | conditions ->
                fun (operation: Operation) ->
                    match operation.Name with
                    | "srp"
                    | "crp"
                    | "slrp" -> { operation with Guard = conditions }
                    | _ -> operation

        let flags =
            if isOther then
                [ Operation.named "flushts" ]
            else
                [ for name in flagsOf stub -> guarded (Operation.named name) ]
                @ [
                    for name, (high, low), position in stubPairs do
                        let bits = Syllables.field position 2 stub

                        if bits <> 0 then
                            named name [ setting high (bits >>> 1); setting low (bits &&& 1) ]
                ]

        let target = Syllables.field 10 2 stub

        if target <> 0 && not isTransfer then
            conditionOf (Syllables.field 0 9 stub)
            |> Result.map (fun guard ->
                let transfer = {
                    Operation.named "ct" with
                        Arguments = [ ctpr target ]
                        Guard = guard
                }

                header @ [ transfer; wait ] @ flags)
        else
            Ok(header @ [ wait ] @ flags)

let private signed28 (bits: int) = (bits <<< 4) >>> 4

/// E2K-CS-002: a displacement counts double words from the bundle's own address.
let private displacement (word: uint32) =
    Number {
        Symbol = Some "."
        Offset = int64 (signed28 (Syllables.field 0 28 word)) * 8L
    }

/// CS0 (E2K-CS-001): the preparation of a transfer, or a transfer by itself.
let private decodeControl0
    (guard: Condition list)
    (word: uint32)
    : Result<Operation list, Illegal> =
    let target = Syllables.field 30 2 word
    let low = Syllables.field 0 28 word
    let one name arguments = Ok [ { Operation.named name with Arguments = arguments } ]

    match target, Syllables.field 28 2 word with
    | 0, 0 ->
        Ok [
            {
                Operation.named "ibranch" with
                    Arguments = [ displacement word ]
                    Guard = guard
            }
        ]
    | 0, 1 ->
        Ok [
            {
                named "pref" [ setting "disp" (low >>> 4); setting "ipd" (low >>> 3 &&& 1) ] with
                    Arguments = [ Named(false, $"ipr{low &&& 7}") ]
            }
        ]
    | 0, 3 ->
        match low with
        | 0 -> Ok [ { Operation.named "done" with Guard = guard } ]
        | 2 -> Ok [ { Operation.named "iret" with Guard = guard } ]
        | 4 -> Ok [ { Operation.named "glaunch" with Guard = guard } ]
        | _ -> illegal "E2K-CS-001" $"CS0 {word:x8} is no operation"
    | 0, _ -> illegal "E2K-CS-001" $"CS0 {word:x8} is no operation"
    | _, 0 -> one "disp" [ ctpr target; displacement word ]
    | _, 1 -> one "ldisp" [ ctpr target; displacement word ]
    | _, 2 -> one "sdisp" [ ctpr target; number low ]
    | _, _ ->
        match low with
        | 0 -> one "return" [ ctpr target ]
        | 1 -> one "gettsd" [ ctpr target ]
        | _ -> illegal "E2K-CS-001" $"CS0 {word:x8} is no operation"

/// E2K-CS-006: what a wait waits for, and the bit of each.
let internal waits = [
    "sal", 8
    "sas", 7
    "trap", 6
    "ma_c", 5
    "fl_c", 4
    "ld_c", 3
    "st_c", 2
    "all_e", 1
    "all_c", 0
    "mem_mod", 13
    "int", 12
    "mt", 11
    "lal", 10
    "las", 9
]

let private decodeWait version (word: uint32) =
    let shows (name, position) =
        let refines other = version >= 5 && Syllables.bit other word

        match name with
        | "sal" -> refines 3 || Syllables.bit position word
        | "sas" -> refines 2 || Syllables.bit position word
        | "mem_mod"
        | "int"
        | "mt"
        | "lal"
        | "las" -> Syllables.bit position word
        | _ -> true

    waits
    |> List.filter shows
    |> List.map (fun (name, position) -> setting name (Syllables.field position 1 word))
    |> named "wait"

let internal caches = [ 1, "flushr"; 2, "flushc"; 4, "fillr"; 8, "fillc" ]

/// E2K-CS-004, E2K-CS-005: windows and rotation, whose sizes stand in LTS0 where a window is set.
let private decodeWindow version (free: uint32 list) (word: uint32) =
    let kind = word >>> 28
    let bit position = Syllables.bit position word
    let field low width = Syllables.field low width word

    let rotation = [
        if bit 26 then
            named "setbn" [
                setting "rbs" (field 0 6)
                setting "rsz" (field 6 6)
                setting "rcur" (field 12 6)
            ]
        if bit 27 then
            named "setbp" [ setting "psz" (field 18 5) ]
    ]

    if kind = 4u then
        Ok rotation
    else
        match Literals.syllablesOf free with
        | [] ->
            illegal "E2K-CS-004" "a window is set without the literal syllable that holds its size"
        | sizes :: _ ->
            let size low width = Syllables.field low width sizes

            let doubled =
                if version >= 3 || size 3 1 = 1 then
                    [ setting "dbl" (size 3 1) ]
                else
                    []

            Ok(
                [
                    if kind = 1u then
                        named "vfrpsz" [ setting "rpsz" (size 12 5 + 1) ]
                    named "setwd" ([ setting "wsz" (size 5 7); setting "nfx" (size 4 1) ] @ doubled)
                ]
                @ rotation
                @ [
                    if bit 25 then
                        named "settr" [ setting "type" (size 17 15) ]
                ]
            )

let private decodeControl1 version free (stub: uint32 option) control0 guard (word: uint32) =
    let window = Syllables.field 0 7 word
    let target = stub |> Option.map (Syllables.field 10 2) |> Option.defaultValue 0

    let call name arguments =
        Ok [
            {
                named name [ setting "wbs" window ] with
                    Arguments = arguments
                    Guard = guard
            }
        ]

    let low = control0 |> Option.map (Syllables.field 0 28) |> Option.defaultValue 0

    match int (word >>> 28), Syllables.field 7 2 word with
    | (0 | 1 | 4), _ -> decodeWindow version free word
    | 2, _ when Syllables.bit 27 word -> Ok [ Operation.named "setsft" ]
    | 2, _ ->
        Ok [
            {
                Operation.named "setei" with
                    Arguments = [ number (Syllables.field 0 8 word) ]
            }
        ]
    | 3, _ -> Ok [ decodeWait version word ]
    | 5, 0 when target <> 0 -> call "call" [ ctpr target ]
    | 5, 1 -> call "icall" [ number low ]
    | 5, 2 -> call "hcall" [ number (low >>> 1) ]
    | 6, _ -> Ok []
    | 7, _ ->
        Ok [
            for bit, name in caches do
                if Syllables.field 0 28 word &&& bit <> 0 then
                    Operation.named name
        ]
    | _ -> illegal "E2K-CS-003" $"CS1 {word:x8} is no operation"

/// Whether CS1 uses the condition and target of the stub, or CS0, for a call of its own.
let isCall (control1: uint32 option) = control1 |> Option.exists (fun word -> word >>> 28 = 5u)

/// What CS0 and CS1 say behind the operations of the channels.
let decodeControls version (syllables: Syllables) : Result<Operation list, Illegal> =
    let guard =
        match syllables.Stub with
        | Some stub -> conditionOf (Syllables.field 0 9 stub)
        | None -> Ok []

    let isOwnCall =
        syllables.Control1
        |> Option.exists (fun word -> word >>> 28 = 5u && Syllables.field 7 2 word <> 0)

    let needsGuard =
        isCall syllables.Control1
        || syllables.Control0 |> Option.exists (fun word -> word >>> 30 = 0u && word >>> 28 <> 1u)

    match guard with
    | Error wrong when needsGuard -> Error wrong
    | _ ->
        let guard = guard |> Result.defaultValue []

        let first =
            match syllables.Control0 with
            | Some word when not isOwnCall -> decodeControl0 guard word
            | _ -> Ok []

        let second =
            match syllables.Control1 with
            | Some word ->
                decodeControl1 version syllables.Free syllables.Stub syllables.Control0 guard word
            | None -> Ok []

        match first, second with
        | Ok first, Ok second -> Ok(first @ second)
        | Error wrong, _
        | _, Error wrong -> Error wrong
