/// `ashlar img` beside QEMU's tool: the same texts and exit codes, and images that each side reads.
module Ashlar.Conformance.Tests.Img.ImgTests

open System
open System.IO
open System.Text
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Storaged

/// Exit code, output and errors of a tool in a directory; ours under QEMU's name.
let ours directory arguments =
    use child = Daemon.startAshlar directory ("img" :: arguments)
    let errors = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEndAsync()

    if not (child.WaitForExit Daemon.patience) then
        child.Kill()
        failtest "the tool does not come to an end"

    let named (text: string) = text.Replace("ashlar img", "qemu-img")
    child.ExitCode, named output.Result, named errors.Result

let theirs directory arguments =
    Needs.qemuImg ()
    let line = String.concat " " (arguments |> List.map (fun (a: string) -> $"'{a}'"))
    Programs.start "sh" [ "-c"; $"cd '{directory}' && exec qemu-img {line}" ]

let expectOk (code, output: string, errors: string) =
    Expect.equal code 0 (output + errors)
    output

/// Command lines whose every word both tools say alike; the last reads what those before made.
let private alike = [
    [ "create"; "-f"; "qcow2"; "a.qcow2"; "1G" ]
    [ "create"; "-f"; "qcow2"; "-o"; "cluster_size=4k,compat=0.10"; "c.qcow2"; "5M" ]
    [ "create"; "-f"; "qcow2"; "-b"; "a.qcow2"; "-F"; "qcow2"; "b.qcow2" ]
    [ "create"; "a.raw"; "1.5M" ]
    [ "create"; "-q"; "e.raw"; "1000" ]
    [ "compare"; "a.qcow2"; "b.qcow2" ]
    [ "compare"; "a.qcow2"; "c.qcow2" ]
    [ "compare"; "-s"; "a.qcow2"; "c.qcow2" ]
    [ "compare"; "none"; "c.qcow2" ]
    [ "compare"; "c.qcow2" ]
    [ "resize"; "a.qcow2"; "+1G" ]
    [ "resize"; "a.qcow2"; "1M" ]
    [ "resize"; "--shrink"; "a.qcow2"; "1M" ]
    [ "resize"; "a.qcow2"; "much" ]
    [ "resize"; "-q"; "-f"; "raw"; "a.raw"; "-512k" ]
    [ "convert"; "-O"; "qcow2"; "c.qcow2"; "d.qcow2" ]
    [ "convert"; "-O"; "strange"; "c.qcow2"; "d" ]
    [ "convert"; "c.qcow2" ]
    [ "convert"; "-m"; "17"; "c.qcow2"; "d.raw" ]
    [ "convert"; "-S"; "1"; "c.qcow2"; "d.raw" ]
    [ "convert"; "-t"; "strange"; "c.qcow2"; "d.raw" ]
    [ "convert"; "-T"; "strange"; "c.qcow2"; "d.raw" ]
    [ "convert"; "-n"; "-O"; "raw"; "c.qcow2"; "e.raw" ]
    [ "info"; "none" ]
    [ "info"; "-f"; "strange"; "a.qcow2" ]
    [ "info"; "-Q"; "a.qcow2" ]
    [ "info" ]
    [ "info"; "-f" ]
    [ "info"; "--output=strange"; "a.qcow2" ]
    [ "strange" ]
    []
    [ "create"; "-f"; "strange"; "a"; "1" ]
    [ "create"; "a"; "1x" ]
    [ "create"; "-f"; "qcow2"; "-o"; "strange=1"; "a"; "1M" ]
    [ "create"; "-f"; "qcow2"; "-b"; "none"; "-F"; "raw"; "x.qcow2" ]
    [ "create"; "-f"; "qcow2"; "-o"; "cluster_size=3k"; "x.qcow2"; "1M" ]
    [ "create" ]
]

