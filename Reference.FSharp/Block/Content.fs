/// What bytes a disk holds, as sparse runs (BLK-DATA-003). A gap reads as zeroes.
namespace Ashlar.Reference.Block

/// Length bytes of one value from Offset on.
[<Struct>]
type Run = { Offset: int64; Length: int64; Byte: byte }

/// Sparse runs: sorted by offset, disjoint, never of the byte zero, maximal.
type Content = Run list

/// Reading and writing of sparse runs.
module Content =
    let private last (run: Run) = run.Offset + run.Length

    /// The parts of the runs inside a range, at their offsets.
    let within (offset: int64) (length: int64) (content: Content) : Content =
        let stop = offset + length

        content
        |> List.choose (fun run ->
            let first = max offset run.Offset
            let stop = min stop (last run)

            if first < stop then
                Some { run with Offset = first; Length = stop - first }
            else
                None)

    /// The runs outside a range.
    let outside (offset: int64) (length: int64) (content: Content) : Content =
        let before = within 0L offset content
        let stop = offset + length
        before @ within stop (System.Int64.MaxValue - stop) content

    /// The runs moved by a distance.
    let shift (distance: int64) (content: Content) : Content =
        if distance = 0L then
            content
        else
            content |> List.map (fun run -> { run with Offset = run.Offset + distance })

    /// Neighbours of one value become one run.
    let rec private joined (content: Content) =
        match content with
        | a :: b :: rest when a.Byte = b.Byte && last a = b.Offset ->
            joined ({ a with Length = a.Length + b.Length } :: rest)
        | a :: rest -> a :: joined rest
        | [] -> []

    /// The second's runs inside a range instead of the first's.
    let overlay (offset: int64) (length: int64) (under: Content) (over: Content) : Content =
        outside offset length under @ within offset length over |> List.sortBy _.Offset |> joined

    /// The content after bytes of one value were written.
    let write (offset: int64) (length: int64) (value: byte) (content: Content) : Content =
        let run =
            if value = 0uy || length <= 0L then
                []
            else
                [ { Offset = offset; Length = length; Byte = value } ]

        overlay offset length content run
