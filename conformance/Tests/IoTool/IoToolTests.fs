/// `ashlar io` beside QEMU's tool: the same texts, exit codes and images after the same commands.
module Ashlar.Conformance.Tests.IoTool.IoToolTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Storaged

type private Tool = string -> string list -> string -> int * string * string

/// What no two runs have in common: how long it took, and the names of our own and of usages.
let private masked (text: string) =
    let text = text.Replace("ashlar io", "qemu-io")
    let text = Regex.Replace(text, "(ops; ).*", "$1TIME")
    let text = Regex.Replace(text, @"^(\d+,\d+),.*", "$1,TIME", RegexOptions.Multiline)
    Regex.Replace(text, @"Usage: qemu-io \[OPTIONS\][\s\S]*", "USAGE")

let private finish (child: Diagnostics.Process) (input: string) =
    child.StandardInput.Write input
    child.StandardInput.Close()
    let ended = Daemon.finish child
    ended.Code, masked ended.Out, masked ended.Errors

let private ours: Tool =
    fun directory arguments input ->
        use child = Daemon.startAshlar directory ("io" :: arguments)
        finish child input

let private theirs: Tool =
    fun directory arguments input ->
        Needs.qemuIo ()
        use child = Daemon.startFile "qemu-io" directory arguments
        finish child input

let private qemuImg directory arguments =
    Needs.qemuImg ()
    let line = String.concat " " (arguments |> List.map (fun (a: string) -> $"'{a}'"))
    Programs.start "sh" [ "-c"; $"cd '{directory}' && exec qemu-img {line}" ]

let private images = [ "a.qcow2"; "b.qcow2"; "c.qcow2"; "r.raw" ]

/// A directory with images of several kinds, each time the same.
let private furnish directory =
    let make arguments =
        let code, _, errors = qemuImg directory ("create" :: "-q" :: arguments)
        Expect.equal code 0 errors

    make [ "-f"; "qcow2"; "a.qcow2"; "64M" ]
    make [ "-f"; "qcow2"; "-o"; "compat=0.10,cluster_size=4k"; "b.qcow2"; "5M" ]
    make [ "-f"; "qcow2"; "-b"; "a.qcow2"; "-F"; "qcow2"; "c.qcow2" ]
    make [ "r.raw"; "1M" ]
    File.WriteAllText(Path.Combine(directory, "pat"), "hello world")

    File.WriteAllText(
        Path.Combine(directory, "rules"),
        "[inject-error]\nevent = \"write_aio\"\nerrno = \"28\"\nonce = \"on\"\n\n\
         [set-state]\nevent = \"read_aio\"\nstate = \"1\"\nnew_state = \"2\"\n\
         [inject-error]\nevent = \"write_aio\"\nstate = \"2\"\n"
    )

    File.WriteAllBytes(Path.Combine(directory, "magic"), [| 0x51uy; 0x46uy; 0x49uy; 0xfbuy |])

    let filled =
        [ "write -q -P 7 64k 200k"; "write -q -z 1M 64k"; "discard -q 128k 64k" ]
        |> List.collect (fun command -> [ "-c"; command ])

    let code, _, errors = theirs directory (filled @ [ "a.qcow2" ]) ""
    Expect.equal code 0 errors

let private of' image commands =
    (commands |> List.collect (fun command -> [ "-c"; command ])) @ [ image ], ""

/// Commands that say the same on both sides, whatever those before them did; one process for all.
let private reading = [
    "info"
    "map"
    "length"
    "alloc 0 64M"
    "alloc 64k 1M"
    "alloc 1G"
    "alloc 100k"
    "read -1 4"
    "read -P"
    "read -P 300 0 4"
    "read -P x 0 4"
    "read 0"
    "read 0 1k 2k"
    "read -P 7 64k 64k"
    "read -P 8 64k 64k"
    "read -P 8 -q 64k 64k"
    "read -P 7 -s 1k -l 1k 63k 4k"
    "read -P 7 -l 1k 63k 4k"
    "read -P 7 -l 5k 63k 4k"
    "read -l 1 0 1k"
    "read -C 0 1k"
    "read -v 65530 40"
    "read -vC 0 20"
    "read 0 0"
    "read 63M 2M"
    "read 65M 0"
    "read -b 1 512"
    "read 1.5k 1K"
    "read 0x200 0x10"
    "read 1x 4"
    "read 99999999999999999999 4"
    "read 9E 1"
    "read -x 0 1"
    "read 0 512 -P 0"
    "read -P 010 0 512"
    "read 0 3G"
    "readv 0 1k 1k"
    "readv -v 65530 8 8"
    "readv 0 3G"
    "readv 0 2147483136 1k"
    "readv -P 1 0 1k"
    "aio_read -P 6 64k 1k"
    "aio_flush"
    "aio_read -i 0 1k"
    "aio_read 64M 1k"
    "aio_flush"
    "aio_read x 1"
    "aio_flush 1"
    "sleep x"
    "sleep 5"
    "help foo"
    "help length"
    "help map"
    "? quit"
    "sigraise 0"
    "sigraise 999"
    "sigraise x"
    "open x"
    "foo"
    "map 1"
    "alloc"
    "close"
    "length"
    "open -x"
    "open a b"
    "open -t foo a.qcow2"
    "open -o foo=1 a.qcow2"
    "open -o driver=qcow2,file.filename=b.qcow2"
    "length"
    "quit now"
    "length"
]

