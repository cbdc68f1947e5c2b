/// What a loss of power may leave of a file: everything that a flush covers, and of the changes
/// since then any sectors (BLK-DATA-022). Every moment of a log is tried with all of its changes
/// and with some of them.
namespace Ashlar.Conformance.Crash

open System
open Ashlar.Conformance

/// The file after a crash.
type State = {
    /// How many entries of the log had been asked for.
    Length: int
    /// Which of them are there, in words.
    Kept: string
    Bytes: byte[]
}

/// Bytes of a file that grows.
[<Sealed>]
type private Platter(start: byte[]) =
    let mutable bytes = Array.copy start
    let mutable length = start.Length

    let reach stop =
        if stop > bytes.Length then
            Array.Resize(&bytes, max stop (bytes.Length * 2))

        length <- max length stop

    member _.Bytes = Array.sub bytes 0 length

    member _.Write(offset: int64, source: ReadOnlySpan<byte>) =
        reach (int offset + source.Length)
        source.CopyTo(bytes.AsSpan(int offset))

    member _.Zero(offset: int64, count: int64) =
        reach (int (offset + count))
        Array.fill bytes (int offset) (int count) 0uy

    member _.Cut(stop: int64) =
        if int stop < length then
            Array.fill bytes (int stop) (length - int stop) 0uy
            length <- int stop
        else
            reach (int stop)

/// Enumerating crashes.
module States =
    /// A disk writes a sector whole or not at all; bytes.
    let sectorBytes = 512L

    /// How often the changes that no flush covers are drawn for each moment.
    let private draws = 2

    let private put (platter: Platter) (change: Change) =
        match change with
        | Change.Write(offset, bytes) -> platter.Write(offset, ReadOnlySpan bytes)
        | Change.Zero(offset, count) -> platter.Zero(offset, count)
        | Change.Length length -> platter.Cut length
        | Change.Flush -> ()

    /// The parts of a range that lie in one sector each.
    let private sectors (offset: int64) (length: int64) =
        offset
        |> Seq.unfold (fun at ->
            if at >= offset + length then
                None
            else
                let next = min (offset + length) ((at / sectorBytes + 1L) * sectorBytes)
                Some(struct (at, next), next))

    /// Some sectors of a change reach the disk, others do not.
    let private tear (dice: Dice) (platter: Platter) (change: Change) =
        match change with
        | Change.Write(offset, bytes) ->
            for struct (at, next) in sectors offset bytes.LongLength do
                if dice.Percent 50 then
                    let part = ReadOnlySpan(bytes, int (at - offset), int (next - at))
                    platter.Write(at, part)
        | Change.Zero(offset, count) ->
            for struct (at, next) in sectors offset count do
                if dice.Percent 50 then
                    platter.Zero(at, next - at)
        | Change.Length _
        | Change.Flush -> ()

    /// Some of the changes from `safe` on; in words, which.
    let private drawn (dice: Dice) (platter: Platter) (log: Change[]) safe length =
        let words = ResizeArray<string>()

        for index in safe .. length - 1 do
            match dice.Below 4 with
            | 0 -> ()
            | 1 ->
                tear dice platter log[index]
                words.Add $"parts of {index}"
            | _ ->
                put platter log[index]
                words.Add(string index)

        String.concat ", " words

    let private some (dice: Dice) (stable: byte[]) (log: Change[]) safe length =
        seq {
            for _ in 1..draws do
                let platter = Platter stable
                let kept = drawn dice platter log safe length

                {
                    Length = length
                    Kept = $"all before {safe}, and {kept}"
                    Bytes = platter.Bytes
                }

            // What was written last may be the only thing that is there.
            let platter = Platter stable
            put platter log[length - 1]

            {
                Length = length
                Kept = $"all before {safe}, and {length - 1}"
                Bytes = platter.Bytes
            }
        }

    /// The crashes that are tried for a log. Without `honoursFlush` a flush covers nothing, as on a
    /// disk that lies.
    let all (honoursFlush: bool) (dice: Dice) (start: byte[]) (log: Change[]) : State seq =
        seq {
            let stable = Platter start
            let whole = Platter start
            let mutable safe = 0

            for length in 0 .. log.Length do
                if length > 0 then
                    put whole log[length - 1]

                    if honoursFlush && log[length - 1] = Change.Flush then
                        for index in safe .. length - 1 do
                            put stable log[index]

                        safe <- length

                { Length = length; Kept = "all"; Bytes = whole.Bytes }

                if length - safe > 1 then
                    yield! some dice stable.Bytes log safe length
        }
