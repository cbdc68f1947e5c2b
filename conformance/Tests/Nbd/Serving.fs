/// A graph over files of a directory with an NBD server beside it.
module internal Ashlar.Conformance.Tests.Nbd.Serving

open System
open System.IO
open System.Threading.Tasks
open Expecto
open Ashlar.Block
open Ashlar.Nbd
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Data.Stacks
open Ashlar.Conformance.Tests.Qcow2.Images

let limit = Programs.limit

let finish (what: string) (task: Task) = Expect.isTrue (task.Wait limit) $"{what} came to an end"

/// A server at a socket in a directory, and the graph it serves.
type Served(directory: string, options: NbdServerOptions) =
    let faults = ResizeArray<exn>()
    let stack = new Stack(LinuxHostFiles(), NbdConnector())
    let path = Path.Combine(directory, "nbd.sock")

    let options =
        NbdServerOptions(
            MaxConnections = options.MaxConnections,
            HandshakeLimit = options.HandshakeLimit,
            OnFault = fun fault -> lock faults (fun () -> faults.Add fault)
        )

    let server = NbdServer.Listen(NbdListenAddress.Unix path, stack.Graph, options)

    do
        match stack.Graph.TryNbdServerStart() with
        | null -> ()
        | refusal -> failtest refusal.Text

    new(directory) = new Served(directory, NbdServerOptions())

    member _.Directory = directory
    member _.Path = path
    member _.Stack = stack
    member _.Graph = stack.Graph
    member _.Server = server
    member _.Uri(name: string) = $"nbd+unix:///{name}?socket={path}"

    /// Runs a control command as whoever serves connections must.
    member _.Command(work: unit -> 'a) : 'a =
        use _ = stack.Graph.Gate.EnterControl()
        work ()

    /// Exports a node under its own name.
    member this.Export(node: string, writable: bool, ?description: string) : BlockExport =
        this.Command(fun () ->
            match stack.Graph.TryBlockExportAdd($"export-{node}", node, null, writable) with
            | null -> ()
            | refusal -> failtest refusal.Text

            let export = Seq.last stack.Graph.Exports
            server.Add(export, Option.toObj description)
            export)

    member this.Unexport(export: BlockExport) =
        this.Command(fun () ->
            finish "removing an export" (server.RemoveAsync(export).AsTask())

            match stack.Graph.TryBlockExportDel export.Id with
            | null -> ()
            | refusal -> failtest refusal.Text)

    /// A file node over a new file with these bytes.
    member this.AddFile(name: string, content: byte[]) =
        let path = Path.Combine(directory, name + ".img")
        File.WriteAllBytes(path, content)

        this.Command(fun () ->
            stack.Add(node "file" name [ "filename", text path; "discard", text "unmap" ]))

    interface IDisposable with
        member _.Dispose() =
            finish "the server" ((server :> IAsyncDisposable).DisposeAsync().AsTask())
            (stack :> IDisposable).Dispose()
            Expect.isEmpty faults "no client makes an exception"

let withServer (body: Served -> unit) =
    Temporary.withDirectory "nbd" (fun directory ->
        use served = new Served(directory)
        body served)

/// Bytes that are never zero, different in every block of 512.
let pattern (length: int) (seed: int) =
    Array.init length (fun index -> byte (1 + (index * 7 + index / 512 * 13 + seed) % 255))