let private writing = [
    "write 0 1k"
    "write -P 1 100 1k"
    "write -z -u 64k 64k"
    "write -u 0 1k"
    "write -n 0 1k"
    "write -z -n 0 64k"
    "write -z 5 100"
    "write -f -z 0 1k"
    "write -f -b 0 64k"
    "write -b -z 0 512"
    "write -z -P 1 0 512"
    "write -s pat 0 1k"
    "write -s none 0 1k"
    "write -s /dev/null 0 1k"
    "write -C 0 1k"
    "write -q 0 1k"
    "write 0 3G"
    "write 64M 1"
    "write -b 1 512"
    "write 1k 1k 1k"
    "writev -P 4 0 1k 1k 77"
    "writev -f -C 0 1k"
    "writev 0"
    "aio_write -P 5 0 1k 1k"
    "aio_flush"
    "aio_write -z -u 64k 64k"
    "aio_flush"
    "aio_write -z 0 1k 1k"
    "aio_write -u 0 1k"
    "aio_write 64M 1k"
    "aio_flush"
    "flush"
    "discard 64k 64k"
    "discard -C 64k 64k"
    "discard 63M 2M"
    "discard 0 3G"
    "truncate x"
    "truncate -m foo 1M"
    "truncate 65M"
    "length"
    "truncate 64M"
    "map"
    "reopen -r"
    "write 0 1k"
    "read -q 0 1k"
    "reopen -w"
    "write -P 9 0 1k"
    "reopen -r -w"
    "reopen -o foo=1"
    "reopen -o foo"
    "reopen -c foo"
    "reopen -c unsafe"
    "reopen -r -o read-only=on"
    "reopen 1"
    "write -P 11 1M 1M"
    "flush"
]

let private openings = [
    [ "--image-opts"; "a.qcow2" ]
    [ "--image-opts"; "filename=a.qcow2" ]
    [ "--image-opts"; "-c"; "map"; "file.filename=a.qcow2" ]
    [ "--image-opts"; "-c"; "map"; "driver=qcow2,foo=1,file.filename=a.qcow2" ]
    [ "--image-opts"; "-c"; "map"; "driver=qcow2,file.foo=1,file.filename=a.qcow2" ]
    [ "--image-opts"; "-c"; "map"; "driver=qcow2,file.filename=a.qcow2,read-only=on" ]
    [ "--image-opts"; "-r"; "-c"; "map"; "driver=null-co,size=1M,read-zeroes=on" ]
    [ "-f"; "strange"; "a.qcow2" ]
    [ "none" ]
    [ "-f"; "qcow2"; "r.raw" ]
    [ "-Q" ]
    [ "-U"; "a.qcow2" ]
    [ "-r"; "-U"; "a.qcow2"; "-c"; "length" ]
    [ "-c" ]
    [ "--n" ]
    [ "--snapshot=1"; "a.qcow2" ]
    [ "--fo"; "qcow2"; "a.qcow2"; "--cmd=length" ]
    [ "a"; "b" ]
    [ "-f"; "raw"; "--image-opts"; "x" ]
    [ "-t"; "x"; "a.qcow2" ]
    [ "-d"; "x"; "a.qcow2" ]
    [ "-i"; "x"; "a.qcow2" ]
    [ "-k"; "a.qcow2"; "-c"; "length" ]
    [ "-kn"; "-m"; "a.qcow2"; "-c"; "write -P 9 100 8k"; "-c"; "read -P 9 100 8k" ]
    [
        "-s"
        "a.qcow2"
        "-c"
        "write -P 5 0 1M"
        "-c"
        "read -P 5 0 1M"
        "-c"
        "read -P 7 1M 1k"
    ]
    [ "-C"; "c.qcow2"; "-c"; "read 64k 64k"; "-c"; "map" ]
    [ "-C"; "-r"; "c.qcow2"; "-c"; "length" ]
    [
        "r.raw"
        "-c"
        "write -P 3 0 1k"
        "-c"
        "write -s magic 0 4"
        "-c"
        "write -s magic 1 4"
    ]
    [ "-f"; "raw"; "r.raw"; "-c"; "write -s magic 0 4"; "-c"; "info"; "-c"; "map" ]
    [ "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"a.qcow2\"}}" ]
    [ "json:{" ]
    [ "file:a.qcow2"; "-c"; "length" ]
    [ "-f"; "null-co"; "null-co://"; "-c"; "length"; "-c"; "info" ]
    [ "--object"; "secret,id=s,data=x"; "a.qcow2"; "-c"; "length" ]
]

let private debugged = "blkdebug::a.qcow2"

