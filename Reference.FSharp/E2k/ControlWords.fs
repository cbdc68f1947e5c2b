/// The stub and control syllables, the other way: operations as written become SS, CS0, CS1 and
/// what stands in LTS0 by itself. Requirements: spec/e2k/encoding.md (E2K-SS, E2K-CS).
module Ashlar.Reference.E2k.ControlWords

open Ashlar.Reference.E2k.Operands
open Ashlar.Reference.E2k.Drafts

/// What the encoder knows beside the operations: tables, version, the numbers of labels, and the
/// bundle's own address in bytes.
type Setting = { Table: Table; Version: int; Resolve: Resolve; Here: int64 }

let internal valueOf name operation =
    Operation.setting name operation |> Option.defaultValue 0L |> int

let internal firstNumber (operation: Operation) =
    match operation.Arguments with
    | Number { Symbol = None; Offset = number } :: _ -> Some(int number)
    | _ -> None

let private ctprOf (operation: Operation) =
    let wanted = illegal "E2K-CS-001" $"{operation.Name} wants %%ctpr1, %%ctpr2 or %%ctpr3 first"

    match operation.Arguments with
    | Named(false, name) :: _ ->
        match numberOf "ctpr" name with
        | Some number when number >= 1 && number <= 3 -> Ok(uint32 number)
        | _ -> wanted
    | _ -> wanted

/// E2K-CS-002: a number is the field itself, a label is counted in double words from here.
let private displacement (setting: Setting) (argument: Argument) =
    match argument with
    | Number { Symbol = None; Offset = number } -> Ok(uint32 number &&& 0x0fffffffu)
    | Number value ->
        let distance = setting.Resolve value - setting.Here

        if distance % 8L <> 0L || abs distance >= (1L <<< 30) then
            illegal "E2K-CS-002" $"{distance} bytes from here is no multiple of 8 below 2^30"
        else
            Ok(uint32 (distance / 8L) &&& 0x0fffffffu)
    | _ -> illegal "E2K-CS-002" "a label or a number is wanted"

let internal isControl0 name =
    List.contains name [
        "disp"
        "ldisp"
        "sdisp"
        "return"
        "gettsd"
        "ibranch"
        "rbranch"
        "pref"
        "done"
        "iret"
        "glaunch"
    ]

/// CS0 of an operation.
let internal control0 setting (operation: Operation) : Result<uint32, Illegal> =
    let prepared (code: uint32) low =
        match ctprOf operation, low with
        | Ok target, Ok low -> Ok(target <<< 30 ||| (code <<< 28) ||| low)
        | Error wrong, _
        | _, Error wrong -> Error wrong

    let second () =
        match operation.Arguments with
        | [ _; target ] -> displacement setting target
        | _ -> illegal "E2K-CS-001" $"{operation.Name} wants a target"

    match operation.Name with
    | "disp" -> prepared 0u (second ())
    | "ldisp" -> prepared 1u (second ())
    | "sdisp" -> prepared 2u (second ())
    | "return" -> prepared 3u (Ok 0u)
    | "gettsd" -> prepared 3u (Ok 1u)
    | "done" -> Ok 0x30000000u
    | "iret" -> Ok 0x30000002u
    | "glaunch" -> Ok 0x30000004u
    | "pref" ->
        match operation.Arguments with
        | Named(false, name) :: target when (numberOf "ipr" name).IsSome ->
            let distance =
                match target with
                | [ Number { Symbol = None; Offset = number } ] -> uint32 number
                | _ -> uint32 (valueOf "disp" operation)

            Ok(
                0x10000000u
                ||| ((distance &&& 0xffffffu) <<< 4)
                ||| ((uint32 (valueOf "ipd" operation) &&& 1u) <<< 3)
                ||| (uint32 (numberOf "ipr" name).Value &&& 7u)
            )
        | _ -> illegal "E2K-CS-001" "pref wants %ipr0 to %ipr7"
    | _ ->
        match operation.Arguments with
        | [ target ] -> displacement setting target
        | _ -> illegal "E2K-CS-001" $"{operation.Name} wants a target"

