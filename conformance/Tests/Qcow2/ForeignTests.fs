/// Images that QEMU made: what the engine can use it uses and leaves sound, the rest it refuses by
/// name.
module internal Ashlar.Conformance.Tests.Qcow2.ForeignTests

open System
open System.IO
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario
open Ashlar.Conformance.Tests.Qcow2.Tools

let private qemuImg arguments = Programs.run "qemu-img" arguments |> ignore

let private create path (options: string) (size: string) =
    let chosen = if options = "" then [] else [ "-o"; options ]
    qemuImg ([ "create"; "-q"; "-f"; "qcow2" ] @ chosen @ [ path; size ])

let private openPath (path: string) =
    let mutable opened: HostFile | null = null

    match LinuxHostFiles.Instance.Open(path, HostFileMode true, &opened) with
    | HostErrno.None -> there opened
    | errno -> failtest (HostErrnoText.Of errno)

/// The bytes of the first cluster behind the fields that change: extensions and backing name.
let private extensions (file: HostFile) = Array.sub (bytesOf file) 104 (512 - 104)

let private usable = [
    ""
    "compat=0.10"
    "cluster_size=512"
    "cluster_size=2M"
    "lazy_refcounts=on"
    "refcount_bits=1"
    "refcount_bits=64,cluster_size=1024"
    "preallocation=metadata"
    "preallocation=full,cluster_size=4096"
    "compat=0.10,preallocation=metadata,cluster_size=4096"
    "compression_type=zstd"
]

let private using' =
    testList "are used and stay sound (BLK-DATA-005)" [
        for options in usable do
            let name = if options = "" then "made without options" else options

            test name {
                Needs.qemuImg ()

                withDirectory (fun directory ->
                    Seeds.forSeeds name 2 (fun random ->
                        let path = Path.Combine(directory, $"{random.Next()}.qcow2")
                        create path options "1536K"
                        use file = openPath path
                        let before = extensions file
                        let subject = start file None

                        for _ in 1..25 do
                            step random subject

                        finish subject
                        Expect.equal (extensions file) before "header extensions"
                        judge directory path subject))
            }
    ]

/// The text with which an image is refused at open, read-write.
let private refusal path =
    use file = openPath path

    match tryOpen file with
    | Error refusal -> refusal.Text
    | Ok image ->
        match image.CheckWritable() with
        | null -> "opens read-write"
        | refusal -> refusal.Text

let private inDirectory body =
    Needs.qemuImg ()
    withDirectory (fun directory -> body directory (Path.Combine(directory, "image.qcow2")))

let private refused =
    testList "are refused by name (BLK-OPEN-021)" [
        let features = "Unsupported qcow2 feature(s): "

        test "extended L2 entries" {
            inDirectory (fun _ path ->
                create path "extended_l2=on" "1M"
                Expect.equal (refusal path) (features + "extended L2 entries") "text")
        }

        test "an external data file" {
            inDirectory (fun directory path ->
                let data = Path.Combine(directory, "data.raw")
                create path $"data_file={data}" "1M"
                Expect.equal (refusal path) (features + "external data file") "text")
        }

        test "encryption" {
            inDirectory (fun _ path ->
                let secret = [ "--object"; "secret,id=s,data=abc" ]
                let luks = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"
                qemuImg ([ "create"; "-q"; "-f"; "qcow2" ] @ secret @ [ "-o"; luks; path; "1M" ])
                Expect.equal (refusal path) "qcow2: encryption is not supported" "text")
        }

        test "persistent bitmaps, for writing only" {
            inDirectory (fun _ path ->
                create path "" "1M"
                qemuImg [ "bitmap"; "--add"; path; "b" ]
                let text = "qcow2: Image has persistent bitmaps; cannot be opened read/write"
                Expect.equal (refusal path) text "text")
        }

        test "compressed clusters are read, and copied when written in part (BLK-DATA-019)" {
            for kind in [ "zlib"; "zstd" ] do
                inDirectory (fun directory path ->
                    let raw = Path.Combine(directory, "raw")
                    let content = Array.init 1048577 (fun index -> byte (index / 700))
                    File.WriteAllBytes(raw, content)
                    let options = $"compression_type={kind}"

                    qemuImg [
                        "convert"
                        "-q"
                        "-c"
                        "-f"
                        "raw"
                        "-O"
                        "qcow2"
                        "-o"
                        options
                        raw
                        path
                    ]

                    let length = 1048576 + 512
                    let expected = Array.zeroCreate<byte> length
                    Array.blit content 0 expected 0 content.Length
                    use file = openPath path
                    let image = openOn file
                    Expect.equal (read image 0L length) expected kind
                    write image 100000L (Array.create 1000 9uy)
                    Array.fill expected 100000 1000 9uy
                    image.WriteBackAsync() |> wait |> orFail "write back"
                    File.WriteAllBytes(raw, expected)
                    qemuImg [ "check"; "-q"; path ]
                    qemuImg [ "compare"; "-q"; "-f"; "raw"; "-F"; "qcow2"; raw; path ])
        }

        test "a backing file's name and format are read (BLK-OPEN-012)" {
            inDirectory (fun directory path ->
                let below = Path.Combine(directory, "below.raw")
                File.WriteAllBytes(below, Array.zeroCreate 4096)

                qemuImg [ "create"; "-q"; "-f"; "qcow2"; "-b"; below; "-F"; "raw"; path ]

                use file = openPath path
                let image = openOn file
                Expect.equal image.BackingFileName below "name"
                Expect.equal image.BackingFormat "raw" "format")
        }
    ]

let tests = testList "images of QEMU" [ using'; refused ]
