/// Host files of file nodes: descriptors, lock bytes, what the environment answers (BLK-FILE).
namespace Ashlar.Reference.Block

/// The environment's refusals by name.
[<RequireQualifiedAccess>]
type Errno =
    | NoEntry
    | Access
    | IsDirectory
    | NameTooLong
    | Invalid
    | Stale

/// Opening, upgrading and locking of host files.
module Files =
    /// Longest path the host takes, in bytes (BLK-FILE-020).
    let pathBytesMax = 4095

    /// Longest name inside a path, in bytes: Linux's NAME_MAX.
    let private nameBytesMax = 255

    let private bytes (s: string) = System.Text.Encoding.UTF8.GetByteCount s

    /// strerror of a refusal (BLK-FILE-003).
    let text (errno: Errno) : string =
        match errno with
        | Errno.NoEntry -> "No such file or directory"
        | Errno.Access -> "Permission denied"
        | Errno.IsDirectory -> "Is a directory"
        | Errno.NameTooLong -> "File name too long"
        | Errno.Invalid -> "Invalid argument"
        | Errno.Stale -> "Stale file handle"

    let private mayOpen writable (inode: Inode) =
        let needed = if writable then 6 else 4
        let shift = if inode.Owned then 6 else 0
        (inode.Mode >>> shift) &&& needed = needed

    /// What open(2) answers (BLK-FILE-020).
    let openPath (world: World) (path: string) (writable: bool) : Result<int, Errno> =
        match world.Paths.TryGetValue path with
        | true, id ->
            let inode = world.Inodes[id]

            // A directory is looked at before its mode for writing, and after it for reading.
            if inode.Format = Format.Directory && (writable || mayOpen false inode) then
                Error Errno.IsDirectory
            elif not (mayOpen writable inode) then
                Error Errno.Access
            elif inode.Format = Format.Pipe then
                Error Errno.Invalid
            else
                Ok id
        | _ ->
            if path.Contains '\000' then
                Error Errno.Invalid
            elif
                bytes path > pathBytesMax
                || path.Split '/' |> Array.exists (fun name -> bytes name > nameBytesMax)
            then
                Error Errno.NameTooLong
            else
                Error Errno.NoEntry

    /// A file's refusal to be opened (BLK-FILE-003).
    let refuse (context: Context) (rule: Rule) (node: string) (path: string) (errno: Errno) =
        Rule.refuse context rule node ("Could not open '" + path + "': " + text errno)

    /// The text for what can be opened and is no image (BLK-FILE-020).
    let irregularText (path: string) = "'file' driver requires '" + path + "' to be a regular file"

    /// The same where one descriptor is opened as it is wanted: a directory can be opened for
    /// reading, a pipe also for writing, and both are looked at afterwards (BLK-FILE-020).
    let refuseOpen context rule node path writable errno =
        let isThere () = context.World.Paths.ContainsKey path

        match context.Profile.Descriptors, errno with
        | Descriptors.ReplacedByName, Errno.IsDirectory when not writable ->
            Rule.refuse context rule node (irregularText path)
        | Descriptors.ReplacedByName, Errno.Invalid when isThere () ->
            Rule.refuse context rule node (irregularText path)
        | _ -> refuse context rule node path errno

    /// The lock bytes of a pair (BLK-FILE-010).
    let bitsOf (perm: Perm) (shared: Perm) : int =
        int perm ||| (int (Perm.minus Perm.All shared) <<< 4)

    /// The lock bytes that others hold on an inode: other nodes (BLK-FILE-013), other processes.
    let private heldByOthers (context: Context) (state: State) (self: int) (inode: int) =
        let add bits _ (node: Node) =
            match node.Settings with
            | Settings.File hold when hold.Inode = inode && node.Id <> self ->
                bits ||| Graph.lockBits hold
            | _ -> bits

        Map.fold add context.World.Inodes[inode].ForeignLocks state.Nodes

    /// Lock bytes by number, each with what its holder says by it (BLK-FILE-010).
    let private showLocks (bits: int) : string =
        let one bit =
            match bit / 4, Perm.names[bit % 4] with
            | 0, name -> string (100 + bit) + " (" + name + ")"
            | _, name -> string (196 + bit) + " (nobody else may " + name + ")"

        match List.filter (fun bit -> bits >>> bit &&& 1 = 1) [ 0..7 ] with
        | [] -> "none"
        | held -> held |> List.map one |> String.concat ", "

    /// The first lock somebody else holds against the pair: perms, then unshared (BLK-FILE-011).
    /// Yields the text, and the bit of that lock.
    let private lockRefusal
        (held: int)
        (perm: Perm)
        (shared: Perm)
        : struct (string * int) voption =
        let taken = int perm &&& (held >>> 4)
        let unshared = int (Perm.minus Perm.All shared) &&& held
        let first bits = System.Numerics.BitOperations.TrailingZeroCount(bits: int)

        if taken <> 0 then
            let i = first taken
            ValueSome(struct ("Failed to get \"" + Perm.names[i] + "\" lock", 16 <<< i))
        elif unshared <> 0 then
            let i = first unshared
            ValueSome(struct ("Failed to get shared \"" + Perm.names[i] + "\" lock", 1 <<< i))
        else
            ValueNone

    /// A change that neither widens nor narrows tests nothing, except in 3.1 (BLK-FILE-011).
    let private loosens (profile: Profile) (hold: FileHold) perm shared =
        profile.PermissionUpdate = PermissionUpdate.Transactional
        && Perm.subset perm hold.LockedPerm
        && Perm.subset hold.LockedShared shared

    /// Prepares the locks of a new pair; yields the bytes that are held beside the old pair's until
    /// the commit (BLK-FILE-011, BLK-FILE-012); locking=off neither takes nor tests (BLK-FILE-014).
    let prepareLocks
        (context: Context)
        (state: State)
        (node: Node)
        (hold: FileHold)
        (struct (perm: Perm, shared: Perm))
        : Result<int, Refusal> =
        if not hold.Locking then
            Rule.touch context (Rule.file 14)
            Ok 0
        elif loosens context.Profile hold perm shared then
            Ok 0
        else
            let held = heldByOthers context state node.Id hold.Inode
            Rule.touch context (Rule.file 10)
            Rule.touch context (Rule.file 12)

            if held <> context.World.Inodes[hold.Inode].ForeignLocks then
                Rule.touch context (Rule.file 13)

            Rule.say context (Rule.file 11) node.Name "tests lock bytes" (fun () -> [
                "takes", showLocks (bitsOf perm shared)
                "held by others", showLocks held
            ])

            match lockRefusal held perm shared with
            | ValueSome(struct (text, bit)) ->
                Rule.say context (Rule.file 11) node.Name "finds a lock in its way" (fun () -> [
                    "lock", showLocks bit
                ])

                Rule.act context (fun () -> GraphAction.LockedOut node.Id)
                Error(Rule.refuse context (Rule.file 11) node.Name text)
            | ValueNone -> Ok(bitsOf perm shared)

    /// The hold after the commit of a pair (BLK-FILE-010, BLK-FILE-012).
    let committed (hold: FileHold) (struct (perm: Perm, shared: Perm)) : FileHold = {
        hold with
            LockedPerm = perm
            LockedShared = shared
            MeanwhileBits = 0
    }
