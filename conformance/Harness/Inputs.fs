/// Reading files that somebody names: a device has no length and no end, so that nothing is read
/// without a bound.
module Ashlar.Conformance.Inputs

open System.IO
open System.Text

/// Characters asked for at once.
let private blockCharacters = 65_536

/// The text of a file; nothing when it has more characters than the bound.
let text (path: string) (charactersMax: int) : string option =
    use reader = File.OpenText path
    let text = StringBuilder()
    let block = Array.zeroCreate<char> blockCharacters
    let mutable count = reader.Read block

    while count > 0 && text.Length <= charactersMax do
        text.Append(block, 0, count) |> ignore
        count <- reader.Read block

    if text.Length > charactersMax then
        None
    else
        Some(text.ToString())

/// The lines of a file. One with more characters than the bound is cut behind the first one too
/// many, and is the last.
let lines (path: string) (charactersMax: int) : string seq =
    seq {
        use reader = File.OpenText path
        let line = StringBuilder()
        let mutable goesOn = true

        while goesOn do
            match reader.Read() with
            | -1 ->
                goesOn <- false

                if line.Length > 0 then
                    string line
            | 10 ->
                string line
                line.Clear() |> ignore
            | 13 when reader.Peek() = 10 -> ()
            | character ->
                line.Append(char character) |> ignore

                if line.Length > charactersMax then
                    goesOn <- false
                    string line
    }
