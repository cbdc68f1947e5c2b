/// A wide instruction that the reference carried out, as a line: where it stood and what it wrote.
/// The engine writes the same lines. Requirements: spec/e2k/step.md, E2K-RUN-005.
module Ashlar.Conformance.E2k.Retired

open Ashlar.Reference.E2k

/// A register as the wide instruction names it.
let private nameOf (window: WindowPart) (place: int) =
    if place < 0 then
        $"g{-1 - place}"
    else
        $"r{place - window.Base}"

let private shown (register: Register) =
    let high =
        if register.Bits.High = 0UL then
            ""
        else
            $"{register.Bits.High:x}:"

    let tag = if register.Tag = 0 then "" else $"/{register.Tag:x}"
    $"{high}{register.Bits.Low:x}{tag}"

/// Of an invalid predicate no value is to be seen.
let private known (predicates: PredicateFile) = predicates.Values &&& ~~~predicates.Invalid

/// What it wrote, registers first, then bytes, then the predicates if they are others.
let line (change: Change) : string =
    let before, after = change.Before, change.After

    String.concat " " [
        $"{before.Ip:x}"
        for place, register in change.Writes do
            $"{nameOf before.Window place}={shown register}"
        for address, count, value in change.Stores do
            $"[{address:x}+{count}]={Bits.truncate (8 * count) value:x}"
        if
            known before.Predicates <> known after.Predicates
            || before.Predicates.Invalid <> after.Predicates.Invalid
        then
            $"preds={known after.Predicates:x8}/{after.Predicates.Invalid:x8}"
    ]
