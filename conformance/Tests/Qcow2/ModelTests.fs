/// Random requests against a plain array of bytes: every cluster size, version and refcount width,
/// with and without backing images, in memory and on real files that QEMU's tools then judge.
module internal Ashlar.Conformance.Tests.Qcow2.ModelTests

open System
open System.IO
open System.Threading
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario
open Ashlar.Conformance.Tests.Qcow2.Tools

let private describe (options: Qcow2CreationOptions) =
    $"version {options.Version}, clusters of {options.ClusterBytes}, counts of "
    + $"{options.RefcountBits} bits, {options.SizeBytes} bytes"

/// The reference finds nothing wrong and reads what must be there.
let private judgedByReference (subject: Subject) =
    let bytes = bytesOf subject.File
    Soundness.expectClean "the file" bytes
    Soundness.expectDisk bytes (subject.Backing |> Option.map _.Expected) subject.Expected

let private inMemory (random: Random) =
    let subject backing =
        let options = drawOptions random
        let _, file = newImage options
        options, start file backing

    let rec chain depth backing =
        let options, top = subject backing

        try
            for _ in 1 .. random.Next 60 do
                step random top

            finish top
            judgedByReference top
        with error ->
            failwith $"{describe options}, depth {depth}: {error.Message}"

        if depth < 2 && random.Next 2 = 0 then
            chain (depth + 1) (Some top)

    chain 0 None

let private createOn path (options: Qcow2CreationOptions) =
    let mutable created: HostFile | null = null
    let errno = LinuxHostFiles.Instance.Create(path, 0o600, &created)

    if errno <> HostErrno.None then
        failwith $"{path}: {HostErrnoText.Of errno}"

    let file = there created

    match Qcow2Creation.TryCreate(file, options) with
    | null -> file
    | refusal -> failwith $"create: {refusal.Text}"

let private onFiles directory (random: Random) =
    let run = random.Next()

    let rec chain depth (backing: (string * Subject) option) =
        let path = Path.Combine(directory, $"{run}-{depth}.qcow2")
        let options = drawOptions random

        let options =
            match backing with
            | Some(name, _) ->
                Qcow2CreationOptions(
                    SizeBytes = options.SizeBytes,
                    Version = options.Version,
                    ClusterBytes = max 1024 options.ClusterBytes,
                    RefcountBits = options.RefcountBits,
                    BackingFileName = name,
                    BackingFormat = "qcow2"
                )
            | None -> options

        use file = createOn path options
        let top = start file (Option.map snd backing)

        try
            for _ in 1 .. random.Next 60 do
                step random top

            finish top
            judge directory path top
        with error ->
            failwith $"{describe options}, depth {depth}: {error.Message}"

        if depth < 2 && random.Next 2 = 0 then
            chain (depth + 1) (Some(path, top))

    chain 0 None

/// Each of several threads has a part of one image to itself and checks it while the others write.
let private sideBySide (random: Random) =
    let threads = 4
    let part = 262144
    let _, file = newImage (Qcow2CreationOptions(SizeBytes = int64 (threads * part)))
    let image = openOn file
    let seeds = [ for _ in 1..threads -> random.Next() ]

    let work index seed =
        let random = Random seed
        let start = index * part
        let expected = Array.zeroCreate<byte> part

        for _ in 1..100 do
            let from = random.Next part
            let bytes = Array.create (random.Next(part - from)) (byte (random.Next 256))
            write image (int64 (start + from)) bytes
            bytes.CopyTo(expected, from)

            if read image (int64 start) part <> expected then
                failwith "another thread's bytes"

    seeds
    |> List.mapi (fun index seed -> Tasks.Task.Run(fun () -> work index seed))
    |> Array.ofList
    |> Tasks.Task.WaitAll

    image.WriteBackAsync() |> wait |> orFail "write back"
    Soundness.expectClean "the file" (bytesOf file)

let tests =
    testList "requests" [
        let name = "what is read is what was written, the tables are without fault (BLK-DATA-003)"
        test name { Seeds.forSeeds name 200 inMemory }

        let name = "requests of several threads on one image wait for each other (BLK-DATA-003)"
        test name { Seeds.forSeeds name 5 sideBySide }

        let name = "qemu-img finds the same content and nothing to complain of (BLK-DATA-005)"

        test name {
            Needs.qemuImg ()
            withDirectory (fun directory -> Seeds.forSeeds name 30 (onFiles directory))
        }
    ]
