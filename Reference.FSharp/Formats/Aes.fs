/// AES as FIPS 197 says it, byte by byte, and the modes disks are encrypted in. For a reader: it is
/// slow, and how long it takes depends on the key. Spec: spec/block/simd.md.
module Ashlar.Reference.Formats.Aes

/// The product of two elements of the field of 256.
let rec private times (a: byte) (b: byte) : byte =
    if b = 0uy then
        0uy
    else
        let doubled = (a <<< 1) ^^^ (if a &&& 0x80uy <> 0uy then 0x1Buy else 0uy)
        (if b &&& 1uy = 1uy then a else 0uy) ^^^ times doubled (b >>> 1)

let private rotate (by: int) (value: byte) = (value <<< by) ^^^ (value >>> (8 - by))

/// The substitution: the inverse, then an affine map.
let private substitution =
    let inverse value =
        [| 0uy .. 255uy |]
        |> Array.tryFind (fun other -> times value other = 1uy)
        |> Option.defaultValue 0uy

    [| 0uy .. 255uy |]
    |> Array.map (fun value ->
        let root = inverse value

        root ^^^ rotate 1 root ^^^ rotate 2 root ^^^ rotate 3 root ^^^ rotate 4 root ^^^ 0x63uy)

let private substitutionBack =
    [| 0uy .. 255uy |]
    |> Array.map (fun value -> byte (Array.findIndex ((=) value) substitution))

let private substitute (bytes: byte[]) = bytes |> Array.map (fun value -> substitution[int value])

let private add (a: byte[]) (b: byte[]) = Array.map2 (^^^) a b

/// The keys of the rounds, 16 bytes each (BLK-SIMD-007).
let private schedule (key: byte[]) : byte[] list =
    let words = key.Length / 4

    let next (all: byte[] list, constant: byte) index =
        let last = all.Head

        let changed =
            if index % words = 0 then
                let turned = [| last[1]; last[2]; last[3]; last[0] |]
                add (substitute turned) [| constant; 0uy; 0uy; 0uy |]
            elif words > 6 && index % words = 4 then
                substitute last
            else
                last

        add (List.item (words - 1) all) changed :: all,
        (if index % words = 0 then times constant 2uy else constant)

    let first = key |> Array.chunkBySize 4 |> List.ofArray |> List.rev

    [ words .. 4 * (words + 7) - 1 ]
    |> List.fold next (first, 1uy)
    |> fst
    |> List.rev
    |> List.chunkBySize 4
    |> List.map Array.concat

/// Byte `row` of each column moves by `row` columns.
let private shiftRows (direction: int) (state: byte[]) =
    Array.init 16 (fun place ->
        let column, row = place / 4, place % 4
        state[(column + direction * row + 4) % 4 * 4 + row])

let private mixColumns (factors: byte[]) (state: byte[]) =
    Array.init 16 (fun place ->
        let column, row = place / 4, place % 4

        Seq.fold
            (fun sum other ->
                sum ^^^ times state[column * 4 + other] factors[(other - row + 4) % 4])
            0uy
            [ 0..3 ])

/// One block under a key of 16, 24 or 32 bytes (BLK-SIMD-007).
let encryptBlock (key: byte[]) : byte[] -> byte[] =
    let keys = schedule key
    let last = List.last keys
    let inner = keys[1 .. keys.Length - 2]

    fun block ->
        let round state key =
            substitute state |> shiftRows 1 |> mixColumns [| 2uy; 3uy; 1uy; 1uy |] |> add key

        let state = List.fold round (add block keys.Head) inner
        substitute state |> shiftRows 1 |> add last

/// One block back (BLK-SIMD-007).
let decryptBlock (key: byte[]) : byte[] -> byte[] =
    let keys = schedule key |> List.rev
    let last = List.last keys
    let inner = keys[1 .. keys.Length - 2]

    let back state = shiftRows -1 state |> Array.map (fun value -> substitutionBack[int value])

    fun block ->
        let round state key = back state |> add key |> mixColumns [| 14uy; 11uy; 13uy; 9uy |]

        let state = List.fold round (add block keys.Head) inner
        back state |> add last

/// Times x in the field of 2^128 elements, the lowest byte first.
let private doubled (tweak: byte[]) =
    let shifted =
        Array.init 16 (fun place ->
            let carried = if place = 0 then 0uy else tweak[place - 1] >>> 7
            (tweak[place] <<< 1) ^^^ carried)

    if tweak[15] &&& 0x80uy <> 0uy then
        shifted[0] <- shifted[0] ^^^ 0x87uy

    shifted

let private xts crypt (key: byte[]) (start: byte[]) (sector: byte[]) =
    let dataKey, tweakKey = key |> Array.splitAt (key.Length / 2)
    let block = crypt dataKey

    let tweaks =
        Seq.unfold (fun tweak -> Some(tweak, doubled tweak)) (encryptBlock tweakKey start)

    Seq.zip (Array.chunkBySize 16 sector) tweaks
    |> Seq.map (fun (bytes, tweak) -> add tweak (block (add tweak bytes)))
    |> Array.concat

/// A sector in XTS mode; the start is what its number gives (BLK-SIMD-008).
let encryptXts key start sector = xts encryptBlock key start sector

/// The same, back (BLK-SIMD-008).
let decryptXts key start sector = xts decryptBlock key start sector

/// A sector in CBC mode, back; each block was added to the encrypted one before it (FMT-LUKS-012).
let decryptCbc (key: byte[]) (start: byte[]) (sector: byte[]) : byte[] =
    let block = decryptBlock key
    let blocks = Array.chunkBySize 16 sector
    let before = Array.append [| start |] blocks[.. blocks.Length - 2]

    Array.map2 (fun bytes previous -> add previous (block bytes)) blocks before
    |> Array.concat
