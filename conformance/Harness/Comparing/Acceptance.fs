/// Declared differences: what somebody reviewed and accepts of a system that differs, and why
/// (docs/accept.md). Nothing is accepted that is not counted.
namespace Ashlar.Conformance

open System
open System.Text.RegularExpressions

/// One declared difference.
type Declaration = {
    Id: string
    /// The requirement that the system departs from.
    Requirement: string
    /// Why that is accepted, in a sentence.
    Reason: string
    /// The commands after which it may show; none for every one.
    Commands: string list
    /// What may differ.
    Aspect: Aspect
    /// What the oracle says and what the system says, with "*" for any text.
    Expected: string
    Actual: string
}

/// Words of the list.
module Declaration =
    /// What can be declared, by its word. A system that breaks is no difference, and neither is one
    /// that nobody can see.
    let aspects: (string * Aspect) list = [
        "outcome", Aspect.Outcome
        "text", Aspect.Text
        "data", Aspect.Data
        "nodes", Aspect.Nodes
        "edges", Aspect.Edges
        "list-order", Aspect.ListOrder
        "users", Aspect.Backends
        "exports", Aspect.Exports
        "descriptors", Aspect.Descriptors
        "locks", Aspect.Locks
    ]

    /// The command's word for what QMP does not know.
    let anyCommand = "any"

    /// What is written for any text.
    let anyText = "*"

/// A list of declared differences, ready to judge.
[<Sealed>]
type Acceptance(declarations: Declaration list) =
    let regexOf (pattern: string) =
        let body = Regex.Escape(pattern).Replace(@"\*", ".*")
        // Linear in the text, whatever the pattern.
        Regex("^" + body + "$", RegexOptions.Singleline ||| RegexOptions.NonBacktracking)

    let entries = declarations |> List.map (fun d -> d, regexOf d.Expected, regexOf d.Actual)

    let declares (command: string) (difference: Difference) (d: Declaration, expected, actual) =
        d.Aspect = difference.Aspect
        && (d.Commands.IsEmpty || List.contains command d.Commands)
        && (expected: Regex).IsMatch difference.Expected
        && (actual: Regex).IsMatch difference.Actual

    /// Accepts nothing.
    static member val None = Acceptance []

    /// In the order of the list.
    member _.Declarations = declarations

    /// The declaration of one difference: the first that fits.
    member _.Of(command: string, difference: Difference) : Declaration option =
        entries |> List.tryFind (declares command difference) |> Option.map (fun (d, _, _) -> d)

    /// The ids of the declarations that cover all differences of a step; nothing when one is not
    /// declared, or when there is none to see. Where one side refused and the other did not, the
    /// rest follows from that.
    member this.Judge(command: string, differences: Difference list) : string list option =
        let causes =
            match differences |> List.filter (fun d -> d.Aspect = Aspect.Outcome) with
            | [] -> differences
            | outcomes -> outcomes

        let found = causes |> List.map (fun d -> this.Of(command, d))

        if differences.IsEmpty || List.contains None found then
            None
        else
            found |> List.choose id |> List.map _.Id |> List.distinct |> Some

/// Reading a list.
module AcceptanceParser =
    /// The first line of every list.
    let magic = "# ashlar-accept 1"

    exception private ListFault of line: int * message: string

    let private fail line message = raise (ListFault(line, message))

    let private fields = [ "requirement"; "reason"; "command"; "differs"; "expected"; "actual" ]

    let private isId (text: string) =
        text <> "" && text |> Seq.forall (fun c -> Char.IsAsciiLetterOrDigit c || c = '-')

    /// An entry as it stands: where it begins, its id, its fields with their lines.
    type private Entry = { Line: int; Id: string; Fields: Map<string, int * string> }

    let private word (line: string) : string * string =
        match line.IndexOf ' ' with
        | -1 -> line, ""
        | at -> line.Substring(0, at), line.Substring(at + 1).Trim()

    let private add (entries: Entry list) (number: int, text: string) : Entry list =
        match word text, entries with
        | ("accept", id), _ when not (isId id) ->
            fail number "accept ID, of letters, digits and '-'"
        | ("accept", id), _ when entries |> List.exists (fun e -> e.Id = id) ->
            fail number $"'{id}' is declared twice"
        | ("accept", id), _ -> { Line = number; Id = id; Fields = Map.empty } :: entries
        | (name, _), _ when not (List.contains name fields) ->
            let known = String.Join(", ", "accept" :: fields)
            fail number $"'{name}' is none of {known}"
        | (name, _), [] -> fail number $"'{name}' stands before the first 'accept ID'"
        | (name, ""), _ -> fail number $"'{name}' says nothing"
        | (name, _), entry :: _ when entry.Fields.ContainsKey name ->
            fail number $"'{name}' stands twice in '{entry.Id}'"
        | (name, value), entry :: rest ->
            { entry with Fields = entry.Fields.Add(name, (number, value)) } :: rest

    let private commands (names: string list) (line: int, value: string) : string list =
        let found = value.Split ',' |> List.ofArray |> List.map _.Trim()

        match found |> List.tryFind (fun name -> not (List.contains name names)) with
        | _ when found = [ Declaration.anyCommand ] -> []
        | Some unknown ->
            let known = String.Join(", ", names)
            fail line $"'{unknown}' is no command; there are {known}, or any"
        | None -> found

    let private aspect (line: int, value: string) : Aspect =
        match Declaration.aspects |> List.tryFind (fst >> (=) value) with
        | Some(_, aspect) -> aspect
        | None ->
            let known = String.Join(", ", List.map fst Declaration.aspects)
            fail line $"'{value}' cannot be declared; there are {known}"

    let private declaration names isRequirement (entry: Entry) : Declaration =
        let field name =
            match entry.Fields.TryFind name with
            | Some found -> found
            | None -> fail entry.Line $"'{entry.Id}' lacks '{name}'"

        let line, requirement = field "requirement"

        if not (isRequirement requirement) then
            fail line $"there is no requirement '{requirement}'"

        let expected, actual = snd (field "expected"), snd (field "actual")

        if expected = Declaration.anyText && actual = Declaration.anyText then
            fail (fst (field "actual")) "with expected * and actual * anything would be accepted"

        {
            Id = entry.Id
            Requirement = requirement
            Reason = snd (field "reason")
            Commands = commands names (field "command")
            Aspect = aspect (field "differs")
            Expected = expected
            Actual = actual
        }

    /// The list of a text; or the number of a line and what is wrong there. `commands` are the
    /// names of commands, `isRequirement` knows ids.
    let parse
        (commands: string list)
        (isRequirement: string -> bool)
        (text: string)
        : Result<Acceptance, int * string> =
        try
            let lines = text.Split '\n' |> Array.map _.Trim() |> List.ofArray

            if lines.Head <> magic then
                fail 1 $"a list of declared differences begins with the line '{magic}'"

            let entries =
                lines
                |> List.indexed
                |> List.filter (fun (_, line) -> line <> "" && not (line.StartsWith '#'))
                |> List.map (fun (index, line) -> index + 1, line)
                |> List.fold add []
                |> List.rev

            if entries.IsEmpty then
                fail 1 "the list declares nothing"

            Ok(Acceptance(List.map (declaration commands isRequirement) entries))
        with ListFault(line, message) ->
            Error(line, message)
