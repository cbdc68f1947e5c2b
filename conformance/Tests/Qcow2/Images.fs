/// Opens qcow2 images over host files without a graph, for tests of the format alone.
module internal Ashlar.Conformance.Tests.Qcow2.Images

open System
open System.Threading.Tasks
open Ashlar.Block

/// The refusal of a request, which completes at once over the hosts of these tests.
let wait (request: ValueTask<BlockError | null>) =
    request.AsTask().GetAwaiter().GetResult() |> Option.ofObj

/// What a call that may fail gave, which must be there when it did not fail.
let there (value: 'T | null) =
    match value with
    | null -> failwith "nothing came back"
    | value -> value

/// Opens a file of a memory host read-write.
let openFile (host: MemoryHostFiles) path =
    let mutable file: HostFile | null = null

    match host.Open(path, HostFileMode true, &file) with
    | HostErrno.None -> there file
    | errno -> failwith $"{path}: {HostErrnoText.Of errno}"

/// Fails the test with the refusal's text.
let orFail what (refusal: BlockError option) =
    match refusal with
    | Some error -> failwith $"{what}: {error.Kind}: {error.Text}"
    | None -> ()

/// An image over a file, or the refusal.
let tryOpen (file: HostFile) =
    let mutable image: Qcow2Image | null = null

    match Qcow2Image.Open(HostFileStorage file, &image) with
    | null -> Ok(there image)
    | refusal -> Error refusal

let openOn file =
    match tryOpen file with
    | Ok image -> image
    | Error refusal -> failwith $"open: {refusal.Text}"

/// An image as the storage of another one's backing.
type BackingStorage(image: Qcow2Image) =
    inherit ImageStorage()
    override _.LengthBytes = image.GuestLengthBytes
    override _.ReadAsync(offset, buffer) = image.ReadAsync(offset, buffer)
    override _.WriteAsync(_, _) = failwith "a backing is not written"
    override _.WriteZeroesAsync(_, _) = failwith "a backing is not written"
    override _.FlushAsync() = ValueTask<BlockError | null>()

let read (image: Qcow2Image) (offset: int64) (length: int) =
    let buffer = Array.create length 0xA5uy
    image.ReadAsync(offset, Memory buffer) |> wait |> orFail "read"
    buffer

let write (image: Qcow2Image) (offset: int64) (bytes: byte[]) =
    image.WriteAsync(offset, ReadOnlyMemory bytes) |> wait |> orFail "write"

/// All bytes of a file.
let bytesOf (file: HostFile) =
    let bytes = Array.zeroCreate<byte>(int file.Length)

    if file.Read(0L, Span bytes) <> HostErrno.None then
        failwith "the file cannot be read"

    bytes

/// A memory host with one new image in it, opened read-write.
let newImage (options: Qcow2CreationOptions) =
    let host = MemoryHostFiles()
    let mutable content = MemoryContent.Empty

    match Qcow2Creation.TryCreate(options, &content) with
    | null -> ()
    | refusal -> failwith $"create: {refusal.Text}"

    host.Create("image", content) |> ignore
    host, openFile host "image"
