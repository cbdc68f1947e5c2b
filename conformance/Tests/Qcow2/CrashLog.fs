/// What reached a file in which order, and the file as a crash may leave it.
module internal Ashlar.Conformance.Tests.Qcow2.CrashLog

open System
open System.Collections.Generic
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images

/// A change of a file. A flush covers the first changes, as many as had ended when it began.
[<RequireQualifiedAccess>]
type Change =
    | Write of offset: int64 * bytes: byte[]
    | Zero of offset: int64 * length: int64
    | Flush of covered: int

/// The file after a crash: all that a flush covered, of the rest what the dice keep.
let crash (random: Random) (start: MemoryContent) (log: List<Change>) length =
    let covered change =
        match change with
        | Change.Flush covered -> covered
        | _ -> 0

    let safe = log |> Seq.truncate length |> Seq.fold (fun most c -> max most (covered c)) 0
    let host = MemoryHostFiles()
    host.Create("image", start) |> ignore
    let file = openFile host "image"
    let keep = random.Next 3

    for index in 0 .. length - 1 do
        if index < safe || keep = 0 || random.Next 2 = 0 then
            match log[index] with
            | Change.Write(offset, bytes) -> file.Write(offset, ReadOnlySpan bytes) |> ignore
            | Change.Zero(offset, count) -> file.WriteZeroes(offset, count) |> ignore
            | Change.Flush _ -> ()

    file
