/// auto-read-only: which descriptors a file node wants, and how they change (BLK-RO).
namespace Ashlar.Reference.Block

/// The flags of a node as after the change under way.
[<Struct>]
type Flags = { Writable: bool; AutoReadOnly: bool }

/// Rules of descriptors for file nodes, and of degrading.
module ReadOnly =
    /// The flags a node has now.
    let flagsOf (node: Node) : Flags = {
        Writable = node.Writable
        AutoReadOnly = node.AutoReadOnly
    }

    /// Whether a writable descriptor is wanted (BLK-FILE-002, BLK-RO-010).
    let wantsWritable (profile: Profile) (flags: Flags) (perm: Perm) : bool =
        let writers = Perm.meets perm (Perm.writing ||| Perm.RZ)

        match profile.Descriptors with
        | Descriptors.Two ->
            flags.Writable
            && (not flags.AutoReadOnly || profile.AutoReadOnly <> AutoReadOnly.Dynamic || writers)
        | Descriptors.Kept -> flags.Writable
        // read-only=on does not count while auto-read-only is on (DD-RESIZE-RO)
        | Descriptors.ReplacedByName -> if flags.AutoReadOnly then writers else flags.Writable

    /// Whether the static policy turns a refusal into a read-only node (BLK-RO-015).
    let degrades (profile: Profile) (flags: Flags) (errno: Errno) : bool =
        profile.AutoReadOnly = AutoReadOnly.Static && flags.AutoReadOnly && errno = Errno.Access

    /// ashlar: a second descriptor, opened by name (BLK-FILE-004) and only of the same file
    /// (BLK-FILE-005), a refusal being the change's (BLK-RO-011); given up at commit, which cannot
    /// fail (BLK-FILE-006).
    let private twoDescriptors (context: Context) (node: Node) (hold: FileHold) wanted =
        if wanted && not hold.WritableFd then
            Rule.touch context (Rule.file 3)
            Rule.touch context (Rule.file 4)
            Rule.touch context (Rule.file 5)

            match Files.openPath context.World hold.Path true with
            | Error errno ->
                Rule.touch context (Rule.ro 11)
                Error(Files.refuse context (Rule.file 3) node.Name hold.Path errno)
            | Ok inode when inode <> hold.Inode ->
                Error(Files.refuse context (Rule.file 5) node.Name hold.Path Errno.Stale)
            | Ok _ -> Ok { hold with WritableFd = true; BelievedWritable = true }
        elif hold.WritableFd && not wanted then
            Rule.touch context (Rule.file 6)
            Ok { hold with WritableFd = false; BelievedWritable = false }
        else
            Ok hold

    /// qemu-7.2: another mode than the believed one means another descriptor (DD-FD).
    let private oneDescriptor (context: Context) (node: Node) (hold: FileHold) wanted =
        if wanted = hold.BelievedWritable then
            Ok hold
        else
            match Files.openPath context.World hold.Path wanted with
            | Error errno -> Error(Files.refuse context (Rule.file 3) node.Name hold.Path errno)
            | Ok inode ->
                Ok {
                    hold with
                        Inode = inode
                        ReadOnlyFd = not wanted
                        WritableFd = wanted
                        BelievedWritable = wanted
                }

    /// The descriptors after the change to a cumulative pair; nothing is closed before the commit.
    let descriptors
        (context: Context)
        (node: Node)
        (hold: FileHold)
        (flags: Flags)
        (perm: Perm)
        : Result<FileHold, Refusal> =
        let wanted = wantsWritable context.Profile flags perm
        Rule.touch context (Rule.ro 2)

        if flags.AutoReadOnly && flags.Writable then
            Rule.touch context (Rule.ro 10)

        Rule.say context (Rule.file 2) node.Name "wants descriptors" (fun () -> [
            "writable", Rule.onOff flags.Writable
            "auto-read-only", Rule.onOff flags.AutoReadOnly
            "perm", Perm.show perm
            "writable descriptor", Rule.onOff wanted
        ])

        match context.Profile.Descriptors with
        | Descriptors.Two -> twoDescriptors context node hold wanted
        | Descriptors.ReplacedByName -> oneDescriptor context node hold wanted
        | Descriptors.Kept -> Ok hold

    /// The hold of a file just opened, and whether the node stays writable (BLK-FILE-001,
    /// BLK-RO-012, BLK-RO-015). Nobody is attached yet.
    let openFile
        (context: Context)
        (name: string)
        (path: string)
        (locking: bool)
        (flags: Flags)
        : Result<struct (FileHold * bool), Refusal> =
        let profile = context.Profile
        let wanted = wantsWritable profile flags Perm.None
        let refuse rule errno = Error(Files.refuse context rule name path errno)

        let hold inode readOnlyFd writableFd = {
            Path = path
            Inode = inode
            ReadOnlyFd = readOnlyFd
            WritableFd = writableFd
            BelievedWritable = writableFd
            LockFdWritable = ValueNone
            Locking = locking
            LockedPerm = Perm.None
            LockedShared = Perm.All
            MeanwhileBits = 0
        }

        match profile.Descriptors with
        | Descriptors.Two ->
            Rule.touch context (Rule.file 1)
            Rule.touch context (Rule.file 20)
            Rule.touch context (Rule.file 21)

            if flags.AutoReadOnly then
                Rule.touch context (if wanted then Rule.ro 16 else Rule.ro 12)

            match Files.openPath context.World path false with
            | Error errno -> refuse (Rule.file 20) errno
            | Ok inode when not wanted -> Ok(struct (hold inode true false, flags.Writable))
            | Ok inode ->
                Rule.touch context (Rule.file 3)

                match Files.openPath context.World path true with
                | Ok _ -> Ok(struct (hold inode true true, true))
                | Error errno when degrades profile flags errno ->
                    Rule.say context (Rule.ro 15) name "degrades to read-only" (fun () -> [])
                    Ok(struct (hold inode true false, false))
                | Error errno -> refuse (Rule.file 3) errno
        | _ ->
            match Files.openPath context.World path wanted with
            | Ok inode -> Ok(struct (hold inode (not wanted) wanted, flags.Writable))
            | Error errno when wanted && degrades profile flags errno ->
                match Files.openPath context.World path false with
                | Ok inode -> Ok(struct (hold inode true false, false))
                | Error errno -> refuse (Rule.file 3) errno
            | Error errno -> Error(Files.refuseOpen context (Rule.file 3) name path wanted errno)
