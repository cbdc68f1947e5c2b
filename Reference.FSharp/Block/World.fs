/// The environment as an explicit input: files, modes, locks of other processes, NBD servers
/// (BLK-FILE, BLK-RO). Nothing here knows of nodes; a failing environment is just another world.
namespace Ashlar.Reference.Block

/// What a qcow2 image may use that stands in its way (BLK-OPEN-021, BLK-DATA-010).
[<RequireQualifiedAccess>]
type ImageFeature =
    | Corrupt
    | Dirty
    | Snapshots
    | Bitmaps
    | Encryption
    | ExternalData
    | ExtendedL2
    /// Incompatible feature bit 17, which means nothing to anybody.
    | Unknown
    /// The first cluster is compressed; it holds zeroes.
    | Compressed

/// What a qcow2 header says.
type Qcow2Header = {
    /// Name in the header's backing field, as given.
    BackingFile: string option
    /// Format of the backing file in the header's extension.
    BackingFormat: string option
    /// log2 of the cluster size.
    ClusterBits: int
    /// What it uses that most images do not.
    Feature: ImageFeature option
}

/// What a file's bytes are, as far as the model follows them.
[<RequireQualifiedAccess>]
type Format =
    /// Guest data byte for byte.
    | Raw
    /// A sound qcow2 image; the content is the guest's.
    | Qcow2 of Qcow2Header
    /// Bytes the model no longer follows, such as a qcow2 file written as raw.
    | Garbage
    /// A directory.
    | Directory
    /// A pipe, or another kind of file that has no length: a terminal, a socket.
    | Pipe

/// One file, however it is called.
type Inode = {
    Format: Format
    /// Length of the guest disk: the file's for raw, the virtual size for qcow2.
    SizeBytes: int64
    /// qcow2: length of the file itself, or -1 when only the host knows it.
    HostBytes: int64
    /// Permission bits, as in chmod.
    Mode: int
    /// Whether the process owns the file, so that the owner's bits count for it, else the others'.
    Owned: bool
    /// Lock bytes 100+i (bit i) and 200+i (bit 4+i) that another process holds shared.
    ForeignLocks: int
    /// What the guest sees in it, without a backing file.
    Content: Content
    /// qcow2: the runs that are allocated (with zero clusters); elsewhere unused.
    Allocated: Content
}

/// An export of an NBD server somewhere.
type RemoteExport = { SizeBytes: int64; ReadOnly: bool; Content: Content }

/// Where an NBD server listens (BLK-OPEN-015).
[<RequireQualifiedAccess>]
type ServerAddress =
    /// A UNIX socket.
    | Unix of path: string
    /// A TCP port.
    | Inet of host: string * port: string

/// Kinds of objects that block nodes and their users refer to (BLK-OBJ-001).
[<RequireQualifiedAccess>]
type ObjectKind =
    | ThrottleGroup
    | IoThread
    | Secret

/// Everything outside the graph that decides an outcome.
type World = {
    /// Names of files and the inodes they lead to.
    Paths: Map<string, int>
    /// Every file, also those that lost their name: none is ever forgotten.
    Inodes: Map<int, Inode>
    /// Exports by server and export name.
    Remotes: Map<struct (ServerAddress * string), RemoteExport>
    /// Objects by id (BLK-OBJ-001).
    Objects: Map<string, ObjectKind>
}

/// The environment's moves; they always succeed and no node sees them at once (BLK-FILE).
[<RequireQualifiedAccess>]
type Move =
    /// Permission bits of a file change; open descriptors stay as they are.
    | Chmod of path: string * mode: int
    /// A file gets another name, replacing what had it.
    | Rename of from: string * target: string
    /// A name goes away.
    | Unlink of path: string
    /// Another process takes the lock byte shared.
    | TakeLock of path: string * lockByte: int
    /// The other process drops it.
    | DropLock of path: string * lockByte: int

/// Questions to the world and the environment's moves.
module World =
    /// A plain header: version 3, clusters of 64 KiB, nothing special.
    let plainHeader: Qcow2Header = {
        BackingFile = None
        BackingFormat = None
        ClusterBits = 16
        Feature = None
    }

    /// A world without files.
    let empty: World = {
        Paths = Map.empty
        Inodes = Map.empty
        Remotes = Map.empty
        Objects = Map.empty
    }

    /// Adds a file under a path.
    let addFile (path: string) (inode: Inode) (world: World) : World =
        let id = world.Inodes.Count + 1

        {
            world with
                Paths = world.Paths.Add(path, id)
                Inodes = world.Inodes.Add(id, inode)
        }

    /// A file of zeroes, mode 0644, owned by the process.
    let plainFile (format: Format) (sizeBytes: int64) : Inode = {
        Format = format
        SizeBytes = sizeBytes
        HostBytes = -1L
        Mode = 0o644
        Owned = true
        ForeignLocks = 0
        Content = []
        Allocated =
            match format with
            | Format.Qcow2 { Feature = Some ImageFeature.Compressed; ClusterBits = bits } ->
                Content.write 0L (1L <<< bits) 1uy []
            | _ -> []
    }

    /// The world with an inode replaced.
    let withInode (id: int) (inode: Inode) (world: World) : World = {
        world with
            Inodes = world.Inodes.Add(id, inode)
    }

    /// The bit of a lock byte in `Inode.ForeignLocks`; 0 for a byte outside QEMU's layout.
    let lockBit (lockByte: int) : int =
        if lockByte >= 100 && lockByte <= 103 then
            1 <<< (lockByte - 100)
        elif lockByte >= 200 && lockByte <= 203 then
            16 <<< (lockByte - 200)
        else
            0

    let private update path change world =
        match world.Paths.TryFind path with
        | Some id -> { world with Inodes = world.Inodes.Add(id, change world.Inodes[id]) }
        | None -> world

    /// The world after a move. A move that names no file changes nothing.
    let apply (move: Move) (world: World) : World =
        match move with
        | Move.Chmod(path, mode) -> update path (fun f -> { f with Mode = mode }) world
        | Move.Rename(from, target) ->
            match world.Paths.TryFind from with
            | Some id -> { world with Paths = world.Paths.Remove(from).Add(target, id) }
            | None -> world
        | Move.Unlink path -> { world with Paths = world.Paths.Remove path }
        | Move.TakeLock(path, b) ->
            update path (fun f -> { f with ForeignLocks = f.ForeignLocks ||| lockBit b }) world
        | Move.DropLock(path, b) ->
            update path (fun f -> { f with ForeignLocks = f.ForeignLocks &&& ~~~(lockBit b) }) world