let internal isWindow name = List.contains name [ "setwd"; "setbn"; "setbp"; "settr"; "vfrpsz" ]

/// E2K-CS-004, E2K-CS-005: CS1 and LTS0 of window and rotation.
let private window (operations: Operation list) =
    let find name = operations |> List.tryFind (fun operation -> operation.Name = name)

    let field name key low width =
        match find name with
        | Some operation -> (uint32 (valueOf key operation) &&& ((1u <<< width) - 1u)) <<< low
        | None -> 0u

    let flag name bit = if (find name).IsSome then bit else 0u
    let sets = [ "setwd"; "settr"; "vfrpsz" ] |> List.exists (fun name -> (find name).IsSome)

    let control =
        (if not sets then 0x40000000u
         elif (find "vfrpsz").IsSome then 0x10000000u
         else 0u)
        ||| flag "setbn" 0x04000000u
        ||| flag "setbp" 0x08000000u
        ||| flag "settr" 0x02000000u
        ||| field "setbn" "rbs" 0 6
        ||| field "setbn" "rsz" 6 6
        ||| field "setbn" "rcur" 12 6
        ||| field "setbp" "psz" 18 5

    let partitions =
        match find "vfrpsz" with
        | Some operation -> (uint32 (valueOf "rpsz" operation - 1) &&& 31u) <<< 12
        | None -> 0u

    let sizes =
        field "setwd" "wsz" 5 7
        ||| field "setwd" "nfx" 4 1
        ||| field "setwd" "dbl" 3 1
        ||| field "settr" "type" 17 15
        ||| partitions

    control, (if sets then Some sizes else None)

let private isCall name = List.contains name [ "call"; "icall"; "hcall" ]

/// CS1, and what stands in LTS0 by itself.
let internal control1 (operations: Operation list) (specifiers: uint32) =
    let windows = operations |> List.filter (fun operation -> isWindow operation.Name)
    let isCache name = Control.caches |> List.exists (fun (_, known) -> known = name)

    let others =
        operations
        |> List.filter (fun operation ->
            isCall operation.Name
            || isCache operation.Name
            || List.contains operation.Name [ "wait"; "setei"; "setsft" ])

    let call kind operation =
        Ok(0x50000000u ||| kind ||| (uint32 (valueOf "wbs" operation) &&& 127u))

    match windows, others, specifiers with
    | [], [], 0u -> Ok(None, None)
    | [], [], specifiers -> Ok(Some(0x60000000u ||| specifiers), None)
    | windows, [], 0u ->
        let word, sizes = window windows
        Ok(Some word, sizes)
    | [], others, 0u ->
        let word =
            match others with
            | [ one ] when one.Name = "call" -> call 0u one
            | [ one ] when one.Name = "icall" -> call 0x80u one
            | [ one ] when one.Name = "hcall" -> call 0x100u one
            | [ one ] when one.Name = "wait" ->
                let said =
                    (0x30000000u, Control.waits)
                    ||> List.fold (fun word (name, bit) ->
                        word ||| ((uint32 (valueOf name one) &&& 1u) <<< bit))

                // A refinement of waiting for loads or stores is such a waiting (E2K-CS-006).
                let loads = if said &&& 0x500u <> 0u then 8u else 0u
                let stores = if said &&& 0x280u <> 0u then 4u else 0u
                Ok(said ||| loads ||| stores)
            | [ one ] when one.Name = "setei" ->
                Ok(0x20000000u ||| (uint32 (Option.defaultValue 0 (firstNumber one)) &&& 255u))
            | [ one ] when one.Name = "setsft" -> Ok 0x28000000u
            | many when many |> List.forall (fun one -> isCache one.Name) ->
                Ok(
                    (0x70000000u, many)
                    ||> List.fold (fun word one ->
                        word
                        ||| uint32 (
                            Control.caches |> List.find (fun (_, name) -> name = one.Name) |> fst
                        ))
                )
            | _ -> illegal "E2K-CS-003" "two operations want CS1"

        word |> Result.map (fun word -> Some word, None)
    | _ -> illegal "E2K-CS-003" "two operations want CS1"

