/// The published `ashlar img` against the machine's own qemu-img: the same command lines on the
/// same images, as whole processes, with the wall time and the most memory of each.
module Ashlar.Conformance.Benchmarks.ImageTools

open System
open System.Diagnostics
open System.IO
open System.Threading

/// Pairs of runs of each command.
let private pairs = 5

let private mebibyte = 1 <<< 20

/// What is converted: 1 GiB, in turn 16 MiB of noise and 16 MiB of zeroes.
let private stripes = 64, 16 * mebibyte

/// What is compressed.
let private proseBytes = 192 * mebibyte

/// Requests of a run of `bench`, 4 KiB each and 32 at once.
let private requests = 60_000

/// Overlays of the chain that is read through.
let private layers = 200

/// Places of the 1 TiB image that hold data.
let private sparsePlaces = 400

let private terabyte = 1L <<< 40

/// One command line, and what it may cost: our time by QEMU's.
type private Row = { Name: string; Bound: float; Arguments: string list }

/// Milliseconds and the most KiB of a run.
type private Cost = { Time: float; Memory: float }

/// The most memory of a process so far, if it still is one.
let private peakOf (child: Process) : float option =
    try
        File.ReadLines $"/proc/{child.Id}/status"
        |> Seq.tryFind (fun line -> line.StartsWith("VmHWM:", StringComparison.Ordinal))
        |> Option.map (fun line ->
            float (line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]))
    with
    | :? IOException
    | :? UnauthorizedAccessException -> None

let private run (program: string) (directory: string) (arguments: string list) : Cost =
    let clock = Stopwatch.StartNew()
    use child = Pairs.start program directory arguments
    let output = child.StandardOutput.ReadToEndAsync()
    child.StandardInput.Close()
    let mutable most = 0.0

    while not (child.WaitForExit 2) do
        most <- max most (Option.defaultValue 0.0 (peakOf child))

    let time = clock.Elapsed.TotalMilliseconds

    if child.ExitCode <> 0 then
        let line = String.concat " " arguments
        failwith $"{program} {line}: ended with {child.ExitCode}\n{output.Result}"

    { Time = time; Memory = most }

let private noise (directory: string) =
    let count, bytes = stripes
    let random = Random 1
    let stripe = Array.zeroCreate<byte> bytes
    use file = File.Create(Path.Combine(directory, "half.raw"))
    file.SetLength(int64 count * int64 bytes)

    for index in 0..2 .. count - 1 do
        random.NextBytes stripe
        file.Position <- int64 index * int64 bytes
        file.Write stripe

/// Words in random order, which compress as text does.
let private prose (directory: string) =
    let random = Random 2

    let words = [|
        for _ in 1..4000 ->
            String.init (2 + random.Next 8) (fun _ -> string (char (97 + random.Next 26)))
    |]

    use file = File.Create(Path.Combine(directory, "prose.raw"))
    use writer = new StreamWriter(file)
    let mutable left = proseBytes

    while left > 0 do
        let word = words[int (4000.0 * Math.Pow(random.NextDouble(), 3.0))]
        writer.Write word
        writer.Write ' '
        left <- left - word.Length - 1

/// Everything is made by QEMU's tools, so that both sides meet the same images.
let private prepare (theirs: string) (directory: string) =
    let their arguments = run theirs directory arguments |> ignore
    noise directory
    prose directory
    their [ "convert"; "-f"; "raw"; "-O"; "qcow2"; "half.raw"; "half.qcow2" ]
    their [ "convert"; "-c"; "-f"; "raw"; "-O"; "qcow2"; "prose.raw"; "prose.qcow2" ]
    their [ "create"; "-q"; "-f"; "qcow2"; "sparse.qcow2"; string terabyte ]
    let io = Path.Combine(string (Path.GetDirectoryName theirs), "qemu-io")

    let writes =
        [
            for place in 1..sparsePlaces do
                [ "-c"; $"write -q {int64 place * (terabyte / int64 sparsePlaces) - 65536L} 64k" ]
        ]
        |> List.concat

    run io directory ("-f" :: "qcow2" :: "sparse.qcow2" :: writes) |> ignore
    their [ "create"; "-q"; "-f"; "qcow2"; "layer0"; "1G" ]

    for layer in 1..layers do
        their [
            "create"
            "-q"
            "-f"
            "qcow2"
            "-F"
            "qcow2"
            "-b"
            $"layer{layer - 1}"
            $"layer{layer}"
        ]