let private breaking = [
    [
        "break write_aio A"
        "aio_write 0 64k"
        "wait_break A"
        "resume A"
        "aio_flush"
        "resume A"
        "remove_break A"
        "break foo A"
        "break read_aio B"
        "remove_break B"
        "read 0 1k"
    ]
    [
        "break write_aio A"
        "aio_write 0 64k"
        "wait_break A"
        "aio_write 1M 64k"
        "sleep 300"
        "remove_break A"
        "aio_flush"
        "read -P 0xcd 0 64k"
    ]
]

let private rule number members =
    members
    |> List.map (fun (key, value) -> $"file.inject-error.{number}.{key}={value}")
    |> String.concat ","

let private overRaw = "driver=raw,file.driver=blkdebug,file.image.filename=r.raw,"

/// Requests of a raw image with rules and limits, whose outcome both sides owe to the text.
let private limited = [
    for limit in [ "align=512"; "align=4096"; "max-transfer=4096" ] do
        for sector in [ 0; 8; 100 ] do
            [ "event", "none"; "sector", string sector ]
            |> rule 0
            |> fun rule -> $"{overRaw}file.{limit},{rule}"
    for word in [ "read"; "write"; "foo" ] do
        overRaw + rule 0 [ "event", "none"; "iotype", word ]
    overRaw + rule 0 [ "event", "write_aio"; "errno", "28"; "once", "on" ]
    overRaw + rule 0 [ "event", "foo" ]
    overRaw + rule 0 [ "errno", "3" ]
    overRaw + "file.align=3"
    overRaw + "file.align=4096,file.max-transfer=1000"
    overRaw + "file.max-discard=100,file.opt-discard=64k"
]

let private limitedCommands =
    [
        "write -P 1 0 512"
        "write -P 2 4096 100"
        "read 4000 200"
        "read 48k 8k"
        "write -P 4 51000 300"
        "flush"
    ]
    |> List.collect (fun command -> [ "-c"; command ])

/// Command lines with what they are given to read.
let private alike = [
    of' "a.qcow2" reading
    of' "c.qcow2" reading
    of' "a.qcow2" writing
    of' "c.qcow2" writing
    for arguments in openings do
        arguments, ""
    for commands in breaking do
        of' debugged commands
    for options in limited do
        "--image-opts" :: options :: limitedCommands, ""
    [ "-f"; "raw"; "blkdebug:rules:r.raw" ]
    @ ([ "write 0 1k"; "read 0 1k"; "write 0 1k"; "write 0 1k" ]
       |> List.collect (fun command -> [ "-c"; command ])),
    ""
    of' "blkdebug:none:a.qcow2" [ "length" ]
    of' "blkdebug:a.qcow2" [ "length" ]
    of' "a.qcow2" [ "break x y"; "break"; "resume x"; "remove_break t"; "help" ]
    [], "read 0 512\nfoo\nquit\n"
    [ "a.qcow2" ], "\n\nlength\nclose\nlength\nopen -r b.qcow2\nlength\n"
    [ "a.qcow2" ], "read 0 512\nquit\nlength\n"
]

let private sameContents here there =
    for image in images do
        let mine, other = Path.Combine(here, image), Path.Combine(there, image)

        if image = "r.raw" then
            Expect.equal (File.ReadAllBytes mine) (File.ReadAllBytes other) image
        else
            for command in [ [ "compare"; image; other ]; [ "check"; image ] ] do
                let code, output, errors = qemuImg here command
                Expect.equal code 0 $"{image}: {output}{errors}"

let private sameTexts =
    // BLK-IOT-001, BLK-IOT-002, BLK-IOT-003, BLK-IOT-004, BLK-IOT-005, BLK-IOT-006, BLK-IOT-007,
    // BLK-IOT-008, BLK-IOT-009, BLK-IOT-010, BLK-IOT-011, BLK-IOT-012, BLK-IOT-013, BLK-DATA-021,
    // BLK-IOT-015, BLK-DEBUG-003, BLK-DEBUG-004, BLK-DEBUG-005, BLK-DEBUG-006
    test "the same texts, exit codes and images" {
        Temporary.withDirectory "io" (fun directory ->
            let place name = (Directory.CreateDirectory(Path.Combine(directory, name))).FullName
            let here, there = place "here", place "there"
            furnish here
            furnish there

            for arguments, input in alike do
                let line = String.concat " " arguments + input
                Expect.equal (ours here arguments input) (theirs there arguments input) line

            sameContents here there)
    }

/// Signals end both alike, at once.
let private signals =
    test "a signal ends the program, what was written stays (BLK-IOT-014)" {
        Temporary.withDirectory "io" (fun directory ->
            for tool in [ ours; theirs ] do
                furnish directory

                for last in [ "sigraise 9"; "abort" ] do
                    let arguments, input = of' "a.qcow2" [ "write -q -P 3 0 64k"; last; "length" ]
                    let code, output, _ = tool directory arguments input
                    Expect.notEqual code 0 last
                    Expect.equal output "" last

                let arguments, input = of' "a.qcow2" [ "read -q -P 3 0 64k" ]
                let code, output, _ = tool directory arguments input
                Expect.equal (code, output) (0, "") "what was written")
    }

let tests = testList "io tool" [ sameTexts; signals ]
