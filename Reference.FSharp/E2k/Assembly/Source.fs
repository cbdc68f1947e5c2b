/// Sources of assembly: lines with the places they come from, what is wrong with one, and how much
/// of everything there may be. Requirements: spec/e2k/assembly.md (E2K-ASM-001, E2K-ASM-030).
namespace Ashlar.Reference.E2k.Assembly

open Ashlar.Reference.E2k

/// A line of a file, and of a macro's line the line that used the macro.
type Spot = { File: string; Line: int; UsedAt: Spot option }

/// A line of text; each character knows the column, from 1, that it stands in or comes from.
type Line = { Place: Spot; Text: string; Columns: int[] }

/// A part of a line.
type Segment = { Of: Line; Start: int; Text: string }

/// Why a source is not assembled, and where.
type Problem = { At: Spot; Column: int; Wrong: Illegal }

/// What an assembly reads: the name of a file that another one names, and its text.
type Reader = string option -> string -> Result<string * string, string>

/// E2K-ASM-030: how much a source may ask for. What a person writes is far below.
module Limits =
    /// Files that include one another.
    let includeDepth = 32

    /// Conditional parts within one another.
    let conditionDepth = 64

    /// Macros that use one another.
    let macroDepth = 64

    /// Names that stand for one another.
    let definitionDepth = 64

    /// Names replaced in a line.
    let replacements = 65_536

    /// Lines of all files and uses of macros together.
    let lines = 1_000_000

    /// Characters of a line, names replaced.
    let lineLength = 65_536

    /// Characters of an operation or an expression.
    let operationLength = 2_048

    /// Bytes of a section that the file holds.
    let sectionBytes = 1L <<< 26

    /// Bytes of the section that is only reserved.
    let reservedBytes = 1L <<< 30

/// Makers of problems and segments.
module Source =
    let internal wrong rule reason : Illegal = { Rule = rule; Reason = reason }

    /// The column of a character of a line, or of its end.
    let columnOf (line: Line) index =
        if index < line.Columns.Length then
            line.Columns[index]
        elif line.Columns.Length > 0 then
            line.Columns[line.Columns.Length - 1] + 1
        else
            1

    /// A problem at a character of a line.
    let problemIn (line: Line) index rule reason : Problem = {
        At = line.Place
        Column = columnOf line index
        Wrong = wrong rule reason
    }

    /// A problem at a character of a segment.
    let problem (segment: Segment) index rule reason : Problem =
        problemIn segment.Of (segment.Start + index) rule reason

    /// A part of a line without the blanks around it.
    let segment (line: Line) start finish : Segment =
        let text = line.Text.Substring(start, finish - start)
        let leading = text.Length - text.TrimStart().Length
        { Of = line; Start = start + leading; Text = text.Trim() }

    /// A fault of the parser at its place in the source.
    let ofFault (segment: Segment) (fault: Parser.Fault) : Problem = {
        At = segment.Of.Place
        Column = columnOf segment.Of (segment.Start + fault.Column - 1)
        Wrong = fault.Wrong
    }

    let internal isNameStart (one: char) = System.Char.IsAsciiLetter one || one = '_'
    let internal isNamePart (one: char) = System.Char.IsAsciiLetterOrDigit one || one = '_'

    /// Characters of labels, directives and macros.
    let internal isWord (one: char) = isNamePart one || one = '.' || one = '$'

    /// The index behind the characters from one on for which something holds.
    let rec internal behind (is: char -> bool) (text: string) index =
        if index < text.Length && is text[index] then
            behind is text (index + 1)
        else
            index

    let internal isBlank (one: char) = one = ' ' || one = '\t'

    /// The index behind the text in quotes that begins here, or behind the line where it does not
    /// end.
    let rec internal behindQuoted (text: string) index =
        if index >= text.Length then text.Length
        elif text[index] = '\\' then behindQuoted text (index + 2)
        elif text[index] = '"' then index + 1
        else behindQuoted text (index + 1)

    /// A text in quotes at the start of another, with its escapes as they are, if there is one.
    let internal quoted (text: string) =
        if text.StartsWith '"' then
            let finish = min text.Length (behindQuoted text 1)

            if finish > 1 && text[finish - 1] = '"' then
                Some(text.Substring(1, finish - 2))
            else
                None
        else
            None

    /// The parts between separators that stand outside quotes and brackets, with their starts.
    let internal split (separator: char) (text: string) : (int * string) list =
        let parts = ResizeArray<int * string>()
        let mutable start = 0
        let mutable index = 0
        let mutable depth = 0

        while index < text.Length do
            match text[index] with
            | '"' -> index <- behindQuoted text (index + 1)
            | one ->
                if one = '(' || one = '[' then
                    depth <- depth + 1
                elif one = ')' || one = ']' then
                    depth <- depth - 1
                elif one = separator && depth <= 0 then
                    parts.Add(start, text.Substring(start, index - start))
                    start <- index + 1

                index <- index + 1

        parts.Add(start, text.Substring start)
        List.ofSeq parts

    /// The parts of a segment between commas; none of a segment of nothing.
    let internal arguments (segment: Segment) : Segment list =
        if segment.Text = "" then
            []
        else
            split ',' segment.Text
            |> List.map (fun (start, text) ->
                let leading = text.Length - text.TrimStart().Length

                { segment with Start = segment.Start + start + leading; Text = text.Trim() })
