/// What must hold of a file after a crash (BLK-DATA-022): the reference and the block layer open it
/// and find no corruption, both read the same, and every byte is one that it may be.
module Ashlar.Conformance.Crash.Judging

open System
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2

/// What does not hold: a word for its kind, and a sentence.
type Flaw = { Kind: string; Text: string }

let private fault kind text = Some { Kind = kind; Text = text }

/// The first test that finds something.
let private first (tests: (unit -> Flaw option) list) : Flaw option =
    tests |> List.tryPick (fun test -> test ())

/// The moments of a run that a crash may show: the last of which all is durable, and those that had
/// begun since then. What a step leaves that makes, applies or deletes a snapshot is durable
/// (FMT-QCOW2-508).
let private moments (run: Run) (length: int) : Mark list =
    let isFlushed (mark: Mark) =
        mark.Ended <= length
        && (match mark.Step with
            | None
            | Some Step.Flush
            | Some Step.Snapshot
            | Some(Step.Apply _)
            | Some(Step.Delete _) -> true
            | _ -> false)

    let flushed = Array.FindLastIndex(run.Marks, isFlushed)

    run.Marks[flushed..]
    |> Array.mapi (fun index mark -> index, mark)
    |> Array.filter (fun (index, mark) -> index = 0 || mark.Began < length)
    |> Array.map snd
    |> List.ofArray

/// Without what is the same object as the one before.
let private withoutRepeats (found: 'a list) : 'a list =
    (found, [])
    ||> List.foldBack (fun one later ->
        match later with
        | next :: _ when obj.ReferenceEquals(next, one) -> later
        | _ -> one :: later)

/// What a crash may show: disks, the flushed one first, and lists of snapshots.
type Candidates = { Disks: byte[] list; Snapshots: byte[] list list }

/// What a crash at that length of the log may show.
let candidates (run: Run) (length: int) : Candidates =
    let found = moments run length

    {
        Disks = found |> List.map _.Disk |> withoutRepeats
        Snapshots = found |> List.map _.Snapshots |> withoutRepeats
    }

/// A byte beyond the end of a disk that was cut: zero, or what the backing file has.
let private mayBe (backing: byte[]) (at: int) (value: byte) (disk: byte[]) =
    if at < disk.Length then
        disk[at] = value
    else
        value = 0uy || (at < backing.Length && backing[at] = value)

let private content (backing: byte[]) (disks: byte[] list) (found: byte[]) =
    if not (disks |> List.exists (fun disk -> disk.Length = found.Length)) then
        let lengths = disks |> List.map (fun disk -> string disk.Length) |> String.concat ", "
        fault "length" $"the disk has {found.Length} bytes; it may have {lengths}"
    else
        let flushed = disks.Head
        let last = List.last disks
        let mutable at = found.AsSpan().CommonPrefixLength(ReadOnlySpan flushed)

        let isAllowed at =
            (at < last.Length && last[at] = found[at])
            || (at < flushed.Length && flushed[at] = found[at])
            || disks |> List.exists (mayBe backing at found[at])

        while at < found.Length && isAllowed at do
            at <- at + 1

        let wrong = if at < found.Length then Some at else None

        match wrong with
        | None -> None
        | Some at when disks.Tail.IsEmpty ->
            fault "lost" $"byte {at} was flushed as {flushed[at]} and reads as {found[at]}"
        | Some at ->
            let may = disks |> List.map (fun d -> if at < d.Length then string d[at] else "cut")
            let may = may |> List.distinct |> String.concat " or "
            fault "content" $"byte {at} may read as {may}, and reads as {found[at]}"

let private orFault kind (found: Result<'a, Fault>) =
    found
    |> Result.mapError (fun fault -> {
        Kind = $"{kind} {fault.Requirement}"
        Text = Fault.text fault
    })

/// The snapshots are those of one moment, each as it was made: no request reaches them.
let private snapshots (image: Image) (outside: Outside) (lists: byte[] list list) =
    let disk snapshot =
        Image.ofSnapshot image snapshot
        |> Result.bind (fun view -> Contents.read image outside view 0UL (int view.SizeBytes))
        |> orFault "reference reads a snapshot"

    let add found snapshot =
        found |> Result.bind (fun disks -> disk snapshot |> Result.map (fun one -> one :: disks))

    (Ok [], image.Snapshots)
    ||> List.fold add
    |> Result.bind (fun disks ->
        if lists |> List.contains (List.rev disks) then
            Ok()
        else
            Error {
                Kind = "snapshots"
                Text = $"{disks.Length} snapshots, which are those of no moment"
            })

let private byReference
    (backing: byte[] option)
    (lists: byte[] list list)
    (bytes: byte[])
    : Result<byte[], Flaw> =
    Image.read bytes
    |> orFault "reference opens"
    |> Result.bind (fun image ->
        Check.image image
        |> orFault "reference checks"
        |> Result.bind (fun report ->
            match report.Corruptions with
            | first :: _ ->
                Error {
                    Kind = $"corruption {first.Requirement}"
                    Text = $"{report.Corruptions.Length} corruptions; {Fault.text first}"
                }
            | [] ->
                let view = Image.active image

                let outside = { DataFile = None; Backing = Option.map Contents.backingOf backing }

                snapshots image outside lists
                |> Result.bind (fun () ->
                    Contents.read image outside view 0UL (int view.SizeBytes)
                    |> orFault "reference reads")))

let private byEngine (backing: byte[] option) (bytes: byte[]) (expected: byte[]) : Flaw option =
    try
        use session = new Session(Running.host backing bytes, backing.IsSome, true)

        let corruptions, lines = session.Corruptions()

        if corruptions > 0L then
            fault "engine checks" $"{corruptions} corruptions; {lines}"
        elif session.LengthBytes <> expected.LongLength then
            fault "engine reads" $"{session.LengthBytes} bytes, where there are {expected.Length}"
        else
            let found = session.Read expected.Length
            let at = found.AsSpan().CommonPrefixLength(ReadOnlySpan expected)

            if at < found.Length then
                fault "engine reads" $"byte {at} as {found[at]}, where {expected[at]} is"
            else
                None
    with Refused(what, why) ->
        fault $"engine refuses {what}" why

/// What is wrong with a file after a crash, if anything is.
let judge (backing: byte[] option) (may: Candidates) bytes : Flaw option =
    match byReference backing may.Snapshots bytes with
    | Error flaw -> Some flaw
    | Ok found ->
        first [
            fun () -> content (Option.defaultValue [||] backing) may.Disks found
            fun () -> byEngine backing bytes found
        ]
