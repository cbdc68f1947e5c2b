/// LUKS volumes: the engine beside the reference, beside QEMU's tools, and with headers that lie.
module Ashlar.Conformance.Tests.Formats.LuksTests

open System
open System.Buffers.Binary
open System.IO
open System.Text
open System.Text.Json.Nodes
open Expecto
open Hedgehog
open Hedgehog.FSharp
open Ashlar.Block
open Ashlar.Reference.Formats
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Generators.Replay
open Ashlar.Conformance.Tests.Img.ImgTests
open Ashlar.Conformance.Tests.Qcow2.Images

let private passphrase = "a passphrase of nobody at all"
let private phraseBytes = Encoding.UTF8.GetBytes passphrase
let private diskBytes = 5 * 512

/// Volumes of every kind: key, chaining, numbering, hashes (FMT-LUKS-011, FMT-LUKS-012); what they
/// are made of is read by the reference (FMT-LUKS-014, FMT-LUKS-015, FMT-LUKS-016).
let private ciphers = [
    CipherSpec(64, SectorChaining.Xts, SectorNumbering.Plain64, null, "sha256")
    CipherSpec(32, SectorChaining.Xts, SectorNumbering.Essiv, "sha256", "sha1")
    CipherSpec(16, SectorChaining.Cbc, SectorNumbering.Essiv, "sha256", "sha1")
    CipherSpec(24, SectorChaining.Cbc, SectorNumbering.Plain, null, "sha512")
    CipherSpec(48, SectorChaining.Xts, SectorNumbering.Plain, "sha1", "sha384")
    CipherSpec(32, SectorChaining.Cbc, SectorNumbering.Plain64, null, "sha256")
]

/// The same bytes on every run: nothing here is secret.
let private filler seed =
    let source = System.Random(seed: int)
    RandomFiller(fun bytes -> source.NextBytes bytes)

let private create (cipher: CipherSpec) =
    let host = hostWith [ "disk", 0, 0uy ]
    use file = openFile host "disk"
    let payload = LuksCreation.PayloadBytes cipher
    file.Truncate(payload + int64 diskBytes) |> ignore

    let options =
        LuksCreationOptions(
            Cipher = cipher,
            Passphrase = ReadOnlyMemory phraseBytes,
            FillRandom = filler 7
        )

    let struct (made, refusal) =
        LuksCreation.WriteAsync(HostFileStorage file, options).AsTask().GetAwaiter().GetResult()

    Expect.isNull refusal "creation"
    (there made).Dispose()
    host

let private bytesOf (host: MemoryHostFiles) =
    use file = openFile host "disk"
    let bytes = Array.zeroCreate<byte>(int file.Length)
    Expect.equal (file.Read(0L, Span bytes)) HostErrno.None "read"
    bytes

let private luksNode secret =
    node "luks" "volume" [
        match secret with
        | Some id -> "key-secret", text id
        | None -> ()
        "file", group [ "driver", text "file"; "filename", text "disk" ]
    ]

let private withSecret (stack: Stack) (data: byte[]) =
    Expect.isNull (stack.Graph.TryObjectAdd(BlockObjectKind.Secret, "s")) "object-add"
    stack.Graph.SetSecret("s", ReadOnlySpan data)

let private unlocked host =
    let stack = new Stack(host, null)
    withSecret stack phraseBytes
    stack.Add(luksNode (Some "s"))
    stack

/// What the reference finds in a volume, and that it is the reference's kind of volume at all.
let private contentsOf bytes =
    match Luks.read bytes with
    | Error fault -> failtest (Fault.text fault)
    | Ok header ->
        match Luks.unlock header phraseBytes bytes with
        | Some key -> Luks.contents header key bytes
        | None -> failtest "the reference finds no key"

let private writeAndRead host disk =
    use stack = unlocked host
    let user = stack.User("volume", readsAndWrites)
    Expect.equal (stack.Length "volume") (int64 diskBytes) "length"
    writeBytes user 0L disk
    Expect.equal (readBytes user 0L diskBytes) disk "read back"

let private sameAsReference (cipher: CipherSpec) =
    test $"FMT-LUKS-010 {cipher} is read by the reference" {
        let host = create cipher
        let disk = Array.init diskBytes (fun place -> byte (place * 7 + place / 256))
        writeAndRead host disk
        Expect.equal (contentsOf (bytesOf host)) disk "to the reference"
    }

