/// Operand bytes: registers, small constants, selectors of literals, special destinations, and the
/// fields of the array unit. Requirements: spec/e2k/operands.md.
module Ashlar.Reference.E2k.Operands

open System

let internal illegal rule reason : Result<'a, Illegal> = Error { Rule = rule; Reason = reason }

/// E2K-REG-001: the register an operand byte names.
let registerOf (width: Width) (code: int) : Argument option =
    if code < 0x80 then
        Some(Register(width, Based, code))
    elif code < 0xc0 then
        Some(Register(width, Window, code - 0x80))
    elif code >= 0xe0 then
        Some(Register(width, Global, code - 0xe0))
    else
        None

/// The operand byte of a register.
let codeOf (file: File) (number: int) : Result<int, Illegal> =
    match file with
    | Based when number >= 0 && number < 128 -> Ok number
    | Window when number >= 0 && number < 64 -> Ok(0x80 + number)
    | Global when number >= 0 && number < 32 -> Ok(0xe0 + number)
    | _ -> illegal "E2K-REG-001" $"there is no register {number} in this file"

/// E2K-REG-005: destinations that are no register.
let private specials = [
    "tst", 0xcd
    "tc", 0xce
    "tcd", 0xcf
    "ctpr1", 0xd1
    "ctpr2", 0xd2
    "ctpr3", 0xd3
    "empty", 0xdf
]

/// A code for which there is no name is written as a name all the same: `%0x3a`.
let private unnamed (code: int) = Named(false, $"0x{code:x2}")

let internal unnamedCode (name: string) =
    match
        name.StartsWith "0x",
        Int32.TryParse(
            name.Substring(min 2 name.Length),
            Globalization.NumberStyles.HexNumber,
            null
        )
    with
    | true, (true, code) when code >= 0 && code < 256 -> Some code
    | _ -> None

/// The destination a byte names.
let destinationOf (width: Width) (code: int) : Argument =
    match registerOf width code, specials |> List.tryFind (fun (_, special) -> special = code) with
    | Some register, _ -> register
    | None, Some(name, _) -> Named(false, name)
    | None, None -> unnamed code

/// The byte of a destination.
let destinationCode (argument: Argument) : Result<int, Illegal> =
    match argument with
    | Register(_, file, number) -> codeOf file number
    | Named(false, name) ->
        match specials |> List.tryFind (fun (special, _) -> special = name), unnamedCode name with
        | Some(_, code), _
        | None, Some code -> Ok code
        | None, None -> illegal "E2K-REG-005" $"%%{name} is no destination"
    | _ -> illegal "E2K-REG-005" "a register is wanted as destination"

/// E2K-REG-002: src1 is a register or a number from 0 to 31.
let source1Of (width: Width) (code: int) : Argument =
    match registerOf width code with
    | Some register -> register
    | None -> Number(Operation.constant (int64 (code - 0xc0)))

/// The byte of src1.
let source1Code (argument: Argument) : Result<int, Illegal> =
    match argument with
    | Register(_, file, number) -> codeOf file number
    | Number { Symbol = None; Offset = number } when number >= 0L && number < 32L ->
        Ok(0xc0 + int number)
    | _ -> illegal "E2K-REG-002" "the first operand is a register or a number from 0 to 31"

/// A third source, or the value of a store: a register.
let source3Of (width: Width) (code: int) : Argument =
    match registerOf width code with
    | Some register -> register
    | None -> unnamed code

/// The byte of a third source or of a stored value.
let source3Code (argument: Argument) : Result<int, Illegal> =
    match argument with
    | Register(_, file, number) -> codeOf file number
    | Named(false, name) when (unnamedCode name).IsSome -> Ok (unnamedCode name).Value
    | _ -> illegal "E2K-REG-003" "a register is wanted here"

/// E2K-REG-004: what a byte of src2 selects.
type Source2 =
    | FromRegister of int
    | Constant of int
    | FromLiteral of LiteralSize * Place

/// The reading of a byte of src2.
let source2Of (code: int) : Result<Source2, Illegal> =
    let literal size index high = Ok(FromLiteral(size, { Index = index; High = high }))

    match code with
    | code when code < 0xc0 || code >= 0xe0 -> Ok(FromRegister code)
    | code when code < 0xd0 -> Ok(Constant(code - 0xc0))
    | 0xd0
    | 0xd1 -> literal Bits16 (code - 0xd0) false
    | 0xd4
    | 0xd5 -> literal Bits16 (code - 0xd4) true
    | code when code >= 0xd8 && code < 0xdc -> literal Bits32 (code - 0xd8) false
    | code when code >= 0xdc && code < 0xdf -> literal Bits64 (code - 0xdc) false
    | _ -> illegal "E2K-REG-004" $"the second operand byte {code:x2} selects nothing"

/// The byte of src2 that selects a literal.
let literalCode (size: LiteralSize) (place: Place) : int =
    match size with
    | Bits16 -> (if place.High then 0xd4 else 0xd0) + place.Index
    | Bits32 -> 0xd8 + place.Index
    | Bits64 -> 0xdc + place.Index

/// E2K-REG-008: registers of the array unit by kind: the low seven bits, and which bits of the
/// sixteen hold the number (0 where there is none).
let private arrayKinds = [
    "aad", 0x00, 11, 5
    "aasti", 0x04, 7, 4
    "aaind", 0x08, 7, 4
    "aaincr", 0x0c, 7, 4
    "aaldi", 0x10, 11, 5
    "aalda", 0x14, 11, 5
    "aafstr", 0x20, 0, 0
    "aaldv", 0x24, 0, 0
    "aaldm", 0x28, 0, 0
    "aabf", 0x30, 7, 4
    "aadr", 0x40, 11, 5
    "aasti_tag", 0x44, 0, 0
    "aaind_tag", 0x48, 0, 0
    "aaincr_tag", 0x4c, 0, 0
    "aasr", 0x6c, 0, 0
]

/// The name of a register of the array unit, where its sixteen bits are one.
let arrayRegisterOf (code: int) : string option =
    arrayKinds
    |> List.tryPick (fun (name, low, position, width) ->
        let number = code >>> position &&& ((1 <<< width) - 1)

        if code = (low ||| (number <<< position)) && code &&& 0x7f = low then
            Some(if width = 0 then name else $"{name}{number}")
        else
            None)

/// A name that ends in a number, as its two parts.
let internal numbered (name: string) =
    let stem = name.TrimEnd [| '0' .. '9' |]

    match Int32.TryParse(name.Substring stem.Length) with
    | true, number -> Some(stem, number)
    | _ -> None

/// The number of a name that is a stem and a number.
let internal numberOf (stem: string) (name: string) =
    match numbered name with
    | Some(found, number) when found = stem -> Some number
    | _ -> None

/// The sixteen bits of a register of the array unit.
let arrayRegisterCode (name: string) : Result<int, Illegal> =
    let found =
        arrayKinds
        |> List.tryPick (fun (kind, low, position, width) ->
            match width, numberOf kind name with
            | 0, _ when kind = name -> Some low
            | width, Some number when width > 0 && number < (1 <<< width) ->
                Some(low ||| (number <<< position))
            | _ -> None)

    match found with
    | Some code -> Ok code
    | None -> illegal "E2K-REG-008" $"the array unit has no register %%{name}"
