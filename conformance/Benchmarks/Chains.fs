/// Chains of nodes for the benchmarks: null-co at the bottom, raw filters over it by reference, a
/// user at the top. Everything that touches the top touches every node once.
namespace Ashlar.Conformance.Benchmarks

open System
open Ashlar.Block
open Ashlar.Conformance
open Ashlar.Reference.Block

/// The commands both sides get.
module Chains =
    /// The name of the node at that height, from 0.
    let name (height: int) : string = $"n{height}"

    let private str (s: string) = Value.Str s

    /// One node of a chain, over the one below it.
    let node (height: int) : Value =
        let own = [ "node-name", str (name height); "auto-read-only", Value.Bool true ]

        match height with
        | 0 -> Value.Dict([ "driver", str "null-co"; "size", Value.Int 1_048_576L ] @ own)
        | _ -> Value.Dict([ "driver", str "raw"; "file", str (name (height - 1)) ] @ own)

    /// The name of the user at the top.
    let user = "user"

    /// What the user asks for in turn.
    let masks = [| struct (Perm.CR, Perm.All); struct (Perm.CR ||| Perm.W, Perm.CR ||| Perm.WU) |]

    /// The commands that build a chain of so many nodes.
    let build (nodes: int) : Command list = [
        for height in 0 .. nodes - 1 do
            BlockdevAdd(node height)
    ]

    /// The command that puts the user on top.
    let attach (nodes: int) : Command = BackendAttach(user, name (nodes - 1), Perm.CR, Perm.All)

/// The oracle with a state; each call is one step.
[<Sealed>]
type ReferenceSide(commands: Command list) =
    let mutable world = World.empty
    let mutable state = Graph.empty

    member _.Do(command: Command) : unit =
        match Oracle.step Profile.ashlar world state command with
        | [ { Result = Ok _ } as outcome ] ->
            world <- outcome.World
            state <- outcome.State
        | [ { Result = Error refusal } ] -> invalidOp refusal.Text
        | outcomes -> invalidOp $"{outcomes.Length} outcomes"

    member this.Build() = List.iter this.Do commands

/// The engine with a graph; each call is one command.
[<Sealed>]
type FastSide(commands: Command list, files: IHostFiles) =
    let graph = new BlockGraph(BlockGraphOptions(HostFiles = files))

    let must (error: BlockError | null) =
        match error with
        | null -> ()
        | error -> invalidOp error.Text

    member _.Graph = graph

    member _.Add(options: OptionValue) = must (graph.TryBlockdevAdd options)
    member _.Delete(name: string) = must (graph.TryBlockdevDel name)
    member _.Reopen(options: OptionValue[]) = must (graph.TryBlockdevReopen(ReadOnlySpan options))

    member _.Set(name: string, perm: Perm, shared: Perm) =
        let masks (p: Perm) = enum<BlockPermissions>(int p)
        must (graph.TryBackendSet(name, masks perm, masks shared))

    member _.Attach(name: string, node: string, perm: Perm, shared: Perm) : BlockBackend =
        let masks (p: Perm) = enum<BlockPermissions>(int p)
        let mutable backend: BlockBackend | null = null
        must (graph.TryBackendAttach(name, node, masks perm, masks shared, &backend))

        match backend with
        | null -> invalidOp "no backend"
        | made -> made

    member this.Build() =
        for command in commands do
            match command with
            | BlockdevAdd options -> this.Add(Options.ofValue options)
            | BackendAttach(name, node, perm, shared) ->
                this.Attach(name, node, perm, shared) |> ignore
            | other -> invalidOp (ScriptPrinter.command other)

    interface IDisposable with
        member _.Dispose() = graph.Dispose()
