/// Which room may see which: the arrows between projects, and the names they may use.
module Ashlar.Conformance.Tests.Tidy.Arrows

open System.IO
open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Tests.Tidy.Repository

/// A room of projects with the rooms its projects may reference beside itself.
type private Room = { Path: string; Sees: string list }

let private rooms = [
    { Path = "Reference.FSharp/Block/"; Sees = [] }
    { Path = "Reference.FSharp/E2k/"; Sees = [] }
    { Path = "Reference.FSharp/Formats/"; Sees = [] }
    { Path = "Fast.CSharp/Block/"; Sees = [] }
    { Path = "Fast.CSharp/Nbd/"; Sees = [ "Fast.CSharp/Block/" ] }
    {
        Path = "Fast.CSharp/Qmp/"
        Sees = [ "Fast.CSharp/Block/"; "Fast.CSharp/Nbd/" ]
    }
    { Path = "Fast.CSharp/E2k/"; Sees = [] }
    { Path = "Fast.CSharp/Tools/"; Sees = [ "Fast.CSharp/" ] }
    { Path = "Fast.CSharp/Tools.E2k/"; Sees = [ "Fast.CSharp/E2k/" ] }
    { Path = "conformance/"; Sees = [ "Reference.FSharp/"; "Fast.CSharp/" ] }
]

let private projects () = select [] [ ".fsproj"; ".csproj" ]

let private referenced (project: Source) (line: string) =
    let found = Regex.Match(line, "<ProjectReference Include=\"([^\"]+)\"")

    if found.Success then
        let relative = found.Groups[1].Value.Replace('\\', '/')
        let full = Path.Combine(root, directoryOf project.Path, relative)
        Some(Path.GetRelativePath(root, Path.GetFullPath full).Replace('\\', '/'))
    else
        None

let private badArrows (project: Source) =
    match rooms |> List.tryFind (fun room -> project.Path.StartsWith room.Path) with
    | None -> [ { Place = project.Path; Line = 1; What = "stands in no known room" } ]
    | Some room ->
        project
        |> perLine (fun line ->
            referenced project line
            |> Option.filter (fun target -> not (isUnder (room.Path :: room.Sees) target))
            |> Option.map (fun target -> $"must not reference {target}"))

/// The names a room's code must not say, because saying them means seeing what it may not see.
let private forbidden = [
    "Reference.FSharp/", @"\bAshlar\.(?!Reference\b)[A-Z]\w*"
    "Reference.FSharp/Block/", @"\bAshlar\.Reference\.(?!Block\b)[A-Z]\w*"
    "Reference.FSharp/E2k/", @"\bAshlar\.Reference\.(?!E2k\b)[A-Z]\w*"
    "Reference.FSharp/Formats/", @"\bAshlar\.Reference\.(?!Formats\b)[A-Z]\w*"
    "Fast.CSharp/", @"\bAshlar\.(Reference|Conformance)\b"
    "Fast.CSharp/Block/", @"\bAshlar\.(Nbd|Qmp|E2k)\b"
    "Fast.CSharp/Nbd/", @"\bAshlar\.(Qmp|E2k)\b"
    "Fast.CSharp/Qmp/", @"\bAshlar\.E2k\b"
    "Fast.CSharp/E2k/", @"\bAshlar\.(Block|Nbd|Qmp)\b"
]

let private badNames (room, pattern) =
    let regex = Regex(pattern, RegexOptions.Compiled)

    select [ room ] [ ".cs"; ".fs"; ".fsi" ]
    |> List.collect (
        perLine (fun line ->
            let found = regex.Match(withoutComment line)
            if found.Success then Some $"says {found.Value}" else None)
    )

let private unlisted () =
    let solution = File.ReadAllText(Path.Combine(root, "Ashlar.slnx"))

    projects ()
    |> List.filter (fun project -> not (solution.Contains $"\"{project.Path}\""))
    |> List.map (fun project -> { Place = project.Path; Line = 1; What = "is not in Ashlar.slnx" })

let tests =
    testList "arrows" [
        test "the oracle and the engine never reference each other" {
            projects () |> List.collect badArrows |> expectNone "Arrows between projects"
        }
        test "no room says a name it may not see" {
            forbidden |> List.collect badNames |> expectNone "Names across rooms"
        }
        test "every project is built by the solution" {
            unlisted () |> expectNone "Projects outside the solution"
        }
    ]
