/// The requirements of spec/block, which are built into this library: their ids, titles and MUST
/// sentences, so that a report can say what was not exercised, and a derivation what decided.
module Ashlar.Conformance.Requirements

open System
open System.IO
open System.Reflection
open System.Text.RegularExpressions
open Ashlar.Reference.Block

/// Which profiles a requirement speaks of (spec/README.md, Profiles).
[<RequireQualifiedAccess>]
type Era =
    | Every
    /// *(ashlar)*
    | Ashlar
    /// *(legacy)*
    | Legacy

/// A requirement as a report names it.
type Requirement = {
    Id: string
    Title: string
    /// The sentence that requires something; "" if there is none.
    Must: string
    /// The page it stands on, from the root of the repository.
    Page: string
    /// Where it holds, as the heading says.
    Era: Era
    /// Whether the model carries it, so that a run can exercise it.
    IsModelled: bool
}

let private heading = Regex(@"^#+\s+(BLK-[A-Z]+-[0-9]{3})\s*(.*)$", RegexOptions.Compiled)

let private linesOf (resource: string) : string list =
    match Assembly.GetExecutingAssembly().GetManifestResourceStream resource with
    | null -> []
    | stream ->
        use reader = new StreamReader(stream)
        List.ofArray (reader.ReadToEnd().Split '\n')

/// A sentence ends before a blank and a capital, not after an abbreviation or in a number.
let private sentenceEnd = Regex(@"(?<=\.) +(?=[A-Z`*])", RegexOptions.Compiled)

let private must (lines: string list) : string =
    let text = lines |> List.map _.Trim() |> String.concat " "

    sentenceEnd.Split(text.Trim())
    |> Array.tryFind _.Contains("MUST")
    |> Option.defaultValue ""

let private isHeading (line: string) = line.StartsWith '#'

let private isRemark (line: string) = line.StartsWith("- *", StringComparison.Ordinal)

let private eraOf (title: string) =
    if title.EndsWith("(legacy)", StringComparison.Ordinal) then
        Era.Legacy
    elif title.EndsWith("(ashlar)", StringComparison.Ordinal) then
        Era.Ashlar
    else
        Era.Every

/// A Status line says of what a room does not carry that it is not.
let private isModelled (section: string list) =
    section
    |> List.skipWhile (fun line -> not (line.StartsWith("- *Status*", StringComparison.Ordinal)))
    |> List.forall (fun line -> not (line.Contains "not modelled"))

let rec private read (page: string) (lines: string list) : Requirement list =
    match lines with
    | [] -> []
    | line :: rest ->
        let found = heading.Match(line.TrimEnd())

        if found.Success then
            let body = rest |> List.takeWhile (fun line -> not (isHeading line || isRemark line))

            let requirement = {
                Id = found.Groups[1].Value
                Title = found.Groups[2].Value
                Must = must body
                Page = "spec/block/" + page
                Era = eraOf found.Groups[2].Value
                IsModelled = rest |> List.takeWhile (isHeading >> not) |> isModelled
            }

            requirement :: read page rest
        else
            read page rest

/// Every requirement, in the order of the files and of their headings.
let all: Lazy<Requirement list> =
    lazy
        (Assembly.GetExecutingAssembly().GetManifestResourceNames()
         |> Array.filter _.EndsWith(".md")
         |> Array.sort
         |> List.ofArray
         |> List.collect (fun page -> read page (linesOf page))
         |> List.distinctBy _.Id)

let private byId = lazy (all.Value |> List.map (fun r -> r.Id, r) |> Map.ofList)

/// The requirement of that id.
let find (id: string) : Requirement option = byId.Value.TryFind id

/// Whether the requirement says anything of the profile that a run could exercise.
let applies (profile: Profile) (requirement: Requirement) : bool =
    requirement.IsModelled
    && match requirement.Era with
       | Era.Every -> true
       | Era.Ashlar -> Lane.hasEngine profile
       | Era.Legacy -> profile.Texts = Texts.Qemu31

/// The subject of an id: PERM of BLK-PERM-003.
let subject (id: string) : string =
    match id.Split '-' with
    | [| _; subject; _ |] -> subject
    | _ -> ""
