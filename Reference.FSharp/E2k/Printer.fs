/// Operations as text, in the customary syntax. Requirements: spec/e2k/operands.md (E2K-TXT).
module Ashlar.Reference.E2k.Printer

let private hex (value: Value) =
    match value.Symbol with
    | None -> $"0x{uint64 value.Offset:x}"
    | Some symbol when value.Offset < 0L -> $"{symbol}-0x{-value.Offset:x}"
    | Some symbol when value.Offset = 0L && symbol <> "." -> symbol
    | Some symbol -> $"{symbol}+0x{value.Offset:x}"

let private prefix (width: Width) =
    match width with
    | Single -> ""
    | Double -> "d"
    | Quad -> "q"
    | Packed -> "qp"

/// E2K-TXT-004: an operand.
let rec argument (one: Argument) : string =
    match one with
    | Register(width, Window, number) -> $"%%{prefix width}r{number}"
    | Register(width, Based, number) -> $"%%{prefix width}b[{number}]"
    | Register(width, Global, number) -> $"%%{prefix width}g{number}"
    | Named(negated, name) ->
        let sign = if negated then "~" else ""

        if name.StartsWith '@' then
            sign + name
        else
            $"{sign}%%{name}"
    | Number value -> hex value
    | Literal(size, place, value) ->
        let kind =
            match size with
            | Bits16 -> "_f16s"
            | Bits32 -> "_f32s"
            | Bits64 -> "_f64"

        let where =
            match size, place with
            | _, None -> ""
            | Bits16, Some place -> $",_lts{place.Index}" + (if place.High then "hi" else "lo")
            | _, Some place -> $",_lts{place.Index}"

        $"{kind}{where} {hex value}"
    | Address(first, None) -> $"[ {argument first} ]"
    | Address(first, Some second) -> $"[ {argument first} + {argument second} ]"

/// E2K-TXT-005: conditions, and the sign between them.
let private guard (conditions: Condition list) =
    let name (condition: Condition) =
        let sign = if condition.Negated then "~" else ""

        let mark =
            if condition.Name = "never" || condition.Name = "always" then
                "#"
            else
                "%"

        sign + mark + condition.Name

    let has wanted = conditions |> List.exists (fun condition -> condition.Name = wanted)

    let sign =
        if has "NOT_LOOP_END" then " && "
        elif has "LOOP_END" || has "MLOCK" then " || "
        else ", "

    if conditions.IsEmpty then
        ""
    else
        " ? " + (conditions |> List.map name |> String.concat sign)

/// Settings that are written in hexadecimal.
let private hexadecimal = [
    "mas"
    "wbs"
    "wsz"
    "nfx"
    "dbl"
    "rbs"
    "rsz"
    "rcur"
    "psz"
    "rpsz"
    "type"
    "disp"
]

/// E2K-TXT-003: a setting; pairs of the stub and fetches are written without blanks.
let private setting (operation: string) (name: string, value: Value) =
    match operation, name with
    | ("abg" | "abn" | "abp" | "alc" | "fapb"), _ -> $"{name}={value.Offset}"
    | _, name when List.contains name hexadecimal -> $"{name} = {hex value}"
    | _ -> $"{name} = {value.Offset}"

let private settingsFirst (name: string) = name = "icalld" || Arrays.isMove name

/// E2K-TXT-002: one operation.
let operation (one: Operation) : string =
    let channel =
        one.Channel |> Option.map (fun channel -> $",{channel}") |> Option.defaultValue ""

    let speculative = if one.Speculative then ",sm" else ""

    let settings = one.Settings |> List.map (setting one.Name)

    let arguments =
        match one.Name, one.Arguments with
        | ("nop" | "ipd"), [ Number value ] -> [ string value.Offset ]
        | _, Named(false, name) :: Address(inner, None) :: rest when name.StartsWith "aad" ->
            $"%%{name} [ {argument inner} ]" :: List.map argument rest
        | _, first :: Named(false, name) :: [ Address(inner, None) ] when name.StartsWith "aad" -> [
            argument first
            $"%%{name} [ {argument inner} ]"
          ]
        | _, arguments -> List.map argument arguments

    let operands =
        if settingsFirst one.Name then
            settings @ arguments
        else
            arguments @ settings

    let body =
        if operands.IsEmpty then
            ""
        else
            " " + String.concat ", " operands

    one.Name + channel + speculative + body + guard one.Guard

/// E2K-TXT-001: the operations of a bundle on one line.
let bundle (operations: Operation list) : string =
    operations |> List.map operation |> String.concat " ; "
