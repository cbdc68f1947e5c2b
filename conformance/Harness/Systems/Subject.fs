/// The one shape of a system under test: it takes commands, and can be compared with the oracle.
namespace Ashlar.Conformance

open System
open Ashlar.Reference.Block

/// One fresh block layer in one fresh world. One thread, one script.
[<AbstractClass>]
type Subject() =
    /// Whether the system has such a command at all. One that it lacks is left out of a script.
    abstract Takes: Command -> bool

    default _.Takes _ = true

    /// Executes a command, or lets the environment make its move.
    abstract Act: Command -> Answer

    /// Everything observable now, with the answer given last.
    abstract Observe: Answer -> Observation

    /// Whether the state agrees with the oracle's, found as cheaply as the system allows.
    /// By default two observations are made and compared.
    abstract Matches: world: World * state: State -> bool

    default this.Matches(world, state) =
        let mine = this.Observe Answer.Done
        let theirs = OracleView.observe world state Answer.Done
        Comparison.differences ComparisonMode.full theirs mine |> List.isEmpty

    abstract Dispose: unit -> unit
    default _.Dispose() = ()

    interface IDisposable with
        member this.Dispose() = this.Dispose()

/// Makes subjects. Owned by one worker thread, which may keep buffers and directories in it.
[<AbstractClass>]
type SubjectMaker(name: string) =
    /// The name in reports and replay lines.
    member _.Name = name

    /// What can be compared: not every system shows everything.
    abstract Mode: ComparisonMode

    default _.Mode = ComparisonMode.full

    /// What the system is, where that is not in its name: a version.
    abstract Version: string

    default _.Version = ""

    /// What it cannot do and what is not compared for that reason, a sentence each.
    abstract Lacks: string list

    default _.Lacks = []

    /// What happened between the steps, counted: events of servers.
    abstract Noticed: (string * int64) list

    default _.Noticed = []

    /// Says whether a system that takes much longer than usual counts as one that hangs. Whoever
    /// wants that confirms what was found without it.
    abstract Hasten: bool -> unit

    default _.Hasten _ = ()

    /// A fresh subject in the script's world; its steps are not looked at.
    abstract Start: Script -> Subject

    abstract Dispose: unit -> unit
    default _.Dispose() = ()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
