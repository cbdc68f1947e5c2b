/// Workloads as text, a line for each step, so that one that failed can be kept and run again.
module Ashlar.Conformance.Crash.WorkloadText

open System

/// How a file of a workload begins.
let private title = "# a crash workload; `ashlar-conform replay` runs it"

let private stepLine (step: Step) =
    match step with
    | Step.Write(offset, length, seed) -> $"write {offset} {length} {seed}"
    | Step.Packed(offset, length, seed) -> $"packed {offset} {length} {seed}"
    | Step.Zero(offset, length, true) -> $"unmap {offset} {length}"
    | Step.Zero(offset, length, false) -> $"zero {offset} {length}"
    | Step.Discard(offset, length) -> $"discard {offset} {length}"
    | Step.Resize length -> $"resize {length}"
    | Step.Flush -> "flush"
    | Step.Snapshot -> "snapshot"
    | Step.Apply index -> $"apply {index}"
    | Step.Delete index -> $"delete {index}"
    | Step.Reopen -> "reopen"

/// The text of a workload; lines that begin with `#` are remarks.
let print (remarks: string list) (workload: Workload) : string =
    let making = workload.Making
    let packer = if making.IsZstandard then "zstd" else "zlib"

    let image =
        $"image version={making.Version} cluster={making.ClusterBytes} \
          refcount={making.RefcountBits} packer={packer} size={making.SizeBytes} \
          backing={Option.defaultValue 0 making.BackingBytes}"

    [
        title
        yield! remarks |> List.map (fun remark -> "# " + remark)
        image
        $"seed {workload.Seed}"
        yield! workload.Steps |> List.map stepLine
        ""
    ]
    |> String.concat "\n"

/// Whether a text is one of these rather than a script of commands.
let isWorkload (text: string) : bool = text.StartsWith title

let private (|Number|_|) (word: string) =
    match Int32.TryParse word with
    | true, number when number >= 0 -> Some number
    | _ -> None

let private (|Seed|_|) (word: string) =
    match UInt64.TryParse word with
    | true, seed -> Some seed
    | _ -> None

let private step (line: string) : Step option =
    match List.ofArray (line.Split ' ') with
    | [ "write"; Number offset; Number length; Seed seed ] -> Some(Step.Write(offset, length, seed))
    | [ "packed"; Number offset; Number length; Seed seed ] ->
        Some(Step.Packed(offset, length, seed))
    | [ "unmap"; Number offset; Number length ] -> Some(Step.Zero(offset, length, true))
    | [ "zero"; Number offset; Number length ] -> Some(Step.Zero(offset, length, false))
    | [ "discard"; Number offset; Number length ] -> Some(Step.Discard(offset, length))
    | [ "resize"; Number length ] -> Some(Step.Resize length)
    | [ "flush" ] -> Some Step.Flush
    | [ "snapshot" ] -> Some Step.Snapshot
    | [ "apply"; Number index ] -> Some(Step.Apply index)
    | [ "delete"; Number index ] -> Some(Step.Delete index)
    | [ "reopen" ] -> Some Step.Reopen
    | _ -> None

/// The number behind `name=`.
let private valueOf (name: string) (words: string list) =
    words
    |> List.tryPick (fun word ->
        if word.StartsWith(name + "=") then
            Some(word.Substring(name.Length + 1))
        else
            None)

let private image (line: string) : Making option =
    let words = List.ofArray (line.Split ' ')
    let number name = valueOf name words |> Option.bind (|Number|_|)

    match number "version", number "cluster", number "refcount", number "size" with
    | Some version, Some cluster, Some refcount, Some size when words.Head = "image" ->
        Some {
            Version = version
            ClusterBytes = cluster
            RefcountBits = refcount
            IsZstandard = (valueOf "packer" words = Some "zstd")
            SizeBytes = size
            BackingBytes = number "backing" |> Option.filter (fun length -> length > 0)
        }
    | _ -> None

/// Reads a workload, or says which line is none of its lines.
let parse (text: string) : Result<Workload, string> =
    let lines =
        text.Split '\n'
        |> Array.mapi (fun index line -> index + 1, line.Trim())
        |> Array.filter (fun (_, line) -> line <> "" && not (line.StartsWith '#'))
        |> List.ofArray

    match lines with
    | (number, first) :: (_, second) :: rest ->
        match image first, List.ofArray (second.Split ' ') with
        | Some making, [ "seed"; Seed seed ] ->
            let steps = rest |> List.map (fun (number, line) -> number, step line)

            match steps |> List.tryFind (snd >> Option.isNone) with
            | Some(number, _) -> Error $"line {number} is no step"
            | None -> Ok { Making = making; Seed = seed; Steps = steps |> List.choose snd }
        | _ -> Error $"line {number} and the next one say no image and seed"
    | _ -> Error "there is no image"