let private rows = [
    let convert options input output = [ "convert" ] @ options @ [ input; output ]
    let row name bound arguments = { Name = name; Bound = bound; Arguments = arguments }
    row "convert raw to qcow2" 1.0 (convert [ "-f"; "raw"; "-O"; "qcow2" ] "half.raw" "out")
    row "convert qcow2 to raw" 1.0 (convert [ "-f"; "qcow2"; "-O"; "raw" ] "half.qcow2" "out")

    for kind, bound in [ "zlib", 0.33; "zstd", 0.8 ] do
        let options = [ "-c"; "-f"; "raw"; "-O"; "qcow2"; "-o"; $"compression_type={kind}" ]
        row $"convert -c, {kind}" bound (convert options "prose.raw" "out")

    row "convert from zlib" 1.0 (convert [ "-f"; "qcow2"; "-O"; "raw" ] "prose.qcow2" "out")
    row "compare" 1.0 [ "compare"; "-f"; "raw"; "-F"; "qcow2"; "half.raw"; "half.qcow2" ]
    row "map of 1 TiB" 1.0 [ "map"; "--output=json"; "sparse.qcow2" ]
    row "check of 1 TiB" 1.0 [ "check"; "sparse.qcow2" ]

    for engine, options, bound in
        [
            "threads", [], 0.8
            "native", [ "-n"; "-t"; "none" ], 0.8
            "io_uring", [ "-i"; "io_uring" ], 1.2
        ] do
        for what, more in [ "reads", []; "writes", [ "-w" ] ] do
            row
                $"bench, 4 KiB {what}, {engine}"
                bound
                ([ "bench"; "-f"; "qcow2"; "-c"; string requests; "-d"; "32"; "-s"; "4096" ]
                 @ options
                 @ more
                 @ [ "half.qcow2" ])

    row "start: --version" 2.0 [ "--version" ]
    row "info" 2.0 [ "info"; "half.qcow2" ]
    row $"info of {layers} overlays" 2.0 [ "info"; "--backing-chain"; $"layer{layers}" ]
    row $"compare through {layers} overlays" 1.0 [ "compare"; $"layer{layers}"; "layer0" ]
]

let private tell (ours: string) (theirs: string) (directory: string) (row: Row) =
    let fresh (program: string) () =
        File.Delete(Path.Combine(directory, "out"))
        run program directory row.Arguments

    let measured = Pairs.measured pairs (fresh ours) (fresh theirs)
    let of' pick = measured |> List.map (fun (a, b) -> pick a, pick b) |> Pairs.medians
    let a, b, ratio = of' _.Time
    let memory, theirMemory, _ = of' _.Memory

    let cells = [
        row.Name
        Pairs.text "N1" a
        Pairs.text "N1" b
        Pairs.text "F2" ratio
        Pairs.text "F2" row.Bound
        Pairs.text "N1" (memory / 1024.0)
        Pairs.text "N1" (theirMemory / 1024.0)
    ]

    printfn "| %s |" (String.concat " | " cells)

/// Prints a row for each command; the medians of pairs.
let compare () : int =
    Pairs.withBoth "qemu-img" (fun ours theirs ->
        Pairs.inScratch (fun directory ->
            prepare theirs directory
            printfn "| what | ashlar, ms | QEMU, ms | ratio | aim | ashlar, MiB | QEMU, MiB |"
            printfn "| --- | --- | --- | --- | --- | --- | --- |"

            for row in rows do
                try
                    tell ours theirs directory row
                with Failure reason ->
                    eprintfn "%s" reason))
