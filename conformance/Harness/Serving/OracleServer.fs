/// Where the oracle is served: standard streams, or a socket whose clients come one after another.
module Ashlar.Conformance.OracleServer

open System
open System.IO
open System.Net.Sockets
open System.Threading
open System.Threading.Tasks
open Ashlar.Qmp

/// The socket cannot be listened on, and why.
exception SocketRefused of reason: string

/// One client over two streams, until it closes, says quit or the token is cancelled. A read of the
/// standard input cannot be cancelled, so it is not waited for.
let onStreams
    (dispatcher: QmpDispatcher)
    (input: Stream)
    (output: Stream)
    (cancellation: CancellationToken)
    : unit =
    use both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, dispatcher.Quit)
    let session = QmpSession(dispatcher, input, output).RunAsync both.Token
    let ended = TaskCompletionSource()
    use _ = both.Token.Register(fun () -> ended.TrySetResult() |> ignore)
    Task.WhenAny(session, ended.Task).Wait()

    // A fault of the conversation is none of the waiting.
    if session.IsFaulted then
        session.Wait()

/// What stands where the socket is to be: nothing, or what a dead process left there.
let private clear (path: string) =
    let isSocket =
        match HostMetadata.look path with
        | HostMetadata.Entry.Special _ -> true
        | HostMetadata.Entry.Missing -> false
        | _ -> raise (SocketRefused "there is something that is no socket")

    if isSocket then
        use probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

        try
            probe.Connect(UnixDomainSocketEndPoint path)
            raise (SocketRefused "somebody listens there")
        with :? SocketException as error ->
            match error.SocketErrorCode with
            | SocketError.ConnectionRefused -> File.Delete path
            | _ -> raise (SocketRefused error.Message)

let private listen (path: string) : Socket =
    let listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)

    try
        clear path
        HostMetadata.privately (fun () -> listener.Bind(UnixDomainSocketEndPoint path))
        listener.Listen()
        listener
    with
    | :? SocketException as error ->
        listener.Dispose()

        // The runtime's word for a path that leads nowhere is another one.
        let isNowhere = not (Directory.Exists(Path.GetDirectoryName(Path.GetFullPath path)))

        raise (
            SocketRefused(
                if isNowhere then
                    "there is no such directory"
                else
                    error.Message
            )
        )
    | :? ArgumentException ->
        listener.Dispose()
        let reason = if path = "" then "is empty" else "is too long for a socket"
        raise (SocketRefused $"the path {reason}")
    | _ ->
        listener.Dispose()
        reraise ()

let private accept (listener: Socket) (cancellation: CancellationToken) : Socket option =
    try
        Some(listener.AcceptAsync(cancellation).AsTask().GetAwaiter().GetResult())
    with :? OperationCanceledException ->
        None

/// Clients of a socket, one after another, until one says quit or the token is cancelled. The
/// socket is for its user alone, and gone afterwards.
let onSocket (dispatcher: QmpDispatcher) (path: string) (cancellation: CancellationToken) : unit =
    use both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, dispatcher.Quit)
    use listener = listen path

    try
        let mutable goesOn = true

        while goesOn do
            match accept listener both.Token with
            | None -> goesOn <- false
            | Some client ->
                use stream = new NetworkStream(client, true)
                onStreams dispatcher stream stream both.Token
                goesOn <- not both.IsCancellationRequested
    finally
        File.Delete path