let private sameTexts =
    test "the same texts and exit codes (BLK-IMG-001, BLK-IMG-002, BLK-IMG-003, BLK-IMG-004)" {
        Temporary.withDirectory "img" (fun directory ->
            let place name = (Directory.CreateDirectory(Path.Combine(directory, name))).FullName

            let here, there = place "here", place "there"

            for arguments in alike do
                let line = String.concat " " arguments
                Expect.equal (ours here arguments) (theirs there arguments) line)
    }

/// Without what the host's file system decides.
let private withoutDisk (text: string) =
    text.Split '\n' |> Array.filter (fun line -> not (line.StartsWith "disk size"))

let private sameInfo =
    test "info says the same of the same image (BLK-IMG-007, BLK-IMG-010)" {
        Temporary.withDirectory "img" (fun directory ->
            let make arguments = theirs directory ("create" :: arguments) |> expectOk |> ignore
            make [ "-f"; "qcow2"; "a.qcow2"; "3G" ]
            make [ "-f"; "qcow2"; "-o"; "compat=0.10,cluster_size=512"; "b.qcow2"; "777k" ]
            make [ "-f"; "qcow2"; "-b"; "a.qcow2"; "-F"; "qcow2"; "c.qcow2" ]
            make [ "d.raw"; "12345678" ]

            for name in [ "a.qcow2"; "b.qcow2"; "c.qcow2"; "d.raw" ] do
                let text tool = tool directory [ "info"; "--backing-chain"; name ] |> expectOk
                Expect.equal (withoutDisk (text ours)) (withoutDisk (text theirs)) name

                let json tool =
                    let text = tool directory [ "info"; "--output=json"; name ] |> expectOk
                    use parsed = Json.JsonDocument.Parse text

                    [
                        for one in parsed.RootElement.EnumerateObject() do
                            one.Name, one.Value.GetRawText().Split('\n').Length
                    ]
                    |> List.sort

                Expect.equal (json ours) (json theirs) $"{name} as JSON")
    }

/// Bytes with holes of many sizes.
let private contents (random: Random) =
    let bytes = Array.zeroCreate<byte>(512 * random.Next(1, 12_000))

    for _ in 0 .. random.Next 40 do
        let start = random.Next bytes.Length
        let length = min (bytes.Length - start) (1 + random.Next 200_000)
        random.NextBytes(Span(bytes, start, length))

    bytes

let private creations (random: Random) = [
    "cluster_size", string (512 <<< random.Next 13)
    if random.Next 3 = 0 then
        "compat", "0.10"
    elif random.Next 2 = 0 then
        "refcount_bits", string (1 <<< random.Next 7)
]

let private bothWays =
    let name =
        "converting there and back keeps every byte (BLK-IMG-005, BLK-IMG-006, BLK-IMG-012)"

    test name {
        Needs.qemuImg ()

        Seeds.forSeeds name 8 (fun random ->
            Temporary.withDirectory "img" (fun directory ->
                let bytes = contents random
                File.WriteAllBytes(Path.Combine(directory, "a.raw"), bytes)
                let tool = if random.Next 2 = 0 then ours, theirs else theirs, ours

                let options =
                    creations random |> List.map (fun (k, v) -> $"{k}={v}") |> String.concat ","

                let sparse = random.GetItems([| "0"; "512"; "4k"; "64k" |], 1)[0]
                let cache = random.GetItems([| "unsafe"; "writeback"; "none" |], 1)[0]

                let there =
                    [ "convert"; "-f"; "raw"; "-O"; "qcow2"; "-o"; options; "-S"; sparse ]
                    @ [ "-t"; cache; "a.raw"; "b.qcow2" ]

                fst tool directory there |> expectOk |> ignore
                theirs directory [ "check"; "b.qcow2" ] |> expectOk |> ignore
                ours directory [ "compare"; "a.raw"; "b.qcow2" ] |> expectOk |> ignore
                theirs directory [ "compare"; "a.raw"; "b.qcow2" ] |> expectOk |> ignore

                snd tool directory [ "convert"; "-O"; "raw"; "b.qcow2"; "c.raw" ]
                |> expectOk
                |> ignore

                let back = File.ReadAllBytes(Path.Combine(directory, "c.raw"))
                Expect.isTrue (back.AsSpan().SequenceEqual bytes) options))
    }