/// A write, or zeroes, at any place and of any length.
let private request =
    gen {
        let! offset = Gen.int32 (Range.constant 0 (diskBytes - 1))
        let! length = Gen.int32 (Range.constant 1 (diskBytes - offset))
        let! value = Gen.option (Gen.byte (Range.constantBounded ()))
        return offset, length, value
    }

/// Carries the requests out on a volume and on bytes, which then read alike from any place on.
let private carryOut requests =
    use stack = unlocked (create (List.head ciphers))
    let user = stack.User("volume", readsAndWrites)
    let expected = Array.zeroCreate<byte> diskBytes
    writeBytes user 0L expected

    for offset, length, value in requests do
        match value with
        | Some value -> writeBytes user (int64 offset) (Array.create length value)
        | None -> Expect.isNone (tryZero user (int64 offset) (int64 length)) "zero"

        Array.fill expected offset length (Option.defaultValue 0uy value)
        let from = offset / 2
        Expect.equal (readBytes user (int64 from) (diskBytes - from)) expected[from..] "read"

let private requestsAgree =
    law
        60<tests>
        "FMT-LUKS-019 requests of any place and length change what they say"
        (property {
            let! requests = Gen.list (Range.linear 0 12) request
            carryOut requests
        })

/// A sound header to be spoilt, and its first 592 bytes.
let private sound = lazy (bytesOf (create (List.head ciphers)))

let private put32 (at: int) (value: uint32) (bytes: byte[]) =
    BinaryPrimitives.WriteUInt32BigEndian(Span(bytes, at, 4), value)

let private putText (at: int) (value: string) (bytes: byte[]) =
    Array.fill bytes at 32 0uy
    Encoding.ASCII.GetBytes(value, 0, value.Length, bytes, at) |> ignore

let private verdict (bytes: byte[]) =
    let mutable header: LuksHeader | null = null

    match LuksHeader.TryRead(ReadOnlySpan(bytes, 0, LuksHeader.Bytes), &header) with
    | null -> None
    | refusal -> Some refusal.Text

/// Headers that cannot be, each with what it is refused with; QEMU's texts but for the last
/// (FMT-LUKS-002, FMT-LUKS-003, FMT-LUKS-004, FMT-LUKS-005, FMT-LUKS-008, FMT-LUKS-009).
let private lies: (string * (byte[] -> unit) * string) list = [
    "001", (fun bytes -> bytes[5] <- 0uy), "Volume is not in LUKS format"
    "001", (fun bytes -> bytes[7] <- 2uy), "LUKS version 2 is not supported"
    "002",
    (fun bytes -> Array.fill bytes 8 32 65uy),
    "LUKS header cipher name is not NUL terminated"
    "002",
    (fun bytes -> Array.fill bytes 40 32 65uy),
    "LUKS header cipher mode is not NUL terminated"
    "002", (fun bytes -> Array.fill bytes 72 32 65uy), "LUKS header hash spec is not NUL terminated"
    "003", put32 104 7u, "LUKS payload is overlapping with the header"
    "003", put32 164 0u, "LUKS key iteration count is zero"
    "004", put32 252 4001u, "Keyslot 0 is corrupted (stripes 4001 != 4000)"
    "004", put32 252 0xFFFFFFFFu, "Keyslot 0 is corrupted (stripes -1 != 4000)"
    "004", put32 256 1u, "Keyslot 1 state (active/disable) is corrupted"
    "004", put32 212 0u, "Keyslot 0 iteration count is zero"
    "005", put32 248 7u, "Keyslot 0 is overlapping with the LUKS header"
    "005", put32 248 0xFFFFFFFFu, "Keyslot 0 is overlapping with the encrypted payload"
    "005", put32 108 0xFFFFFFFFu, "Keyslot 0 is overlapping with the encrypted payload"
    "006", put32 296 9u, "Keyslots 0 and 1 are overlapping in the header"
    "009", putText 40 "xts", "Unexpected cipher mode string format 'xts'"
    "009", putText 40 "xts-essiv:sha3", "Hash algorithm 'sha3' not supported"
    "009", putText 40 "ctr-plain", "Cipher mode 'ctr' not supported"
    "009", putText 8 "serpent", "Algorithm 'serpent' with key size 32 bytes not supported"
    "009", put32 108 40u, "Algorithm 'aes' with key size 20 bytes not supported"
    "009", putText 72 "ripemd160", "Hash algorithm 'ripemd160' not supported"
    "009", putText 40 "xts-benbi", "IV generator 'benbi' not supported"
    "009", putText 40 "cbc-essiv", "Algorithm 'aes' with key size 64 bytes not supported"
    "009", putText 40 "xts-essiv", "Missing IV generator hash specification"
    "009", putText 40 "xts-essiv:sha512", "No AES cipher with key size 64 available"
    "008",
    put32 212 0xFFFFFFFFu,
    "Keyslot 0 iteration count 4294967295 (offset 212) and master key iteration count 1000 "
    + "(offset 164) ask for 8589935590 hashes; at most 268435456 are computed"
]

