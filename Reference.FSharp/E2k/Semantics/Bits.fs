/// Contents of registers as bit patterns, and their lanes. Requirements: spec/e2k/semantics.md,
/// E2K-SEM-002.
namespace Ashlar.Reference.E2k

/// What a register holds: 64 bits and above them the extension, which is the sign and exponent of
/// an f80 (16 bits) or the high half of 128 bits.
[<Struct>]
type Bits = { Low: uint64; High: uint64 }

/// The type behind the dot of a semantic name, such as i8x16: a letter that says how a lane is
/// read, the lane's width in bits, and the number of lanes.
type Shape = { Kind: char; Width: int; Count: int }

/// Patterns, lanes and the types of lanes.
module Bits =
    let zero = { Low = 0UL; High = 0UL }

    /// 64 bits with nothing above.
    let low (bits: uint64) = { Low = bits; High = 0UL }

    let both (low: uint64) (high: uint64) = { Low = low; High = high }

    /// All ones in a lane of this width.
    let mask (width: int) =
        if width >= 64 then
            System.UInt64.MaxValue
        else
            (1UL <<< width) - 1UL

    /// The low bits of a number.
    let truncate (width: int) (bits: uint64) = bits &&& mask width

    /// A lane read as a signed number.
    let signed (width: int) (bits: uint64) = int64 (bits <<< (64 - width)) >>> (64 - width)

    /// Lane `index` of a width that divides 64, counted from the low end.
    let lane (width: int) (index: int) (bits: Bits) =
        let position = width * index

        if position < 64 then
            truncate width (bits.Low >>> position)
        else
            truncate width (bits.High >>> (position - 64))

    /// The lanes of a register, low end first.
    let lanes (shape: Shape) (bits: Bits) =
        Array.init shape.Count (fun index -> lane shape.Width index bits)

    /// Lanes put together, low end first.
    let join (width: int) (lanes: uint64[]) =
        let mutable low, high = 0UL, 0UL

        for index in 0 .. lanes.Length - 1 do
            let position = width * index

            if position < 64 then
                low <- low ||| (truncate width lanes[index] <<< position)
            else
                high <- high ||| (truncate width lanes[index] <<< (position - 64))

        both low high

    /// E2K-SEM-002: a function of one lane on every lane.
    let map (shape: Shape) (f: uint64 -> uint64) (bits: Bits) =
        if shape.Count = 1 then
            low (f (truncate shape.Width bits.Low))
        else
            lanes shape bits |> Array.map f |> join shape.Width

    /// E2K-SEM-002: a function of two lanes on every pair of lanes.
    let map2 (shape: Shape) (f: uint64 -> uint64 -> uint64) (first: Bits) (second: Bits) =
        if shape.Count = 1 then
            low (f (truncate shape.Width first.Low) (truncate shape.Width second.Low))
        else
            Array.init shape.Count (fun index ->
                f (lane shape.Width index first) (lane shape.Width index second))
            |> join shape.Width

    /// The 128 bits as one number.
    let wide (bits: Bits) = System.UInt128(bits.High, bits.Low)

    /// 128 bits from one number.
    let ofWide (number: System.UInt128) =
        both
            (System.UInt128.op_Explicit number: uint64)
            (System.UInt128.op_Explicit (number >>> 64): uint64)
