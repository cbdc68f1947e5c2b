/// The world outside a program, the same for reference and engine: streams, and calls that the
/// reference does not carry out itself, which the engine's class answers for both. Requirements:
/// spec/e2k/linux.md, E2K-SYS-009.
module Ashlar.Conformance.E2k.Hosts

open System
open System.IO
open Ashlar.E2k
open Ashlar.Reference.E2k

/// The reference's memory as calls from outside see it.
type private ReferenceBytes(memory: Memory) =
    interface IGuestBytes with
        member _.TryCopyOut(address: uint64, target: Span<byte>) =
            let mutable isThere = true

            for index in 0 .. target.Length - 1 do
                match memory.TryRead (address + uint64 index) 1 with
                | ValueSome value -> target[index] <- byte value
                | ValueNone -> isThere <- false

            isThere

        member _.AllowsWriteRange(address: uint64, count: uint64) =
            let mutable isAllowed = address <= UInt64.MaxValue - count
            let mutable at = address

            while isAllowed && at < address + count do
                isAllowed <- memory.MayWrite at 1
                at <- (at ||| uint64 (Memory.PageBytes - 1)) + 1UL

            isAllowed

        member _.CopyIn(address: uint64, source: ReadOnlySpan<byte>) =
            for index in 0 .. source.Length - 1 do
                memory.Write (address + uint64 index) 1 (uint64 source[index])

/// Nanoseconds since 1970 when a program in memory begins, and between two looks at a clock.
let private startTime = 1_600_000_000_000_000_000L

let private tick = 1_000_000L

/// A wait is no longer than this, so that time does not run over.
let private waitMax = 3_600_000_000_000L

/// EPIPE
let private brokenPipe = -32

/// Standard streams in memory: an input, and what is written, of which so many bytes are taken
/// before nobody reads; clocks that a look makes go on, and bytes that are the same each time.
type Streams(input: byte[], taken: int) =
    let source = new MemoryStream(input)
    let mutable time = startTime
    let mutable drawn = 0uy
    let mutable left = taken

    new(input) = Streams(input, Int32.MaxValue)

    /// What went to standard output.
    member val Output = new MemoryStream()

    /// What went to both, the stream's number before the bytes of each call.
    member val All = new MemoryStream()

    interface IHost with
        member _.Read(bytes: Span<byte>) = source.Read bytes

        member this.Write(bytes: ReadOnlySpan<byte>, stream: int) =
            let count = min left bytes.Length

            if left = 0 then
                brokenPipe
            else
                left <- left - count
                let bytes = bytes.Slice(0, count)

                if stream = 1 then
                    this.Output.Write bytes

                this.All.WriteByte(byte stream)
                this.All.Write bytes
                count

        member _.Time(_: GuestClock) =
            time <- time + tick
            time

        member _.Wait(nanoseconds: int64) = time <- time + min nanoseconds waitMax

        member _.Draw(bytes: Span<byte>) =
            for index in 0 .. bytes.Length - 1 do
                drawn <- drawn * 5uy + 3uy
                bytes[index] <- drawn

/// What may be reached where nothing else is said: files below the current folder, to be read.
let sandbox = FilePolicy "."

/// A host and a policy for a reference that may have so many pages.
let referenceWithin (pages: int) (host: IHost) (policy: FilePolicy) : Linux.Host =
    let outside = new Outside(host, policy, int64 pages)

    {
        Call =
            fun memory number arguments ->
                outside.Call(ReferenceBytes memory, number, ReadOnlySpan arguments)
    }

/// A host and a policy for the reference.
let reference host policy = referenceWithin Process.pagesMax host policy
