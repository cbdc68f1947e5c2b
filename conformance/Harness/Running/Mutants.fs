/// Planted bugs of the engine: switched on one at a time, each must be found within a budget.
namespace Ashlar.Conformance

open System
open System.Reflection
open Ashlar.Block

/// A planted bug as the engine names it.
type PlantedBug = { Name: string; Meaning: string }

/// The list of them, and the hunt.
module Mutants =
    let private meaningOf (bug: Bug) =
        match typeof<Bug>.GetField(string bug) with
        | null -> ""
        | field ->
            match field.GetCustomAttribute<PlantedBugAttribute>() with
            | null -> ""
            | attribute -> attribute.Meaning

    /// Every planted bug the engine knows.
    let all: PlantedBug list =
        Enum.GetValues<Bug>()
        |> Array.filter (fun bug -> bug <> Bug.None)
        |> Array.map (fun bug -> { Name = string bug; Meaning = meaningOf bug })
        |> List.ofArray

    /// The switch exists in a Planted build alone, so that no other can be built that uses it.
    let private active =
        match typeof<Planted>.GetProperty "Active" with
        | null -> None
        | property -> Some property

    let private switch (bug: Bug) =
        match active with
        | Some property -> property.SetValue(null, bug)
        | None -> invalidOp "bugs can be switched on in a Planted build only"

    /// Whether the script of that number ends in a disagreement.
    let private disagrees (part: Part) (maker: SubjectMaker) (coverage: Coverage) number =
        let source = Runner.generator part number
        let script = source.Script
        use subject = maker.Start script
        let world = Script.world script
        let options = Runner.checkOptions part maker.Mode script

        match Checking.run options coverage world subject source ignore with
        | Verdict.Agreed _ -> false
        | Verdict.Disagreed _ -> true

    /// The bug on, and off again whatever happens.
    let private withBug (bug: Bug) (work: unit -> 'a) : 'a =
        switch bug

        try
            work ()
        finally
            switch Bug.None

    /// Switches the bug on and counts the transitions until it is noticed; nothing when it is not
    /// within so many. A script that disagrees without the bug, too, says nothing of the bug. One
    /// hunt at a time: the switch is the process's.
    let hunt (part: Part) (stepsMax: int64) (bug: PlantedBug) : int64 option =
        let planted = Enum.Parse<Bug> bug.Name
        use maker = part.Maker "mutants"
        let coverage = Coverage()
        let mutable found = None
        let mutable number = 0L

        while found.IsNone && coverage.Transitions < stepsMax do
            if
                withBug planted (fun () -> disagrees part maker coverage number)
                && not (disagrees part maker (Coverage()) number)
            then
                found <- Some(coverage.Transitions + 1L)

            number <- number + 1L

        found

    /// The first of the named scripts that notices the bug and agrees without it.
    let huntIn (maker: SubjectMaker) (scripts: (string * Script) list) (bug: PlantedBug) =
        let planted = Enum.Parse<Bug> bug.Name
        let disagrees script = (Plan.check maker script).IsSome

        scripts
        |> List.tryFind (fun (_, script) ->
            withBug planted (fun () -> disagrees script) && not (disagrees script))
        |> Option.map fst
