/// Big-endian numbers in a file that is held in memory. What lies beyond the end reads as zeroes
/// (FMT-QCOW2-110), so every function here is total.
module Ashlar.Reference.Formats.Bytes

open System
open System.Buffers.Binary
open System.Text

/// The file's length in bytes.
let length (bytes: byte[]) = uint64 bytes.LongLength

/// So many bytes from an offset on.
let slice (bytes: byte[]) (offset: uint64) (count: int) : byte[] =
    let result = Array.zeroCreate<byte> count

    if offset < length bytes then
        let there = min (uint64 count) (length bytes - offset)
        Array.blit bytes (int offset) result 0 (int there)

    result

let private number
    (bytes: byte[])
    (offset: uint64)
    (count: int)
    (read: ReadOnlyMemory<byte> -> 'a)
    =
    if length bytes >= uint64 count && offset <= length bytes - uint64 count then
        read (ReadOnlyMemory(bytes, int offset, count))
    else
        read (ReadOnlyMemory(slice bytes offset count))

let u16 bytes offset =
    number bytes offset 2 (fun found -> BinaryPrimitives.ReadUInt16BigEndian found.Span)

let u32 bytes offset =
    number bytes offset 4 (fun found -> BinaryPrimitives.ReadUInt32BigEndian found.Span)

let u64 bytes offset =
    number bytes offset 8 (fun found -> BinaryPrimitives.ReadUInt64BigEndian found.Span)

/// Text of a name; bytes that are no UTF-8 become the mark of what cannot be read.
let text (bytes: byte[]) (offset: uint64) (count: int) =
    Encoding.UTF8.GetString(slice bytes offset count)

/// The next multiple of a power of two.
let roundUp (unit: uint64) (value: uint64) = (value + unit - 1UL) &&& ~~~(unit - 1UL)

/// How many units cover so many bytes; nothing overflows.
let unitsFor (unit: uint64) (value: uint64) =
    value / unit + (if value % unit = 0UL then 0UL else 1UL)
