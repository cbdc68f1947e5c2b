/// Graphs over files in memory, made of QMP-like options, for tests of the data path.
module internal Ashlar.Conformance.Tests.Data.Stacks

open System
open System.Threading.Tasks
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images

let private dictionary (members: (string * OptionValue) list) =
    let keys, values = List.unzip members
    OptionValue.Dictionary(Array.ofList keys, Array.ofList values)

let text (value: string) = OptionValue.Of value
let number (value: int64) = OptionValue.Of value
let flag (value: bool) = OptionValue.Of value
let many (values: OptionValue list) = OptionValue.List(Array.ofList values)
let group members = dictionary members

/// The options of a node.
let node (driver: string) (name: string) members =
    dictionary ([ "driver", text driver; "node-name", text name ] @ members)

let file name path = node "file" name [ "filename", text path ]

/// A graph, the host below it, and what its tests do to both.
type Stack(host: IHostFiles, remotes: IRemoteExportConnector | null) =
    let graph =
        new BlockGraph(
            BlockGraphOptions(
                HostFiles = host,
                RemoteExports = remotes,
                ThrottleGroups = [| "tg" |]
            )
        )

    let refusalOf (refusal: BlockError | null) =
        match refusal with
        | null -> None
        | refusal -> Some refusal.Text

    let expectNone what refusal = Expect.isNone refusal what

    member _.Graph = graph
    member _.TryAdd options = graph.TryBlockdevAdd options |> refusalOf
    member this.Add options = this.TryAdd options |> expectNone "blockdev-add"
    member _.TryResize(name, size) = graph.TryBlockResize(name, size) |> refusalOf
    member this.Resize(name, size) = this.TryResize(name, size) |> expectNone "block_resize"

    member _.Reopen options =
        graph.TryBlockdevReopen(ReadOnlySpan [| options |])
        |> refusalOf
        |> expectNone "blockdev-reopen"

    member _.Length name = (there (graph.FindNode name)).LengthBytes

    /// A user of a node with the permissions, sharing everything.
    member _.User(name: string, perm: BlockPermissions) =
        let mutable backend: BlockBackend | null = null
        let backendName = $"user-{name}-{int perm}"

        graph.TryBackendAttach(backendName, name, perm, BlockPermissions.All, &backend)
        |> refusalOf
        |> expectNone "attach"

        there backend

    member _.Detach(user: BlockBackend) =
        graph.TryBackendDetach(there user.Name) |> refusalOf |> expectNone "detach"

    interface IDisposable with
        member _.Dispose() = graph.Dispose()

let private refused (request: ValueTask<BlockError | null>) = wait request |> Option.map _.Text

let readsAndWrites = BlockPermissions.ConsistentRead ||| BlockPermissions.Write

let tryRead (user: BlockBackend) offset (buffer: byte[]) =
    user.TryReadAsync(offset, Memory buffer) |> refused

let readBytes user offset (length: int) =
    let buffer = Array.create length 0xEEuy
    Expect.isNone (tryRead user offset buffer) "read"
    buffer

let tryWrite (user: BlockBackend) offset (bytes: byte[]) =
    user.TryWriteAsync(offset, ReadOnlyMemory bytes) |> refused

let writeBytes user offset bytes = Expect.isNone (tryWrite user offset bytes) "write"

let tryZero (user: BlockBackend) offset length = user.TryWriteZeroesAsync(offset, length) |> refused

let flush (user: BlockBackend) = Expect.isNone (user.TryFlushAsync() |> refused) "flush"

/// That the bytes read at an offset are all of one value.
let expectAll user offset length (value: byte) =
    Expect.equal (readBytes user offset length) (Array.create length value) $"bytes at {offset}"

/// A host with raw files of a length and a value.
let hostWith (files: (string * int * byte) list) =
    let host = MemoryHostFiles()

    for path, length, value in files do
        let content = MemoryContent.Of(ReadOnlySpan(Array.create length value))
        host.Create(path, content) |> ignore

    host

/// Adds an empty qcow2 file to a host.
let addImage (host: MemoryHostFiles) path (options: Qcow2CreationOptions) =
    let mutable content = MemoryContent.Empty

    match Qcow2Creation.TryCreate(options, &content) with
    | null -> host.Create(path, content) |> ignore
    | refusal -> failtest refusal.Text
