/// QMP values as the engine's option values.
module Ashlar.Conformance.Options

open Ashlar.Block
open Ashlar.Reference.Block

/// The same value on the other side.
let rec ofValue (value: Value) : OptionValue =
    match value with
    | Value.Null -> OptionValue.Null
    | Value.Bool b -> if b then OptionValue.True else OptionValue.False
    | Value.Int n -> OptionValue.Of n
    | Value.Str s -> OptionValue.Of s
    | Value.List items ->
        let array = Array.zeroCreate items.Length
        let mutable rest = items
        let mutable at = 0

        while not rest.IsEmpty do
            array[at] <- ofValue rest.Head
            at <- at + 1
            rest <- rest.Tail

        OptionValue.List array
    | Value.Dict members ->
        let keys = Array.zeroCreate members.Length
        let values = Array.zeroCreate members.Length
        let mutable rest = members
        let mutable at = 0

        while not rest.IsEmpty do
            let struct (key, item) = let (k, v) = rest.Head in struct (k, v)
            keys[at] <- key
            values[at] <- ofValue item
            at <- at + 1
            rest <- rest.Tail

        OptionValue.Dictionary(keys, values)
