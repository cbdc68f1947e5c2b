/// `ashlar img check` beside QEMU's: the same numbers, texts and exit codes.
module Ashlar.Conformance.Tests.Img.CheckTests

open System
open System.IO
open System.Text.Json
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Storaged

let private ours directory arguments =
    use child = Daemon.startAshlar directory ("img" :: arguments)
    let errors = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEndAsync()

    if not (child.WaitForExit Daemon.patience) then
        child.Kill()
        failtest "the tool does not come to an end"

    child.ExitCode, output.Result, errors.Result

let private theirs directory arguments =
    Needs.qemuImg ()
    let line = String.concat " " (arguments |> List.map (fun (a: string) -> $"'{a}'"))
    Programs.start "sh" [ "-c"; $"cd '{directory}' && exec qemu-img {line}" ]

let private make directory arguments =
    let code, _, errors = theirs directory arguments
    Expect.equal code 0 errors

let private members (text: string) =
    use parsed = JsonDocument.Parse text

    [
        for one in parsed.RootElement.EnumerateObject() do
            one.Name, one.Value.GetRawText()
    ]
    |> List.sort

let private big64 (bytes: byte[]) (offset: int) =
    Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, offset, 8))

/// Bytes of an image changed: a count, an entry of the first L2 table, or nothing.
let private damage (random: Random) (path: string) =
    let bytes = File.ReadAllBytes path
    let counts = int (big64 bytes (int (big64 bytes 48)))
    let l1 = int (big64 bytes 40)
    let l2 = int (big64 bytes l1 &&& 0x00fffffffffffe00UL)

    for _ in 1 .. random.Next 4 do
        match random.Next 3 with
        | 0 -> bytes[counts + 1 + 2 * random.Next 40] <- byte (random.Next 3)
        | 1 when l2 <> 0 -> bytes[l2 + 8 * random.Next 8] <- byte (random.Next 2 * 128)
        | _ -> bytes[l1] <- byte (random.Next 2 * 128)

    File.WriteAllBytes(path, bytes)

let private scenario (random: Random) =
    Temporary.withDirectory "check" (fun directory ->
        let raw = Array.zeroCreate<byte>(65536 * (1 + random.Next 30))

        for _ in 0 .. random.Next 6 do
            let from = random.Next raw.Length
            let till = min raw.Length (from + random.Next 300_000)
            random.NextBytes(Span(raw, from, till - from))

        File.WriteAllBytes(Path.Combine(directory, "a.raw"), raw)
        let compressed = if random.Next 2 = 0 then [ "-c" ] else []
        let convert = [ "convert"; "-f"; "raw"; "-O"; "qcow2"; "a.raw"; "a.qcow2" ]
        make directory (convert.Head :: compressed @ convert.Tail)

        if random.Next 2 = 0 then
            make directory [ "snapshot"; "-c"; "s"; "a.qcow2" ]

        damage random (Path.Combine(directory, "a.qcow2"))

        for form in [ "human"; "json" ] do
            let arguments = [ "check"; "-f"; "qcow2"; $"--output={form}"; "a.qcow2" ]
            let code, output, _ = ours directory arguments
            let expectedCode, expected, errors = theirs directory arguments
            Expect.equal code expectedCode $"the exit code: {output}{errors}"

            if form = "json" then
                Expect.equal (members output) (members expected) errors
            else
                Expect.equal output expected errors)

/// The first L2 table; 0 when there is none.
let private l2Of bytes = int (big64 bytes (int (big64 bytes 40)) &&& 0x00fffffffffffe00UL)

let private put64 (bytes: byte[]) (offset: int) (value: uint64) =
    Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(Span(bytes, offset, 8), value)

/// Damage that QEMU repairs, or leaves, as Ashlar does; FMT-QCOW2-811 says where it does not. What
/// stays in a table that a snapshot shares it tells twice.
let private damageToRepair (random: Random) (hasSnapshot: bool) (path: string) =
    let bytes = File.ReadAllBytes path
    let cluster = 1 <<< int bytes[23]
    let table = int (big64 bytes 48)
    let counts = int (big64 bytes table)
    let l1 = int (big64 bytes 40)
    let l2 = l2Of bytes
    let isRebuilt = random.Next 3 = 0
    let unaligned () = 0x8000000000000000UL + uint64 (512 * random.Next(1, 200))

    if isRebuilt then
        put64 bytes table 0UL

    for _ in 1 .. 1 + random.Next 3 do
        match random.Next 7 with
        | 0 -> bytes[counts + 1 + 2 * random.Next 30] <- byte (random.Next 4)
        | 1 when l2 <> 0 -> bytes[l1] <- bytes[l1] ^^^ 128uy
        | 2 when l2 <> 0 ->
            let at = l2 + 8 * random.Next 8

            if bytes[at] &&& 64uy = 0uy then
                bytes[at] <- bytes[at] ^^^ 128uy
        | 3 when l2 <> 0 && not hasSnapshot ->
            put64 bytes (l2 + 8 * random.Next 12) (unaligned () ||| 1UL)
        | 4 when l2 <> 0 && not isRebuilt && not hasSnapshot ->
            put64 bytes (l2 + 8 * random.Next 12) (unaligned ())
        | 5 when l2 <> 0 && not isRebuilt && not hasSnapshot ->
            let place = (bytes.Length / cluster + random.Next 5) * cluster
            put64 bytes (l2 + 8 * random.Next 12) (0x8000000000000000UL + uint64 place)
        | _ -> bytes[79] <- byte (random.Next 4)

    File.WriteAllBytes(path, bytes)

