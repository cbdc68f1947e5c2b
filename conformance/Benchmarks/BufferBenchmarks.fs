/// The engine's loops over bytes, each beside the library's helper for the same work, a loop word
/// by word, and a copy of the buffer, which is what memory allows.
namespace Ashlar.Conformance.Benchmarks

open System
open System.Buffers.Binary
open System.Numerics
open System.Runtime.InteropServices
open System.Security.Cryptography
open BenchmarkDotNet.Attributes
open Ashlar.Block

/// What a caller would write without vectors.
module private Plain =
    let words (bytes: byte[]) : Span<uint64> = MemoryMarshal.Cast<byte, uint64>(Span bytes)

    let firstNonZero (words: ReadOnlySpan<uint64>) =
        let mutable place = 0

        while place < words.Length && words[place] = 0UL do
            place <- place + 1

        place

    let commonWords (one: ReadOnlySpan<uint64>) (other: ReadOnlySpan<uint64>) =
        let mutable place = 0

        while place < one.Length && one[place] = other[place] do
            place <- place + 1

        place

    let turn (source: ReadOnlySpan<uint64>) (target: Span<uint64>) =
        for place in 0 .. source.Length - 1 do
            target[place] <- BinaryPrimitives.ReverseEndianness source[place]

    let count (words: ReadOnlySpan<uint64>) =
        let mutable sum = 0

        for place in 0 .. words.Length - 1 do
            sum <- sum + BitOperations.PopCount words[place]

        sum

    let merge (into: Span<uint64>) (from: ReadOnlySpan<uint64>) =
        for place in 0 .. into.Length - 1 do
            into[place] <- into[place] ||| from[place]

    let checksum (words: ReadOnlySpan<uint64>) =
        let mutable state = ~~~0u

        for place in 0 .. words.Length - 1 do
            state <- BitOperations.Crc32C(state, words[place])

        ~~~state

/// Loops over buffers of zeroes, so that each of them goes to the end.
type Buffers() =
    let mutable one: byte[] = [||]
    let mutable other: byte[] = [||]

    /// Bytes of one call: within the nearest cache, the piece of a copy, and beyond most caches.
    [<Params(4096, 2097152, 67108864)>]
    member val Bytes = 0 with get, set

    [<GlobalSetup>]
    member this.Setup() =
        // Touched, for what never was written is one page of the kernel's.
        let touched () =
            let bytes = Array.create this.Bytes 1uy
            Array.Clear bytes
            bytes

        one <- touched ()
        other <- touched ()

    [<Benchmark(Baseline = true)>]
    member _.Copy() = one.CopyTo(other.AsSpan())

    [<Benchmark>]
    member _.Zeroes() = ZeroBytes.First(ReadOnlySpan one)

    [<Benchmark>]
    member _.ZeroesBySpan() = one.AsSpan().IndexOfAnyExcept 0uy

    [<Benchmark>]
    member _.ZeroesByWords() = Plain.firstNonZero (Span.op_Implicit (Plain.words one))

    [<Benchmark>]
    member _.LastZeroes() = ZeroBytes.Last(ReadOnlySpan one)

    [<Benchmark>]
    member _.LastZeroesBySpan() = one.AsSpan().LastIndexOfAnyExcept 0uy

    [<Benchmark>]
    member _.Equal() = EqualBytes.CommonLength(ReadOnlySpan one, ReadOnlySpan other)

    [<Benchmark>]
    member _.EqualBySpan() = one.AsSpan().CommonPrefixLength(ReadOnlySpan other)

    [<Benchmark>]
    member _.EqualByWords() =
        Plain.commonWords
            (Span.op_Implicit (Plain.words one))
            (Span.op_Implicit (Plain.words other))

    [<Benchmark>]
    member _.BigEndian() =
        BigEndianTable.Convert(Span.op_Implicit (Plain.words one), Plain.words other)

    [<Benchmark>]
    member _.BigEndianBySpan() =
        BinaryPrimitives.ReverseEndianness(Span.op_Implicit (Plain.words one), Plain.words other)

    [<Benchmark>]
    member _.BigEndianByWords() =
        Plain.turn (Span.op_Implicit (Plain.words one)) (Plain.words other)

    [<Benchmark>]
    member _.NextSetBit() = BitRuns.NextSet(ReadOnlySpan one, 0L)

    [<Benchmark>]
    member _.Count() = BitRuns.Count(ReadOnlySpan one)

    [<Benchmark>]
    member _.CountByWords() = Plain.count (Span.op_Implicit (Plain.words one))

    [<Benchmark>]
    member _.Merge() = BitRuns.Merge(Span other, ReadOnlySpan one)

    [<Benchmark>]
    member _.MergeByWords() = Plain.merge (Plain.words other) (Span.op_Implicit (Plain.words one))

    [<Benchmark>]
    member _.Checksum() = Crc32C.Append(0u, ReadOnlySpan one)

    [<Benchmark>]
    member _.ChecksumByWords() = Plain.checksum (Span.op_Implicit (Plain.words one))

/// Sectors of 512 bytes under AES-256 in XTS mode.
type Ciphers() =
    let key = Array.init 64 byte
    let mutable sectors: byte[] = [||]
    let mutable starts: byte[] = [||]
    let mutable here = Unchecked.defaultof<AesXts>
    let mutable library = Unchecked.defaultof<AesXts>
    let mutable aes = Unchecked.defaultof<Aes>

    [<Params(512, 4096, 65536)>]
    member val Bytes = 0 with get, set

    [<GlobalSetup>]
    member this.Setup() =
        sectors <- Array.zeroCreate this.Bytes
        starts <- Array.zeroCreate (this.Bytes / 32)
        here <- new AesXts(ReadOnlySpan key)

        library <-
            new AesXts(
                new LibraryAes(ReadOnlySpan key[..31]),
                new LibraryAes(ReadOnlySpan key[32..])
            )

        aes <- Aes.Create(Key = key[..31])

    /// What the library's AES takes alone, without the mode.
    [<Benchmark(Baseline = true)>]
    member _.LibraryBlocks() = aes.EncryptEcb(ReadOnlySpan sectors, Span sectors, PaddingMode.None)

    [<Benchmark>]
    member _.Encrypt() = here.Encrypt(Span sectors, Span starts)

    [<Benchmark>]
    member _.Decrypt() = here.Decrypt(Span sectors, Span starts)

    [<Benchmark>]
    member _.EncryptByLibrary() = library.Encrypt(Span sectors, Span starts)
