/// Where requests go: a bug in the data path shows only to who reads what was just written, so most
/// ranges are near those of earlier requests, and near the edges at which something changes.
namespace Ashlar.Conformance

open System

/// Offsets and lengths of one script's requests. Shares the generator's stream.
[<Sealed>]
type Ranges(dice: Dice) =
    let lengths = [| 1L; 512L; 512L; 1_000L; 4_096L; 4_096L; 16_384L; 65_536L; 65_536L; 131_072L |]
    let granules = [| 1L; 512L; 4_096L; 65_536L; 65_536L |]

    // The last ranges that were changed, as a ring.
    let starts = Array.zeroCreate<int64> 6
    let ends = Array.zeroCreate<int64> 6
    let mutable count = 0

    /// The most a request moves: what is read is compared byte by byte.
    let lengthMax = 131_072L

    let inside (room: int64) (first: int64) (last: int64) : struct (int64 * int64) =
        let first = max 0L (min first (room - 1L))
        let last = max (first + 1L) (min last room)
        struct (first, min lengthMax (last - first))

    let fresh (room: int64) : struct (int64 * int64) =
        let length = min room (dice.Pick lengths)
        let left = room - length
        let granule = dice.Pick granules
        let mutable offset = int64 (dice.Below(int (min (left / granule) 1_000_000L) + 1)) * granule

        if dice.Percent 15 then
            offset <- left

        if dice.Percent 10 then
            offset <- offset - 256L

        inside room offset (offset + length)

    let near (room: int64) : struct (int64 * int64) =
        let index = dice.Below(min count starts.Length)
        let first, last = starts[index], ends[index]

        match dice.Below 8 with
        | 0
        | 1
        | 2 -> inside room first last
        | 3
        | 4 -> inside room (first - 512L) (last + 512L)
        | 5 -> inside room (first &&& ~~~0xFFFFL) ((last ||| 0xFFFFL) + 1L)
        | 6 -> inside room (first + (last - first) / 4L) (last - (last - first) / 4L)
        | _ -> inside room last (last + dice.Pick lengths)

    let beyond (room: int64) : struct (int64 * int64) =
        match dice.Below 6 with
        | 0 -> struct (-1L, 512L)
        | 1 -> struct (Int64.MaxValue, 1L)
        | 2 -> struct (0L, -512L)
        | 3 -> struct (room + 512L, 512L)
        | _ ->
            let length = min (dice.Pick lengths) (room + 1L)
            struct (room - length + 1L, length)

    /// Remembers that bytes from `first` up to `last` may read differently now.
    member _.Note(first: int64, last: int64) =
        if last > first then
            starts[count % starts.Length] <- first
            ends[count % starts.Length] <- last
            count <- count + 1

    /// A range in a node of that length; now and then one that is a little too long for it.
    member _.Draw(lengthBytes: int64) : struct (int64 * int64) =
        if dice.Percent 6 then beyond lengthBytes
        elif lengthBytes <= 0L then struct (0L, 0L)
        elif count > 0 && dice.Percent 60 then near lengthBytes
        else fresh lengthBytes

    /// The range of the last change.
    member _.Last(lengthBytes: int64) : struct (int64 * int64) =
        if lengthBytes <= 0L || count = 0 then
            struct (0L, 0L)
        else
            let index = (count - 1) % starts.Length
            let reach = dice.Pick [| 0L; 0L; 512L; 4_096L; 65_536L |]
            inside lengthBytes (starts[index] - reach) (ends[index] + reach)
