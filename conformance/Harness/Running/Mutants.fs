/// Planted bugs of the engine: switched on one at a time, each must be found within a budget.
namespace Ashlar.Conformance

open System
open System.IO
open Ashlar.Block
open Ashlar.Reference.Block

/// The hunt.
module Mutants =
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

    /// Does something with the bug on, and off again whatever happens.
    let withBug (bug: PlantedBug) (work: unit -> 'a) : 'a =
        switch (Enum.Parse<Bug> bug.Name)

        try
            work ()
        finally
            switch Bug.None

    /// Switches the bug on and counts the transitions until it is noticed; nothing when it is not
    /// within so many. A script that disagrees without the bug, too, says nothing of the bug. One
    /// hunt at a time: the switch is the process's.
    let hunt (part: Part) (stepsMax: int64) (bug: PlantedBug) : int64 option =
        use maker = part.Maker "mutants"
        let coverage = Coverage()
        let mutable found = None
        let mutable number = 0L

        while found.IsNone && coverage.Transitions < stepsMax do
            if
                withBug bug (fun () -> disagrees part maker coverage number)
                && not (disagrees part maker (Coverage()) number)
            then
                found <- Some(coverage.Transitions + 1L)

            number <- number + 1L

        found

    /// The first of the named scripts that notices the bug and agrees without it.
    let huntIn (maker: SubjectMaker) (scripts: (string * Script) list) (bug: PlantedBug) =
        let disagrees script = (Plan.check maker script).IsSome

        scripts
        |> List.tryFind (fun (_, script) ->
            withBug bug (fun () -> disagrees script) && not (disagrees script))
        |> Option.map fst

    /// The memory lane as a hunt goes through it.
    let private memoryPart (seed: uint64) : Part =
        Plan.parts None {
            Lane = Lane.memory
            Sut = Lane.memory.Sut
            PartName = None
            Seed = seed
            Budget = Lane.memory.Budget
            Profile = Profile.ashlar
            Workers = 1
            Only = None
        }
        |> List.head

    /// The scripts of a corpus that the engine is held to: what a lane meets once in a million
    /// steps somebody has written down there.
    let corpus (directory: string) : (string * Script) list =
        Directory.GetFiles(directory, "*.script")
        |> Array.sortWith (fun a b -> String.CompareOrdinal(a, b))
        |> List.ofArray
        |> List.choose (fun path ->
            match ScriptParser.parse (File.ReadAllText path) with
            | Ok script when script.Header.Profile = Profile.ashlar.Name ->
                Some(string (Path.GetFileNameWithoutExtension path), script)
            | _ -> None)

    /// How the bug is noticed: by the memory lane within so many transitions, else by a script.
    let kill (seed: uint64) (stepsMax: int64) scripts (bug: PlantedBug) : Kill =
        let part = memoryPart seed

        match hunt part stepsMax bug with
        | Some steps -> Kill.InSteps steps
        | None ->
            use maker = part.Maker "corpus"

            match huntIn maker scripts bug with
            | Some name -> Kill.ByScript name
            | None -> Kill.Survived
