/// Bytes as the runs of one value that a content model speaks of (BLK-DATA-003).
module Ashlar.Conformance.Runs

open System
open Ashlar.Reference.Block

/// The runs of a buffer that are not zero, by offset within it.
let ofSpan (bytes: ReadOnlySpan<byte>) : Content =
    let found = ResizeArray<Run>()
    let mutable at = 0

    while at < bytes.Length do
        let value = bytes[at]
        let length = bytes.Slice(at).IndexOfAnyExcept value
        let length = if length < 0 then bytes.Length - at else length

        if value <> 0uy then
            found.Add { Offset = int64 at; Length = int64 length; Byte = value }

        at <- at + length

    List.ofSeq found
