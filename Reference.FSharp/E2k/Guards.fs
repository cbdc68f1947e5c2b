/// The conditional syllables: which predicate guards which channel, increment or merge, as 16-bit
/// entries, six at most. Requirements: spec/e2k/predicates.md (E2K-CDS).
module Ashlar.Reference.E2k.Guards

open Ashlar.Reference.E2k.Operands

/// What an entry decides.
type Target =
    /// Whether the operation of a channel is carried out.
    | OfChannel of int
    /// Whether the increment of a store's index in channel 2 or 5 is carried out.
    | OfIncrement of int
    /// Which source a merge in a channel takes.
    | OfMerge of int
    /// Whether a rotation or renewal that the stub asks for is carried out.
    | OfStub

/// A guard, and which entry says it.
type Guard = { Entry: int; Target: Target; Condition: Condition }

/// E2K-CDS-003: the seven bits of a condition: a predicate, or a comparison of pcnt.
let private conditionOf (negated: bool) (code: int) : Condition option =
    match code >>> 5 with
    | 3 -> Some { Negated = negated; Name = $"pred{code &&& 31}" }
    | 2 -> Some { Negated = negated; Name = $"pcnt{code &&& 31}" }
    | _ -> None

let private codeOf (condition: Condition) =
    match numbered condition.Name with
    | Some("pred", number) when number < 32 -> Ok(0x60 ||| number)
    | Some("pcnt", number) when number < 32 -> Ok(0x40 ||| number)
    | _ -> illegal "E2K-CDS-003" $"%%{condition.Name} guards no channel"

/// The entries of the conditional syllables: the high half of CDS0 first (E2K-CDS-001).
let entriesOf (words: uint32 list) : uint16 list = [
    for word in words do
        uint16 (word >>> 16)
        uint16 word
]

/// E2K-CDS-002: what one entry says of whom; an entry of zero says nothing.
let private readEntry (entry: uint16) : (Target * Condition) list =
    let has position = entry >>> position &&& 1us = 1us
    let first = if has 14 then 3 else 0

    let say negation target =
        conditionOf (has negation) (int entry &&& 127)
        |> Option.map (fun found -> target, found)
        |> Option.toList

    let channels = [
        for index in 0..2 do
            if has (10 + index) then
                index
    ]

    if has 15 && has 13 then
        say 9 OfStub
    else
        [
            for index in channels do
                let channel = first + index
                yield! say (7 + index) (if has 15 then OfMerge channel else OfChannel channel)

            if has 13 then
                yield! say 9 (OfIncrement(first + 2))
        ]

/// All that the conditional syllables say, in their order.
let read (words: uint32 list) : Guard list = [
    for index, entry in List.indexed (entriesOf words) do
        for target, condition in readEntry entry do
            { Entry = index; Target = target; Condition = condition }
]

/// Bits of an entry for a target: those that say whom, and the one that negates.
let private bitsOf (target: Target) =
    let group channel = if channel > 2 then 1 <<< 14 else 0

    match target with
    | OfChannel channel -> group channel ||| (1 <<< (10 + channel % 3)), 7 + channel % 3
    | OfIncrement channel -> group channel ||| (1 <<< 13), 9
    | OfMerge channel -> 1 <<< 15 ||| group channel ||| (1 <<< (10 + channel % 3)), 7 + channel % 3
    | OfStub -> 1 <<< 15 ||| (1 <<< 13), 9

/// Entries of one predicate may be one entry where they are of one group and one kind, and where
/// a shared bit of negation says the same (E2K-CDS-004).
let private canJoin (entry: int) (bits: int) (negation: int) (negated: bool) =
    let groupAndKind = 0xc000
    let sharesNegation = negation = 9 && entry &&& 0x3000 <> 0

    entry &&& groupAndKind = (bits &&& groupAndKind)
    && (entry &&& 0xa000 <> 0xa000)
    && (bits &&& 0xa000 <> 0xa000)
    && (not sharesNegation || (entry >>> 9 &&& 1 = 1) = negated)

/// The conditional syllables, CDS0 first, of guards in the order in which channels have them.
let write (guards: (Target * Condition) list) : Result<uint32 list, Illegal> =
    let rec collect (entries: int list) left =
        match left with
        | [] -> Ok entries
        | (target, condition) :: rest ->
            match codeOf condition with
            | Error wrong -> Error wrong
            | Ok code ->
                let bits, negation = bitsOf target
                let mine = bits ||| (if condition.Negated then 1 <<< negation else 0)

                let joins entry =
                    entry &&& 127 = code && canJoin entry bits negation condition.Negated

                if List.exists joins entries then
                    let index = List.findIndex joins entries
                    collect (entries |> List.updateAt index (entries[index] ||| mine)) rest
                else
                    collect (entries @ [ mine ||| code ]) rest

    match collect [] guards with
    | Error wrong -> Error wrong
    | Ok entries when entries.Length > 6 ->
        illegal "E2K-CDS-001" $"{entries.Length} guards; there is room for 6"
    | Ok entries ->
        entries
        |> List.chunkBySize 2
        |> List.map (fun pair ->
            (uint32 pair[0] <<< 16) ||| (if pair.Length = 2 then uint32 pair[1] else 0u))
        |> Ok
