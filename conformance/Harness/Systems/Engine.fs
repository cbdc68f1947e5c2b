/// The engine in this process as a system under test.
namespace Ashlar.Conformance

open System
open System.Threading.Tasks
open Ashlar.Block
open Ashlar.Reference.Block

/// The engine in one world.
[<Sealed>]
type EngineSubject(script: Script, world: HostWorld, buffer: byte[]) =
    inherit Subject()

    let graph =
        let options =
            BlockGraphOptions(
                HostFiles = world.Files,
                RemoteExports = RemoteServers script.Exports,
                ThrottleGroups = Array.ofList script.ThrottleGroups,
                AutoReadOnlyPolicy =
                    match script.Header.Policy with
                    | Policy.Dynamic -> AutoReadOnlyPolicy.Dynamic
                    | Policy.Static -> AutoReadOnlyPolicy.Static
            )

        new BlockGraph(options)

    let matcher = EngineView.Matcher(graph, world)

    let ended (error: BlockError | null) : Answer =
        match error with
        | null -> Answer.Done
        | error -> Answer.Refused(error.QmpClass, error.Text)

    /// Waits for a request; the engines of this lane complete at once.
    let wait (task: ValueTask<BlockError | null>) : BlockError | null =
        if task.IsCompletedSuccessfully then
            task.Result
        else
            task.AsTask().GetAwaiter().GetResult()

    let masks (p: Perm) : BlockPermissions = enum<BlockPermissions>(int p)

    /// A length no buffer has is more than a caller can express; an offset that no node has, with
    /// the same permission asked for, is the nearest to it.
    let inexpressible (length: int64) = length < 0L || length > int64 buffer.Length

    let read (backend: BlockBackend) (offset: int64) (length: int64) =
        let memory = Memory(buffer, 0, int length)
        memory.Span.Fill 0xEEuy

        match wait (backend.TryReadAsync(offset, memory)) with
        | null -> Answer.Data(Runs.ofSpan (Memory.op_Implicit memory).Span)
        | error -> ended error

    let write (backend: BlockBackend) (offset: int64) (length: int64) (pattern: byte) =
        let memory = Memory(buffer, 0, int length)
        memory.Span.Fill pattern
        ended (wait (backend.TryWriteAsync(offset, Memory.op_Implicit memory)))

    let request (name: string) (request: Request) =
        match graph.FindBackend name with
        | null -> Answer.Refused("DeviceNotFound", $"Device '{name}' not found")
        | backend ->
            match request with
            | Request.Read(_, length) when inexpressible length -> read backend -1L 0L
            | Request.Write(_, length, _) when inexpressible length -> write backend -1L 0L 1uy
            | Request.Read(offset, length) -> read backend offset length
            | Request.Write(offset, length, pattern) -> write backend offset length pattern
            | Request.WriteZeroes(offset, length) ->
                ended (wait (backend.TryWriteZeroesAsync(offset, length)))
            | Request.Flush -> ended (wait (backend.TryFlushAsync()))

    let reopen (elements: Value list) =
        let options = elements |> List.map Options.ofValue |> Array.ofList
        graph.TryBlockdevReopen(ReadOnlySpan options)

    let kindOf (kind: ObjectKind) : BlockObjectKind =
        match kind with
        | ObjectKind.ThrottleGroup -> BlockObjectKind.ThrottleGroup
        | ObjectKind.IoThread -> BlockObjectKind.IoThread
        | ObjectKind.Secret -> BlockObjectKind.Secret

    let act (command: Command) : Answer =
        match command with
        | BlockdevAdd options -> ended (graph.TryBlockdevAdd(Options.ofValue options))
        | BlockdevDel node -> ended (graph.TryBlockdevDel node)
        | BlockdevReopen elements -> ended (reopen elements)
        | BlockdevSnapshot(node, overlay) -> ended (graph.TryBlockdevSnapshot(node, overlay))
        | BlockResize(node, size) -> ended (graph.TryBlockResize(node, size))
        | NbdServerStart -> ended (graph.TryNbdServerStart())
        | NbdServerStop -> ended (graph.TryNbdServerStop())
        | NbdServerAdd(device, name, writable) ->
            ended (graph.TryNbdServerAdd(device, name, writable))
        // nobody is connected to the server of this lane, so safe and hard are the same
        | NbdServerRemove(name, _) -> ended (graph.TryNbdServerRemove name)
        | ObjectAdd(kind, id) -> ended (graph.TryObjectAdd(kindOf kind, id))
        | ObjectDel id -> ended (graph.TryObjectDel id)
        | BlockExportAdd(id, node, name, writable, runs) ->
            let name, thread = Option.toObj name, Option.toObj runs.IoThread
            ended (graph.TryBlockExportAdd(id, node, name, writable, thread, runs.Fixed))
        | BlockExportDel id -> ended (graph.TryBlockExportDel id)
        | BackendAttach(name, node, perm, shared) ->
            let mutable backend: BlockBackend | null = null
            ended (graph.TryBackendAttach(name, node, masks perm, masks shared, &backend))
        | BackendSet(name, perm, shared) ->
            ended (graph.TryBackendSet(name, masks perm, masks shared))
        | BackendDetach name -> ended (graph.TryBackendDetach name)
        | Request(name, r) -> request name r
        | Move move ->
            world.Move move
            Answer.Done
        // BLK-OPEN-031: the engine has no method for what went since.
        | QemuIoReopen _ ->
            let name = Command.toQmp command |> fst
            Answer.Refused("CommandNotFound", $"The command {name} has not been found")

    override _.Act command =
        try
            act command
        with
        | Libc.HostFault _ -> reraise ()
        | error -> Answer.Broken(error.GetType().Name + ": " + error.Message)

    override _.Observe answer = EngineView.observe graph world answer
    override _.Matches(world, state) = matcher.Matches(world, state)

    override _.Dispose() =
        try
            graph.Dispose()
        finally
            world.Files.CloseAll()
            world.Dispose()

/// Makes engines over worlds of one kind.
[<Sealed>]
type EngineMaker(name: string, worlds: HostWorldMaker) =
    inherit SubjectMaker(name)

    // Larger requests are out of the engine's terms for scripts; see EngineSubject.
    let buffer = Array.zeroCreate<byte>(4 * 1024 * 1024)

    override _.Start script = new EngineSubject(script, worlds.Make script, buffer)
    override _.Dispose() = worlds.Dispose()