let private repair (random: Random) =
    Temporary.withDirectory "check" (fun directory ->
        let cluster = [| 512; 4096; 65536 |][random.Next 3]
        let raw = Array.zeroCreate<byte>(cluster * (4 + random.Next 60))

        for _ in 0 .. random.Next 6 do
            let from = random.Next raw.Length
            let till = min raw.Length (from + random.Next(8 * cluster))
            random.NextBytes(Span(raw, from, till - from))

        File.WriteAllBytes(Path.Combine(directory, "a.raw"), raw)
        let compressed = if random.Next 3 = 0 then [ "-c" ] else []
        let options = [ "-f"; "raw"; "-O"; "qcow2"; "-o"; $"cluster_size={cluster}" ]
        make directory ([ "convert" ] @ compressed @ options @ [ "a.raw"; "a.qcow2" ])

        let hasSnapshot = random.Next 3 = 0

        if hasSnapshot then
            make directory [ "snapshot"; "-c"; "s"; "a.qcow2" ]

        let path = Path.Combine(directory, "a.qcow2")
        damageToRepair random hasSnapshot path
        let bytes = File.ReadAllBytes path
        let mode = if random.Next 3 = 0 then "leaks" else "all"
        let form = if random.Next 2 = 0 then "human" else "json"
        let arguments = [ "check"; "-f"; "qcow2"; "-r"; mode; $"--output={form}"; "a.qcow2" ]
        let code, output, errors = ours directory arguments
        let left = theirs directory [ "check"; "-q"; "-f"; "qcow2"; "a.qcow2" ]
        File.WriteAllBytes(path, bytes)
        let expectedCode, expected, expectedErrors = theirs directory arguments
        let lines (text: string) = text.Replace("ashlar img: ", "").Split '\n' |> Array.sort

        Expect.equal
            (lines errors)
            (lines (expectedErrors.Replace("qemu-img: ", "")))
            $"what {mode} says"

        Expect.equal code expectedCode $"the exit code: {errors}"

        if form = "json" && expected <> "" then
            Expect.equal (members output) (members expected) errors
        else
            Expect.equal output expected errors

        if code <> 1 then
            let leftCode, _, leftErrors = left
            Expect.equal leftCode code $"QEMU's word on the repaired image: {leftErrors}")

/// What `create` says of lazy refcounts, and that QEMU finds such an image as it should be.
let private lazyRefcounts =
    test "create -o lazy_refcounts is taken as QEMU takes it (BLK-IMG-011, FMT-QCOW2-314)" {
        Temporary.withDirectory "check" (fun directory ->
            for options in [ "=on"; ""; "=off"; "=on,compat=0.10"; "=maybe" ] do
                let name = "a.qcow2"

                let line = [
                    "create"
                    "-f"
                    "qcow2"
                    "-o"
                    $"lazy_refcounts{options}"
                    name
                    "1M"
                ]

                let code, output, errors = ours directory line

                if code = 0 then
                    make directory [ "check"; "-q"; name ]
                    let _, info, _ = theirs directory [ "info"; name ]
                    let isOn = if options = "=off" then "false" else "true"
                    Expect.stringContains info $"lazy refcounts: {isOn}" "what QEMU sees"

                let expectedCode, expected, expectedErrors = theirs directory line
                Expect.equal (code, output) (expectedCode, expected) options

                Expect.equal
                    (errors.Replace("ashlar img: ", ""))
                    (expectedErrors.Replace("qemu-img: ", ""))
                    options)
    }

let tests =
    testList "check" [
        lazyRefcounts
        let name = "check finds what QEMU's does (BLK-IMG-016, FMT-QCOW2-801, FMT-QCOW2-803)"
        test name { Seeds.forSeeds name 12 scenario }

        let repaired = "check -r repairs what QEMU's does (BLK-IMG-017, FMT-QCOW2-810)"
        test repaired { Seeds.forSeeds repaired 20 repair }

        test "a repair of something else is refused (BLK-IMG-017)" {
            Temporary.withDirectory "check" (fun directory ->
                let code, _, errors = ours directory [ "check"; "-r"; "some"; "a.qcow2" ]
                Expect.equal code 1 "the exit code"
                let text = "Unknown option value for -r (expecting 'leaks' or 'all'): some"
                Expect.stringContains errors text "text")
        }

        test "what has no check is code 63 (BLK-IMG-016)" {
            Temporary.withDirectory "check" (fun directory ->
                File.WriteAllBytes(Path.Combine(directory, "a.raw"), Array.zeroCreate 512)
                let code, _, errors = ours directory [ "check"; "-f"; "raw"; "a.raw" ]
                Expect.equal code 63 "the exit code"
                Expect.stringContains errors "This image format does not support checks" "text")
        }
    ]
