/// What a run exercised: commands and requirements, each with how often it was accepted and
/// refused.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.Numerics
open Ashlar.Reference.Block

/// How often something ended well and how often not.
[<Sealed>]
type Tally() =
    member val Accepted = 0L with get, set
    member val Refused = 0L with get, set

    /// How often at all.
    member this.Total = this.Accepted + this.Refused

    member this.Count(accepted: bool) =
        if accepted then
            this.Accepted <- this.Accepted + 1L
        else
            this.Refused <- this.Refused + 1L

    member this.Add(other: Tally) =
        this.Accepted <- this.Accepted + other.Accepted
        this.Refused <- this.Refused + other.Refused

/// The kinds of commands, in the order reports list them.
module CommandKind =
    /// Names; the index is `indexOf`'s.
    let names = [|
        "blockdev-add"
        "blockdev-del"
        "blockdev-reopen"
        "blockdev-snapshot"
        "block_resize"
        "nbd-server-start"
        "block-export-add"
        "block-export-del"
        "backend attach"
        "backend set"
        "backend detach"
        "read"
        "write"
        "write-zeroes"
        "flush"
        "move"
        "nbd-server-add"
        "nbd-server-remove"
        "qemu-io reopen"
        "nbd-server-stop"
        "object-add"
        "object-del"
    |]

    /// The kind of a command.
    let indexOf (command: Command) : int =
        match command with
        | BlockdevAdd _ -> 0
        | BlockdevDel _ -> 1
        | BlockdevReopen _ -> 2
        | BlockdevSnapshot _ -> 3
        | BlockResize _ -> 4
        | NbdServerStart -> 5
        | BlockExportAdd _ -> 6
        | BlockExportDel _ -> 7
        | BackendAttach _ -> 8
        | BackendSet _ -> 9
        | BackendDetach _ -> 10
        | Request(_, Request.Read _) -> 11
        | Request(_, Request.Write _) -> 12
        | Request(_, Request.WriteZeroes _) -> 13
        | Request(_, Request.Flush) -> 14
        | Move _ -> 15
        | NbdServerAdd _ -> 16
        | NbdServerRemove _ -> 17
        | QemuIoReopen _ -> 18
        | NbdServerStop -> 19
        | ObjectAdd _ -> 20
        | ObjectDel _ -> 21

/// Counters of one worker; added up at the end. A requirement that a step exercised and that did
/// not refuse it counts as accepted.
[<Sealed>]
type Coverage() =
    let commands = Array.init CommandKind.names.Length (fun _ -> Tally())
    let exercised = Array.zeroCreate<int64>(Rule.subjects.Length * 64)
    let refusals = Dictionary<string, int64>(StringComparer.Ordinal)

    let noticed = Dictionary<string, int64>(StringComparer.Ordinal)

    let declared = Dictionary<string, int64>(StringComparer.Ordinal)
    let mutable stepsDeclared = 0L
    let mutable endedDeclared = 0L

    let addDeclared (id: string) (count: int64) =
        match declared.TryGetValue id with
        | true, before -> declared[id] <- before + count
        | _ -> declared[id] <- count

    let addRefusals (id: string) (count: int64) =
        match refusals.TryGetValue id with
        | true, before -> refusals[id] <- before + count
        | _ -> refusals[id] <- count

    /// What happened beside the steps, by what it is called.
    member _.Noticed: IReadOnlyDictionary<string, int64> = noticed

    /// Counts something that happened beside the steps.
    member _.Notice(what: string, count: int64) =
        match noticed.TryGetValue what with
        | true, before -> noticed[what] <- before + count
        | _ -> noticed[what] <- count

    /// Counts a step that the system under test has no command for.
    member this.CountLeftOut() = this.Notice("steps left out", 1L)

    /// Each declaration with how many steps it was used for (docs/accept.md).
    member _.UsesOf(declarations: Declaration list) : (Declaration * int64) list =
        declarations
        |> List.map (fun d ->
            match declared.TryGetValue d.Id with
            | true, count -> d, count
            | _ -> d, 0L)

    member private _.DeclaredIds = [ for entry in declared -> entry.Key, entry.Value ]

    /// Steps whose differences were declared; one may need several declarations.
    member _.StepsDeclared = stepsDeclared

    /// Scripts that went no further than such a step.
    member _.EndedDeclared = endedDeclared

    /// Counts a step whose differences were declared.
    member _.CountDeclared(ids: string list, endsScript: bool) =
        for id in ids do
            addDeclared id 1L

        stepsDeclared <- stepsDeclared + 1L

        if endsScript then
            endedDeclared <- endedDeclared + 1L

    /// By `CommandKind.indexOf`.
    member _.Commands = commands
    /// How often each requirement was exercised, by `Rule` number.
    member _.Exercised = exercised
    /// How often each requirement refused, by id.
    member _.Refusals: IReadOnlyDictionary<string, int64> = refusals

    /// Counts a transition.
    member _.Count(command: Command, result: Result<Reply, Refusal>) =
        let counted = commands[CommandKind.indexOf command]

        match result with
        | Ok _ -> counted.Count true
        | Error refusal ->
            counted.Count false
            addRefusals refusal.Requirement 1L

    /// Counts what a step exercised, by the oracle's bits (`Oracle.stepTouching`), and clears them.
    member _.CountTouched(touched: uint64[]) =
        for subject in 0 .. touched.Length - 1 do
            let mutable bits = touched[subject]
            touched[subject] <- 0UL

            while bits <> 0UL do
                let number = subject * 64 + BitOperations.TrailingZeroCount bits
                exercised[number] <- exercised[number] + 1L
                bits <- bits &&& (bits - 1UL)

    member this.Add(other: Coverage) =
        for entry in other.Noticed do
            this.Notice(entry.Key, entry.Value)

        for i in 0 .. commands.Length - 1 do
            commands[i].Add other.Commands[i]

        for i in 0 .. exercised.Length - 1 do
            exercised[i] <- exercised[i] + other.Exercised[i]

        for entry in other.Refusals do
            addRefusals entry.Key entry.Value

        for id, count in other.DeclaredIds do
            addDeclared id count

        stepsDeclared <- stepsDeclared + other.StepsDeclared
        endedDeclared <- endedDeclared + other.EndedDeclared

    /// Every requirement that was met, by id.
    member _.Requirements: IReadOnlyDictionary<string, Tally> =
        let found = Dictionary<string, Tally>(StringComparer.Ordinal)

        for entry in refusals do
            found[entry.Key] <- Tally(Refused = entry.Value)

        for rule in 0 .. exercised.Length - 1 do
            if exercised[rule] > 0L then
                let id = Rule.id rule

                match found.TryGetValue id with
                | true, tally -> tally.Accepted <- max 0L (exercised[rule] - tally.Refused)
                | _ -> found[id] <- Tally(Accepted = exercised[rule])

        found

    /// All transitions.
    member _.Transitions = commands |> Array.sumBy _.Total
    /// All accepted ones.
    member _.Accepted = commands |> Array.sumBy _.Accepted
    /// All refused ones.
    member _.Refused = commands |> Array.sumBy _.Refused
