/// Words of a command line, for lines that people copy.
module Ashlar.Conformance.Quoting

open System

/// The word as a shell takes it.
let shell (word: string) : string =
    if word |> Seq.forall (fun c -> Char.IsAsciiLetterOrDigit c || "/._:-".Contains c) then
        word
    else
        "'" + word.Replace("'", "'\\''") + "'"
