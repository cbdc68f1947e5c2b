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

/// Standard streams in memory: an input, and what is written.
type Streams(input: byte[]) =
    let source = new MemoryStream(input)

    /// What went to standard output.
    member val Output = new MemoryStream()

    /// What went to both, the stream's number before the bytes of each call.
    member val All = new MemoryStream()

    interface IHost with
        member _.Read(bytes: Span<byte>) = source.Read bytes

        member this.Write(bytes: ReadOnlySpan<byte>, stream: int) =
            if stream = 1 then
                this.Output.Write bytes

            this.All.WriteByte(byte stream)
            this.All.Write bytes
            bytes.Length

/// This process's standard streams.
type Console() =
    let input = Console.OpenStandardInput()
    let output, errors = Console.OpenStandardOutput(), Console.OpenStandardError()

    interface IHost with
        member _.Read(bytes: Span<byte>) = input.Read bytes

        member _.Write(bytes: ReadOnlySpan<byte>, stream: int) =
            let target = if stream = 1 then output else errors
            target.Write bytes
            target.Flush()
            bytes.Length

/// What may be reached where nothing else is said: files below the current folder, to be read.
let sandbox = FilePolicy "."

/// A host and a policy for the reference.
let reference (host: IHost) (policy: FilePolicy) : Linux.Host =
    let outside = new Outside(host, policy)

    {
        Call =
            fun memory number arguments ->
                outside.Call(ReferenceBytes memory, number, ReadOnlySpan arguments)
    }
