/// LUKS volumes, version 1: the header, and the disk for who has a passphrase. A function from
/// bytes to contents. Spec: spec/formats/luks.md.
module Ashlar.Reference.Formats.Luks

open System
open System.Buffers.Binary
open System.Security.Cryptography
open System.Text

/// How a volume is encrypted. The key's length is in bytes, and in XTS that of both halves.
type Cipher = {
    KeyBytes: int
    IsXts: bool
    Numbering: string
    NumberingHash: string option
    Hash: string
}

/// A place for the key; offsets in bytes.
type Slot = { IsActive: bool; Iterations: uint32; Salt: byte[]; Offset: uint64 }

type Header = {
    Cipher: Cipher
    Payload: uint64
    Digest: byte[]
    DigestSalt: byte[]
    DigestIterations: uint32
    Slots: Slot list
}

let private sector = 512UL
let private areaBytes = 4096UL
let private stripes = 4000

let private digestBytes = Map [ "sha1", 20; "sha256", 32; "sha384", 48; "sha512", 64 ]

let private nameOf (hash: string) = HashAlgorithmName(hash.ToUpperInvariant())

let private hashOf hash (bytes: byte[]) = CryptographicOperations.HashData(nameOf hash, bytes)

let private cut (bytes: byte[]) = Encoding.Latin1.GetString(Array.takeWhile ((<>) 0uy) bytes)

let private slotAt index = 208UL + 48UL * uint64 index

/// What a slot's key material takes, in whole areas (FMT-LUKS-005).
let private areaOf (keyBytes: uint64) = Bytes.roundUp areaBytes (keyBytes * uint64 stripes)

let private fault = Fault.make

/// The tests of one slot, in order (FMT-LUKS-004, FMT-LUKS-005, FMT-LUKS-006).
let private slotTests (bytes: byte[]) (keyBytes: uint64) (payload: uint64) index =
    let at = slotAt index
    let state = Bytes.u32 bytes at
    let start slot = uint64 (Bytes.u32 bytes (slotAt slot + 40UL)) * sector
    let area = areaOf keyBytes
    let field name offset = fault $"FMT-LUKS-{name}" $"keyslot {index}" (at + offset)

    [
        Bytes.u32 bytes (at + 44UL) = uint32 stripes, field "004" 44UL "has other stripes"
        List.contains state [ 0x00AC71F3u; 0x0000DEADu ], field "004" 0UL "has no state"
        (state <> 0x00AC71F3u || Bytes.u32 bytes (at + 4UL) <> 0u),
        field "004" 4UL "has no iterations"
        start index >= areaBytes, field "005" 40UL "overlaps the header"
        start index + area <= payload, field "005" 40UL "overlaps the payload"
        for other in index + 1 .. 7 do
            (start index + area <= start other || start other + area <= start index),
            field "006" 40UL $"overlaps keyslot {other}"
    ]

/// The names of cipher, mode and hash (FMT-LUKS-009).
let private cipherOf (bytes: byte[]) : Result<Cipher, Fault> =
    let name offset = cut (Bytes.slice bytes offset 32)
    let mode = name 40UL
    let keyBytes = Bytes.u32 bytes 108UL
    let parts = mode.Split('-', 2)
    let numbering = (if parts.Length = 2 then parts[1] else "").Split(':', 2)

    let cipher = {
        KeyBytes = int keyBytes
        IsXts = parts[0] = "xts"
        Numbering = numbering[0]
        NumberingHash = Array.tryItem 1 numbering
        Hash = name 72UL
    }

    let aesBytes = if cipher.IsXts then keyBytes / 2u else keyBytes
    let isKnown hash = digestBytes.ContainsKey hash

    let hasNumberingKey =
        match cipher.NumberingHash with
        | Some hash -> isKnown hash && List.contains digestBytes[hash] [ 16; 24; 32 ]
        | None -> false

    Fault.first [
        parts.Length = 2, fault "FMT-LUKS-009" "cipher mode" 40UL "has no minus"
        Option.forall isKnown cipher.NumberingHash,
        fault "FMT-LUKS-009" "cipher mode" 40UL "has an unknown hash"
        List.contains parts[0] [ "xts"; "cbc" ],
        fault "FMT-LUKS-009" "cipher mode" 40UL "is unknown"
        (name 8UL = "aes"
         && List.contains aesBytes [ 16u; 24u; 32u ]
         && (not cipher.IsXts || keyBytes % 2u = 0u)),
        fault "FMT-LUKS-009" "cipher name" 8UL "is unknown, or its key's length"
        isKnown cipher.Hash, fault "FMT-LUKS-009" "hash spec" 72UL "is unknown"
        List.contains cipher.Numbering [ "plain"; "plain64"; "essiv" ],
        fault "FMT-LUKS-009" "cipher mode" 40UL "has an unknown numbering"
        (cipher.Numbering <> "essiv" || hasNumberingKey),
        fault "FMT-LUKS-009" "cipher mode" 40UL "has no hash for its numbering"
    ]
    |> Result.map (fun () -> cipher)