let private refusesLies =
    test "FMT-LUKS-001 headers that cannot be are refused by field" {
        Expect.isNone (verdict sound.Value) "the sound one"

        for id, spoil, expected in lies do
            let bytes = Array.copy sound.Value
            spoil bytes
            Expect.equal (verdict bytes) (Some expected) "text"

            match Luks.read bytes with
            | Error fault -> Expect.equal fault.Requirement $"FMT-LUKS-{id}" expected
            | Ok _ -> Expect.equal id "008" $"only work is no matter of the reference: {expected}"
    }

/// Any few bytes of the header are changed, most of all those that are numbers.
let private spoiltAgree =
    law
        400<tests>
        "FMT-LUKS-006 engine and reference agree on spoilt headers"
        (property {
            let! changes =
                Gen.list
                    (Range.linear 1 4)
                    (Gen.zip
                        (Gen.choice [
                            Gen.int32 (Range.constant 0 591)
                            Gen.int32 (Range.constant 104 111)
                            Gen.int32 (Range.constant 36 80)
                            Gen.int32 (Range.constant 0 7)
                            |> Gen.bind (fun slot ->
                                Gen.item [ 0; 4; 40; 41; 42; 43; 44; 47 ]
                                |> Gen.map (fun field -> 208 + 48 * slot + field))
                        ])
                        (Gen.byte (Range.constantBounded ())))

            let bytes = sound.Value[.. LuksHeader.Bytes - 1]

            for place, value in changes do
                bytes[place] <- value

            match verdict bytes, Luks.read bytes with
            | None, Ok _
            | Some _, Error _ -> ()
            | Some text, Ok _ when text.Contains "hashes" -> ()
            | engine, reference -> failtest $"%A{engine} and %A{reference}"
        })

let private refusal host secret prepare =
    use stack = new Stack(host, null)
    prepare stack
    stack.TryAdd(luksNode secret)

let private secrets =
    test "FMT-LUKS-007 FMT-LUKS-017 a volume is opened by its passphrase alone" {
        let host = create (List.head ciphers)

        let refused secret prepare text =
            Expect.equal (refusal host secret prepare) (Some text) text

        let invalid = "Invalid password, cannot unlock any keyslot"
        refused None ignore "Parameter 'key-secret' is required for cipher"
        refused (Some "s") ignore "No secret with id 's'"
        refused (Some "tg") ignore "Object with id 'tg' is not a secret"
        refused (Some "s") (fun stack -> withSecret stack [||]) invalid
        refused (Some "s") (fun stack -> withSecret stack phraseBytes[1..]) invalid

        refused
            (Some "s")
            (fun stack -> withSecret stack [| 0xFFuy |])
            "Data from secret s is not valid UTF-8"
    }

let private joinsPermissions =
    test "FMT-LUKS-018 a volume writes its file when it is written to itself" {
        use stack = unlocked (create (List.head ciphers))
        let file = (there (stack.Graph.FindNode "volume")).File |> there
        Expect.isFalse (file.Perm.HasFlag BlockPermissions.Write) "nobody writes"
        let user = stack.User("volume", readsAndWrites)
        Expect.isTrue (file.Perm.HasFlag BlockPermissions.Write) "somebody does"
        Expect.isTrue (file.SharedPerm.HasFlag BlockPermissions.Resize) "resize is shared"
        stack.Detach user
        Expect.isFalse (file.Perm.HasFlag BlockPermissions.Write) "nobody any more"
    }

let private secret = [ "--object"; $"secret,id=s,data={passphrase}" ]
let private volume path = $"driver=luks,key-secret=s,file.filename={path}"