let internal transfers = [
    "ct"
    "call"
    "icall"
    "hcall"
    "ibranch"
    "rbranch"
    "done"
    "iret"
    "glaunch"
    "ibranchd"
    "icalld"
]

/// The target and condition that the stub takes from a transfer.
let private transferBits (operation: Operation) =
    let guard =
        if operation.Name = "rbranch" then
            { Negated = false; Name = "MLOCK" } :: operation.Guard
        else
            operation.Guard

    let target =
        if operation.Name = "ct" || operation.Name = "call" then
            ctprOf operation
        else
            Ok 0u

    match Control.conditionCode guard, target with
    | Ok condition, Ok target -> Ok(uint32 condition ||| (target <<< 10))
    | Error wrong, _
    | _, Error wrong -> Error wrong

/// E2K-SS-005: transfers of one bundle are one: of one condition, and of one target or none.
let private agree (code: uint32) (other: uint32) =
    let target, otherTarget = code >>> 10, other >>> 10

    code &&& 0x1ffu = (other &&& 0x1ffu)
    && (target = otherTarget || target = 0u || otherTarget = 0u)

/// Transfers whose target is not the stub's.
let private hasNoTarget name = List.contains name [ "icall"; "hcall"; "ibranchd"; "icalld" ]

/// The transfers' bits of the stub.
let private transfer (operations: Operation list) =
    (Ok None, operations |> List.filter (fun one -> List.contains one.Name transfers))
    ||> List.fold (fun sofar operation ->
        match sofar, transferBits operation with
        | Ok None, Ok code -> Ok(Some code)
        | Ok(Some other), Ok code when agree code other -> Ok(Some(code ||| other))
        | Ok(Some _), Ok _ -> illegal "E2K-SS-005" "one transfer leaves a bundle, not two"
        | Error wrong, _
        | _, Error wrong -> Error wrong)
    |> Result.bind (fun code ->
        let hasTarget = Option.exists (fun code -> code >>> 10 <> 0u) code

        if hasTarget && operations |> List.exists (fun one -> hasNoTarget one.Name) then
            illegal "E2K-SS-005" "one transfer leaves a bundle, not two"
        else
            Ok code)

/// The wait for prefetch that is meant where a stub has none written (E2K-SS-001).
let private defaultWait = 3u

/// The stub, where anything asks for one.
let internal stub
    (operations: Operation list)
    (arrayMask: uint32)
    : Result<uint32 option, Illegal> =
    let flag (operation: Operation) =
        Control.stubFlags
        |> List.tryFind (fun (name, _) -> name = operation.Name)
        |> Option.map snd

    let pair (operation: Operation) =
        Control.stubPairs
        |> List.tryFind (fun (name, _, _) -> name = operation.Name)
        |> Option.map (fun (_, (high, low), position) ->
            match firstNumber operation with
            | Some number -> (uint32 number &&& 3u) <<< position
            | None ->
                let bit name = uint32 (valueOf name operation) &&& 1u
                (bit high * 2u + bit low) <<< position)

    let bitsOf (operation: Operation) =
        match operation.Name, flag operation, pair operation with
        | "flushts", _, _ -> Some Control.flushTags
        | "ipd", _, _ -> Some 0u
        | _, Some bits, _
        | _, None, Some bits -> Some bits
        | _ -> None

    let wait =
        operations
        |> List.tryFind (fun operation -> operation.Name = "ipd")
        |> Option.bind firstNumber
        |> Option.map uint32
        |> Option.defaultValue defaultWait

    let isWanted =
        arrayMask <> 0u
        || operations
           |> List.exists (fun one -> (bitsOf one).IsSome || List.contains one.Name transfers)

    transfer operations
    |> Result.bind (fun transfer ->
        let word =
            (Option.defaultValue 0u transfer ||| arrayMask, List.choose bitsOf operations)
            ||> List.fold (|||)

        // What stands beside flushts would not be told from another operation (E2K-SS-003).
        if Syllables.bit 20 word && word &&& 0x3fff0000u <> Control.flushTags then
            illegal "E2K-SS-003" "flushts stands beside no other bits of the stub"
        else
            Ok(if isWanted then Some(word ||| (wait <<< 30)) else None))
