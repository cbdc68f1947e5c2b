/// The requirements of spec/block, which are built into this library: their ids and titles, so that
/// a report can say what was not exercised.
module Ashlar.Conformance.Requirements

open System.IO
open System.Reflection
open System.Text.RegularExpressions

/// A requirement as a report names it.
type Requirement = { Id: string; Title: string }

let private heading = Regex(@"^#+\s+(BLK-[A-Z]+-[0-9]{3})\s*(.*)$", RegexOptions.Compiled)

let private linesOf (resource: string) : string list =
    match Assembly.GetExecutingAssembly().GetManifestResourceStream resource with
    | null -> []
    | stream ->
        use reader = new StreamReader(stream)
        List.ofArray (reader.ReadToEnd().Split '\n')

/// Every requirement, in the order of the files and of their headings.
let all: Lazy<Requirement list> =
    lazy
        (Assembly.GetExecutingAssembly().GetManifestResourceNames()
         |> Array.filter _.EndsWith(".md")
         |> Array.sort
         |> List.ofArray
         |> List.collect linesOf
         |> List.choose (fun line ->
             let found = heading.Match(line.TrimEnd())

             if found.Success then
                 Some { Id = found.Groups[1].Value; Title = found.Groups[2].Value }
             else
                 None)
         |> List.distinctBy _.Id)

/// The subject of an id: PERM of BLK-PERM-003.
let subject (id: string) : string =
    match id.Split '-' with
    | [| _; subject; _ |] -> subject
    | _ -> ""