/// The header of a volume, or what cannot be (FMT-LUKS-001, FMT-LUKS-002, FMT-LUKS-003).
let read (bytes: byte[]) : Result<Header, Fault> =
    let payload = uint64 (Bytes.u32 bytes 104UL) * sector
    let keyBytes = uint64 (Bytes.u32 bytes 108UL)
    let ends offset = Array.contains 0uy (Bytes.slice bytes offset 32)
    let magic = [| 0x4Cuy; 0x55uy; 0x4Buy; 0x53uy; 0xBAuy; 0xBEuy |]

    Fault.first [
        Bytes.slice bytes 0UL 6 = magic, fault "FMT-LUKS-001" "magic" 0UL "is another"
        Bytes.u16 bytes 6UL = 1us, fault "FMT-LUKS-001" "version" 6UL "is not 1"
        ends 8UL, fault "FMT-LUKS-002" "cipher name" 8UL "does not end"
        ends 40UL, fault "FMT-LUKS-002" "cipher mode" 40UL "does not end"
        ends 72UL, fault "FMT-LUKS-002" "hash spec" 72UL "does not end"
        payload >= areaBytes, fault "FMT-LUKS-003" "payload offset" 104UL "is in the header"
        Bytes.u32 bytes 164UL > 0u, fault "FMT-LUKS-003" "digest iterations" 164UL "are none"
        yield! List.collect (slotTests bytes keyBytes payload) [ 0..7 ]
    ]
    |> Result.bind (fun () -> cipherOf bytes)
    |> Result.map (fun cipher -> {
        Cipher = cipher
        Payload = payload
        Digest = Bytes.slice bytes 112UL 20
        DigestSalt = Bytes.slice bytes 132UL 32
        DigestIterations = Bytes.u32 bytes 164UL
        Slots = [
            for index in 0..7 ->
                let at = slotAt index

                {
                    IsActive = Bytes.u32 bytes at = 0x00AC71F3u
                    Iterations = Bytes.u32 bytes (at + 4UL)
                    Salt = Bytes.slice bytes (at + 8UL) 32
                    Offset = uint64 (Bytes.u32 bytes (at + 40UL)) * sector
                }
        ]
    })

/// What a sector starts from (FMT-LUKS-011).
let private startOf cipher (key: byte[]) : uint64 -> byte[] =
    let inBytes (number: uint64) =
        let start = Array.zeroCreate<byte> 16
        BinaryPrimitives.WriteUInt64LittleEndian(Span start, number)
        start

    match cipher.Numbering, cipher.NumberingHash with
    | "plain", _ -> fun number -> inBytes (number &&& 0xFFFFFFFFUL)
    | "essiv", Some hash ->
        let encrypt = Aes.encryptBlock (hashOf hash key)
        inBytes >> encrypt
    | _ -> inBytes

let private xor (a: byte[]) (b: byte[]) = Array.map2 (^^^) a b

/// Whole sectors under a key, the first of them with this number (FMT-LUKS-010).
let decrypt cipher (key: byte[]) (first: uint64) (bytes: byte[]) : byte[] =
    let start = startOf cipher key

    let decryptSector: byte[] -> byte[] -> byte[] =
        if cipher.IsXts then
            Aes.decryptXts key
        else
            Aes.decryptCbc key

    bytes
    |> Array.chunkBySize (int sector)
    |> Array.mapi (fun index one -> decryptSector (start (first + uint64 index)) one)
    |> Array.concat

/// A digest's length at a time becomes the hash of its number and itself (FMT-LUKS-014).
let private mixed hash (block: byte[]) =
    block
    |> Array.chunkBySize digestBytes[hash]
    |> Array.mapi (fun index part ->
        let number = Array.zeroCreate<byte> 4
        BinaryPrimitives.WriteInt32BigEndian(Span number, index)
        Array.truncate part.Length (hashOf hash (Array.append number part)))
    |> Array.concat

/// The key out of its stripes (FMT-LUKS-014).
let private joined hash keyBytes (material: byte[]) =
    let all = material |> Array.chunkBySize keyBytes |> Array.truncate stripes
    let parts = all[.. stripes - 2]

    let sum =
        parts |> Array.fold (fun sum one -> mixed hash (xor sum one)) (Array.zeroCreate keyBytes)

    xor sum all[stripes - 1]

let private derived hash (secret: byte[]) (salt: byte[]) (iterations: uint32) (length: int) =
    Rfc2898DeriveBytes.Pbkdf2(secret, salt, int iterations, nameOf hash, length)

/// The key behind a passphrase, if it is that of any slot (FMT-LUKS-007, FMT-LUKS-013,
/// FMT-LUKS-015).
let unlock (header: Header) (passphrase: byte[]) (bytes: byte[]) : byte[] option =
    let cipher = header.Cipher
    let length = int (Bytes.roundUp sector (uint64 (cipher.KeyBytes * stripes)))

    header.Slots
    |> List.filter _.IsActive
    |> List.tryPick (fun slot ->
        let cover = derived cipher.Hash passphrase slot.Salt slot.Iterations cipher.KeyBytes
        let material = decrypt cipher cover 0UL (Bytes.slice bytes slot.Offset length)
        let key = joined cipher.Hash cipher.KeyBytes material

        let digest =
            derived cipher.Hash key header.DigestSalt header.DigestIterations header.Digest.Length

        if digest = header.Digest then Some key else None)

/// The disk under a key; what the file does not have reads as zeroes before it is decrypted.
let contents (header: Header) (key: byte[]) (bytes: byte[]) : byte[] =
    let length = Bytes.roundUp sector (Bytes.length bytes - header.Payload)
    decrypt header.Cipher key 0UL (Bytes.slice bytes header.Payload (int length))
