/// The machine's own qemu-storage-daemon over its standard input and output, for comparison. Its
/// replies are what these tests call right.
module Ashlar.Conformance.Tests.Qmp.RealDaemon

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open System.Threading.Tasks
open Ashlar.Conformance.Tests

/// Longer than any conversation here needs on a busy machine.
let private patience = TimeSpan.FromSeconds 60.0

let private negotiation = """{"execute":"qmp_capabilities"}"""
let private quit = """{"execute":"quit"}"""

let asObject (node: JsonNode | null) =
    match node with
    | null -> failwith "no value"
    | value -> value.AsObject()

/// The member of an object, or null.
let find (name: string) (value: JsonObject) : JsonNode | null =
    let mutable found: JsonNode | null = null

    if value.TryGetPropertyValue(name, &found) then
        found
    else
        null

/// `CLASS: TEXT` of a refusal, or null.
let refusal (reply: JsonObject) : string | null =
    match find "error" reply with
    | null -> null
    | error ->
        let error = error.AsObject()
        $"""{find "class" error}: {find "desc" error}"""

/// The replies among the lines a server sent, without greeting and events.
let repliesOf (lines: string seq) : JsonObject list =
    lines
    |> Seq.map (fun line -> asObject (JsonNode.Parse line))
    |> Seq.filter (fun reply -> reply.ContainsKey "return" || reply.ContainsKey "error")
    |> List.ofSeq

/// The replies of a daemon, started in a directory, to some commands; the negotiation before them
/// and the quit behind them are left out.
let replies (directory: string) (commands: byte[]) : JsonObject list =
    Needs.program "qemu-storage-daemon" "qemu-system-common"

    let start =
        ProcessStartInfo(
            "qemu-storage-daemon",
            [ "--chardev"; "stdio,id=m"; "--monitor"; "m" ],
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    use daemon =
        match Process.Start start with
        | null -> failwith "qemu-storage-daemon did not start"
        | started -> started

    let output = daemon.StandardOutput.ReadToEndAsync()
    let complaints = daemon.StandardError.ReadToEndAsync()

    try
        use input = daemon.StandardInput.BaseStream
        input.Write(Text.Encoding.UTF8.GetBytes(negotiation + "\n"))
        input.Write commands
        input.Write(Text.Encoding.UTF8.GetBytes("\n" + quit + "\n"))
    with :? IOException ->
        // It died early; what it said decides.
        ()

    if not (Task.WaitAll([| output :> Task; complaints |], patience)) then
        daemon.Kill()
        failwith $"the daemon hangs: {complaints.Result}"

    let all = output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries)

    match repliesOf all with
    | _ :: rest when not rest.IsEmpty -> List.take (rest.Length - 1) rest
    | _ -> failwith $"the daemon said nothing: {complaints.Result}"