let private differences =
    let name = "compare finds the first byte that differs (BLK-IMG-008, BLK-IMG-013)"

    test name {
        Seeds.forSeeds name 6 (fun random ->
            Temporary.withDirectory "img" (fun directory ->
                let bytes = contents random
                File.WriteAllBytes(Path.Combine(directory, "a.raw"), bytes)
                let place = random.Next bytes.Length
                bytes[place] <- bytes[place] + 1uy
                File.WriteAllBytes(Path.Combine(directory, "b.raw"), bytes)
                let code, output, _ = ours directory [ "compare"; "a.raw"; "b.raw" ]
                Expect.equal code 1 "the exit code"
                Expect.equal output $"Content mismatch at offset {place}!\n" "where"))
    }

let private resizing =
    test "resize changes the length and keeps the bytes (BLK-IMG-014)" {
        Temporary.withDirectory "img" (fun directory ->
            let bytes = Array.init 100_000 byte |> Array.truncate 99_840
            File.WriteAllBytes(Path.Combine(directory, "a.raw"), bytes)
            let ours arguments = ours directory arguments |> expectOk |> ignore
            ours [ "convert"; "-O"; "qcow2"; "a.raw"; "a.qcow2" ]
            ours [ "resize"; "a.qcow2"; "+1M" ]
            ours [ "resize"; "--shrink"; "a.qcow2"; "-1048576" ]
            ours [ "compare"; "-s"; "a.raw"; "a.qcow2" ])
    }

let private benches =
    test "bench sends what it says by every engine (BLK-IMG-015)" {
        Temporary.withDirectory "img" (fun directory ->
            ours directory [ "create"; "-q"; "a.raw"; "1M" ] |> expectOk |> ignore

            for engine in [ [ "-i"; "threads" ]; [ "-i"; "io_uring" ]; [ "-n"; "-t"; "none" ] ] do
                let arguments =
                    [ "bench"; "-c"; "600"; "-d"; "7"; "-w"; "--pattern=65" ]
                    @ engine
                    @ [ "a.raw" ]

                let output = ours directory arguments |> expectOk

                Expect.stringStarts
                    output
                    "Sending 600 write requests, 4096 bytes each, 7 in parallel (starting at \
                     offset 0, step size 4096)\nRun completed in "
                    "what it says"

                let bytes = File.ReadAllBytes(Path.Combine(directory, "a.raw"))
                Expect.all bytes ((=) 65uy) "all of the image"
                File.WriteAllBytes(Path.Combine(directory, "a.raw"), Array.zeroCreate (1 <<< 20)))
    }

let private inUse =
    test "an image that another writes is left alone (BLK-IMG-011)" {
        Temporary.withDirectory "img" (fun directory ->
            ours directory [ "create"; "-f"; "qcow2"; "a.qcow2"; "1M" ] |> expectOk |> ignore
            let before = File.ReadAllBytes(Path.Combine(directory, "a.qcow2"))

            use holder =
                Daemon.start directory [
                    "--blockdev"
                    "qcow2,node-name=q,file.driver=file,file.filename=a.qcow2"
                    "--nbd-server"
                    "addr.type=unix,addr.path=n.sock"
                    "--export"
                    "nbd,id=e,node-name=q,writable=on"
                    "--pidfile"
                    "pid"
                ]

            try
                Daemon.await "its pidfile" holder (fun () ->
                    File.Exists(Path.Combine(directory, "pid")))

                let code, _, errors = ours directory [ "create"; "-f"; "qcow2"; "a.qcow2"; "9M" ]
                Expect.equal code 1 "the exit code"
                Expect.stringContains errors "lock" "the reason"
            finally
                holder.Kill()
                holder.WaitForExit()

            Expect.equal (File.ReadAllBytes(Path.Combine(directory, "a.qcow2"))) before "its bytes")
    }

let tests =
    testList "img" [ sameTexts; sameInfo; bothWays; differences; resizing; benches; inUse ]
