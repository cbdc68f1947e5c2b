/// The program ashlar-conform: reads the command line and hands over to the harness.
module Ashlar.Conformance.Cli.Program

open System.CommandLine
open Spectre.Console

/// The commands, by name.
let root =
    let root = RootCommand "Checks a block layer against the Ashlar oracle."
    let about = Command("about", "Says what this build is.")

    about.SetAction(fun _ ->
        AnsiConsole.WriteLine $"ashlar-conform ({Ashlar.Conformance.Build.kind})"
        0)

    root.Subcommands.Add about
    root

[<EntryPoint>]
let main arguments = root.Parse(arguments).Invoke()