/// Options of creation, as both tools have them.
let private kinds = [
    ""
    ",cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1"
    ",cipher-alg=aes-192,hash-alg=sha512"
    ",cipher-alg=aes-128,ivgen-alg=essiv,ivgen-hash-alg=sha256"
    ",cipher-mode=cbc,ivgen-alg=plain"
]

let private madeBy maker reader options directory =
    let made = "key-secret=s,iter-time=10" + options
    File.WriteAllBytes(Path.Combine(directory, "a.raw"), Array.init 200_000 (fun i -> byte (i / 3)))

    maker directory ([ "convert" ] @ secret @ [ "-O"; "luks"; "-o"; made; "a.raw"; "a.luks" ])
    |> expectOk
    |> ignore

    let compared =
        reader
            directory
            ([ "compare" ]
             @ secret
             @ [ "--image-opts"; volume "a.luks"; "driver=raw,file.filename=a.raw" ])

    Expect.stringContains (expectOk compared) "Images are identical." options
    let info tool form = tool directory [ "info"; $"--output={form}"; "a.luks" ] |> expectOk

    let parsed text = JsonNode.Parse(text: string)
    Expect.equal (info ours "human") (info theirs "human") "info"

    Expect.isTrue
        (JsonNode.DeepEquals(parsed (info ours "json"), parsed (info theirs "json")))
        "info in JSON"

let private beside =
    testList "beside QEMU" [
        for options in kinds do
            test $"FMT-LUKS-013 volumes of QEMU's are read{options}" {
                Temporary.withDirectory "luks" (madeBy theirs ours options)
            }

            test $"BLK-IMG-020 volumes of ours are read by QEMU{options}" {
                Temporary.withDirectory "luks" (madeBy ours theirs options)
            }
        test "BLK-IMG-018 both tools say the same of secrets" {
            Temporary.withDirectory "luks" (fun directory ->
                let made = [ "create"; "-q" ] @ secret @ [ "-f"; "luks" ]

                for arguments in
                    [
                        made @ [ "-o"; "key-secret=s,iter-time=10"; "a.luks"; "1M" ]
                        [ "create"; "-f"; "luks"; "b.luks"; "1M" ]
                        [ "create"; "-f"; "luks"; "-o"; "key-secret=t"; "b.luks"; "1M" ]
                        made @ [ "-o"; "key-secret=s,cipher-mode=no"; "b.luks"; "1M" ]
                        [ "convert"; "a.luks"; "b.raw" ]
                        [ "convert"; "--image-opts"; volume "a.luks"; "b.raw" ]
                        [
                            "convert"
                            "--object"
                            "secret,id=s,data=another"
                            "--image-opts"
                            volume "a.luks"
                            "b.raw"
                        ]
                        [ "info"; "--object"; "secret,id=s"; "a.luks" ]
                    ] do
                    Expect.equal
                        (ours directory arguments)
                        (theirs directory arguments)
                        (String.concat " " arguments))
        }
        test "BLK-IMG-019 a driver that is not said is looked for" {
            Temporary.withDirectory "luks" (fun directory ->
                ours directory [ "create"; "-q"; "-f"; "qcow2"; "a.qcow2"; "1M" ]
                |> expectOk
                |> ignore

                let told = [ "info"; "--image-opts"; "file.filename=a.qcow2" ]
                Expect.equal (ours directory told) (theirs directory told) "qcow2")
        }
        test "BLK-OBJ-007 a secret in base64 is what it stands for" {
            Temporary.withDirectory "luks" (fun directory ->
                let base64 = Convert.ToBase64String phraseBytes
                let coded = [ "--object"; $"secret,id=s,format=base64,data={base64}" ]
                let made = [ "-f"; "luks"; "-o"; "key-secret=s,iter-time=10"; "a.luks"; "1M" ]
                ours directory ([ "create" ] @ coded @ made) |> expectOk |> ignore

                let info tool =
                    tool
                        directory
                        ([ "convert" ] @ secret @ [ "--image-opts"; volume "a.luks"; "b" ])

                expectOk (info theirs) |> ignore
                expectOk (info ours) |> ignore)
        }
    ]

let tests =
    testList "luks" [
        yield! List.map sameAsReference ciphers
        requestsAgree
        refusesLies
        spoiltAgree
        secrets
        joinsPermissions
        beside
    ]
