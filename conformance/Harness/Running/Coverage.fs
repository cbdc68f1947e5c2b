/// What a run exercised: commands and requirements, each with how often it was accepted and refused.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
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

/// Counters of one worker; added up at the end.
[<Sealed>]
type Coverage() =
    let commands = Array.init CommandKind.names.Length (fun _ -> Tally())
    let requirements = Dictionary<string, Tally>(StringComparer.Ordinal)

    let tally (id: string) =
        match requirements.TryGetValue id with
        | true, found -> found
        | _ ->
            let made = Tally()
            requirements[id] <- made
            made

    /// By `CommandKind.indexOf`.
    member _.Commands = commands
    /// By id.
    member _.Requirements: IReadOnlyDictionary<string, Tally> = requirements

    /// Counts a transition, and the requirement that refused it.
    member _.Count(command: Command, result: Result<Reply, Refusal>) =
        let counted = commands[CommandKind.indexOf command]

        match result with
        | Ok _ -> counted.Count true
        | Error refusal ->
            counted.Count false
            (tally refusal.Requirement).Count false

    /// Counts every requirement of a derivation; the refusing one is counted by `Count`.
    member _.CountDerivation(steps: Step list, result: Result<Reply, Refusal>) =
        match result with
        | Ok _ ->
            for step in steps do
                (tally step.Requirement).Count true
        | Error refusal ->
            for step in steps do
                if step.Requirement <> refusal.Requirement then
                    (tally step.Requirement).Count true

    member this.Add(other: Coverage) =
        for i in 0 .. commands.Length - 1 do
            commands[i].Add other.Commands[i]

        for entry in other.Requirements do
            (tally entry.Key).Add entry.Value

    /// All transitions.
    member _.Transitions = commands |> Array.sumBy _.Total
    /// All accepted ones.
    member _.Accepted = commands |> Array.sumBy _.Accepted
    /// All refused ones.
    member _.Refused = commands |> Array.sumBy _.Refused
