/// Real clients against our server: libnbd's and QEMU's tools, and fio.
module Ashlar.Conformance.Tests.Nbd.ProgramTests

open System.IO
open System.Text.Json
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Nbd.Serving

let private mib = 1024 * 1024

let private withDisk body =
    withServer (fun served ->
        served.AddFile("disk", Array.append (pattern mib 1) (Array.zeroCreate mib))
        served.Export("disk", true, "the disk") |> ignore
        body served)

/// A qcow2 overlay, half of which its backing shows.
let private withOverlay (served: Served) =
    let at name = Path.Combine(served.Directory, name)
    File.WriteAllBytes(at "base.raw", pattern (2 * mib) 3)
    Programs.run "qemu-img" [ "create"; "-q"; "-f"; "qcow2"; at "top.qcow2"; "3M" ] |> ignore

    Programs.run "qemu-io" [
        "-f"
        "qcow2"
        "-c"
        "write -P 7 512k 512k"
        "-c"
        "write -z 1536k 128k"
        at "top.qcow2"
    ]
    |> ignore

    served.Command(fun () ->
        served.Stack.Add(
            node "qcow2" "top" [
                "file", file "top-file" (at "top.qcow2")
                "backing", node "raw" "base" [ "file", file "base-file" (at "base.raw") ]
            ]
        ))

    served.Export("top", true) |> ignore

let private informs (served: Served) =
    Needs.program "nbdinfo" "libnbd-bin"
    let output = Programs.run "nbdinfo" [ "--json"; "--list"; served.Uri "" ]
    use document = JsonDocument.Parse output
    let export = document.RootElement.GetProperty("exports")[0]
    let text (name: string) = export.GetProperty(name).GetString()
    let number (name: string) = export.GetProperty(name).GetInt64()
    let flag (name: string) = export.GetProperty(name).GetBoolean()
    Expect.equal (text "export-name") "disk" "name"
    Expect.equal (text "description") "the disk" "description"
    Expect.equal (number "export-size") (int64 (2 * mib)) "size"
    Expect.equal (number "block_size_minimum") 1L "BLK-NBD-006"
    Expect.equal (number "block_size_maximum") 33554432L "BLK-NBD-006"

    for name in [ "can_flush"; "can_fua"; "can_trim"; "can_zero"; "can_cache"; "can_multi_conn" ] do
        Expect.isTrue (flag name) name

    Expect.isFalse (flag "is_read_only") "writable"

    Expect.equal
        (Programs.run "nbdinfo" [ "--size"; served.Uri "disk" ])
        $"{2 * mib}\n"
        "size alone"

let private maps (served: Served) =
    Needs.program "nbdinfo" "libnbd-bin"
    Needs.qemuImg ()
    Needs.qemuIo ()
    withOverlay served

    use document =
        JsonDocument.Parse(Programs.run "nbdinfo" [ "--json"; "--map"; served.Uri "top" ])

    let extents = [
        for extent in document.RootElement.EnumerateArray() ->
            extent.GetProperty("offset").GetInt64() / 1024L,
            extent.GetProperty("length").GetInt64() / 1024L,
            extent.GetProperty("type").GetInt32()
    ]

    Expect.equal
        extents
        [ 0L, 1536L, 0; 1536L, 128L, 3; 1664L, 384L, 0; 2048L, 1024L, 3 ]
        "BLK-NBD-015: data of both, a zero cluster, zeroes beyond the backing's end"

    let map = Programs.run "qemu-img" [ "map"; "--output=json"; "-f"; "raw"; served.Uri "top" ]
    Expect.stringContains map "\"start\": 2097152, \"length\": 1048576" "qemu-img sees it too"

let private copies (served: Served) =
    Needs.program "nbdcopy" "libnbd-bin"
    let out = Path.Combine(served.Directory, "out.raw")
    let expected = File.ReadAllBytes(Path.Combine(served.Directory, "disk.img"))
    Programs.run "nbdcopy" [ served.Uri "disk"; out ] |> ignore
    Expect.equal (File.ReadAllBytes out) expected "from the server"
    File.WriteAllBytes(out, Array.concat [ Array.zeroCreate mib; pattern mib 9 ])
    Programs.run "nbdcopy" [ "--flush"; out; served.Uri "disk" ] |> ignore

    Expect.equal
        (File.ReadAllBytes(Path.Combine(served.Directory, "disk.img")))
        (File.ReadAllBytes out)
        "to the server"

let private converts (served: Served) =
    Needs.qemuImg ()
    Needs.qemuIo ()
    withOverlay served
    let out = Path.Combine(served.Directory, "out.qcow2")

    Programs.run "qemu-img" [ "convert"; "-f"; "raw"; "-O"; "qcow2"; served.Uri "top"; out ]
    |> ignore

    Programs.run "qemu-img" [ "compare"; "-f"; "raw"; "-F"; "qcow2"; served.Uri "top"; out ]
    |> ignore

    let described = Programs.run "qemu-img" [ "info"; "-f"; "raw"; served.Uri "top" ]
    Expect.stringContains described "virtual size: 3 MiB" "info"

    Programs.run "qemu-img" [
        "convert"
        "-n"
        "-f"
        "raw"
        "-O"
        "raw"
        served.Uri "disk"
        served.Uri "top"
    ]
    |> ignore

    let code, output, _ =
        Programs.start "qemu-img" [
            "compare"
            "-f"
            "raw"
            "-F"
            "raw"
            served.Uri "disk"
            served.Uri "top"
        ]

    Expect.equal (code, output.Contains "identical") (0, true) output

let private ioCommands (served: Served) =
    Needs.qemuIo ()

    let script = [
        "write -P 1 0 64k"
        "write -f -P 2 1000 3000"
        "write -z 8192 4096"
        "write -z -u 16384 4096"
        "discard 32k 16k"
        "flush"
        "read -P 2 1000 3000"
        "read -P 0 8192 4096"
        "read -P 0 16384 4096"
        "aio_write -P 3 64k 64k"
        "aio_write -P 4 128k 64k"
        "aio_flush"
        "read -P 3 64k 64k"
        "read -P 4 128k 64k"
    ]

    let output =
        Programs.run
            "qemu-io"
            ([ "-f"; "raw" ]
             @ (script |> List.collect (fun line -> [ "-c"; line ]))
             @ [ served.Uri "disk" ])

    Expect.isFalse (output.Contains "failed") output

let private verified (served: Served) =
    Needs.program "fio" "fio"

    Programs.run "fio" [
        "--name=verify"
        "--ioengine=nbd"
        "--uri=" + served.Uri "disk"
        "--rw=randrw"
        "--bs=4k"
        "--iodepth=16"
        "--size=2m"
        "--verify=crc32c"
        "--verify_fatal=1"
        // else it leaves a file of its own in the current folder
        "--verify_state_save=0"
        "--randseed=7"
        "--output=" + Path.Combine(served.Directory, "fio.txt")
    ]
    |> ignore

let tests =
    testList "programs" [
        test "nbdinfo describes the exports" { withDisk informs }
        test "nbdinfo and qemu-img map an overlay" { withServer maps }
        test "nbdcopy copies both ways" { withDisk copies }
        test "qemu-img converts and compares" { withDisk converts }
        test "qemu-io writes and reads" { withDisk ioCommands }
        test "fio verifies what it wrote" { withDisk verified }
    ]
