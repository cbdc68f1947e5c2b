/// What is known to end QEMU 7.2 (conformance/findings). A script that ends the daemon says nothing
/// about what would have come later, so the generator mostly keeps away from it.
module Ashlar.Conformance.Killers

open Ashlar.Reference.Block

/// Of a hundred commands drawn that would end the daemon, so many are given to it.
let share = 4

/// A null-co node of a negative size (null-co-negative-size).
let rec private hasNegativeSize (value: Value) : bool =
    match value with
    | Value.Dict members ->
        let isNull = Value.find "driver" members = ValueSome(Value.Str "null-co")

        let isNegative =
            match Value.find "size" members with
            | ValueSome(Value.Int size) -> size < 0L
            | _ -> false

        (isNull && isNegative) || List.exists (snd >> hasNegativeSize) members
    | Value.List items -> List.exists hasNegativeSize items
    | _ -> false

/// Whether the options of an add, or of a reopen's nodes, are known to end the daemon whatever the
/// graph is like.
let isKnown (isReopen: bool) (options: Value list) : bool =
    (isReopen && options.IsEmpty) || List.exists hasNegativeSize options
