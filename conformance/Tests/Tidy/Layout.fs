/// How long a line and a file may be, and where an explanation must stand.
module Ashlar.Conformance.Tests.Tidy.Layout

open System.Globalization
open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Tests.Tidy.Repository

/// Wide enough for two panes on one screen; the formatters are set to the same number.
let lineColumnsMax = 100

/// A file longer than this holds two subjects.
let fileLinesMax = 600

/// Files that a program writes, with the reason why they may be long.
let generated: (string * string) list = []

let private code = [ ".fs"; ".fsi"; ".fsx"; ".cs"; ".dfy" ]

let private written () =
    select [] code
    |> List.filter (fun source -> not (List.exists (fst >> (=) source.Path) generated))

let private columns (line: string) = StringInfo(line).LengthInTextElements

let private longLine (line: string) =
    if line.Length > lineColumnsMax && columns line > lineColumnsMax then
        Some $"{columns line} columns"
    else
        None

let private longFile source =
    let count = source.Lines.Length - 1

    if count > fileLinesMax then
        [ { Place = source.Path; Line = count; What = $"{count} lines" } ]
    else
        []

/// Lines in which a heading comment may begin: a namespace or a pragma may stand before it.
let private headingLines = 4

let private withoutHeading source =
    let isComment (line: string) =
        line.StartsWith "//" || line.StartsWith "(*" || line.StartsWith "/*"

    if source.Lines |> Seq.truncate headingLines |> Seq.exists isComment then
        []
    else
        [ { Place = source.Path; Line = 1; What = "says nothing about itself" } ]

/// A folder's unsafe code stands in files that say so in their name.
let private hiddenUnsafe source =
    if source.Path.EndsWith ".Unsafe.cs" then
        []
    else
        source
        |> perLine (fun line ->
            if Regex.IsMatch(withoutComment line, "(?<![\"\\w])unsafe\\b") then
                Some "unsafe code outside a file that ends in .Unsafe.cs"
            else
                None)

let private region (line: string) =
    if line.TrimStart().StartsWith "#region" then
        Some "a region"
    else
        None

/// F# files that no project compiles are dead; C# projects take whole folders.
let private uncompiled () =
    let compiled =
        select [] [ ".fsproj" ]
        |> List.collect (fun project ->
            Regex.Matches(String.concat "\n" project.Lines, "<Compile Include=\"([^\"]+)\"")
            |> Seq.map (fun m -> directoryOf project.Path + m.Groups[1].Value)
            |> List.ofSeq)
        |> set

    select [] [ ".fs"; ".fsi" ]
    |> List.filter (fun source -> not (compiled.Contains source.Path))
    |> List.map (fun source -> { Place = source.Path; Line = 1; What = "no project compiles it" })

let tests =
    testList "layout" [
        test $"a line of code has at most {lineColumnsMax} columns" {
            written () |> List.collect (perLine longLine) |> expectNone "Long lines"
        }
        test $"a file of code has at most {fileLinesMax} lines" {
            written () |> List.collect longFile |> expectNone "Long files"
        }
        test "a file of code begins by saying what it is" {
            written ()
            |> List.filter (fun source -> not (source.Path.EndsWith ".Unsafe.cs"))
            |> List.collect withoutHeading
            |> expectNone "Files without a heading comment"
        }
        test "unsafe code stands in files named for it" {
            select [ "Fast.CSharp/" ] [ ".cs" ]
            |> List.collect hiddenUnsafe
            |> expectNone "Hidden unsafe code"
        }
        test "no file is folded into regions" {
            select [] [ ".cs" ] |> List.collect (perLine region) |> expectNone "Regions"
        }
        test "every F# file is compiled by a project" { uncompiled () |> expectNone "Dead files" }
    ]
