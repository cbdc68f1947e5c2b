/// Profiles: which of the known behaviours the oracle follows, as a record of named choices.
/// Every difference between two profiles is a declared difference.
namespace Ashlar.Reference.Block

/// What auto-read-only does to a file node (BLK-RO-010, BLK-RO-015, BLK-RO-031).
[<RequireQualifiedAccess>]
type AutoReadOnly =
    /// The descriptor is writable exactly while a writer is attached.
    | Dynamic
    /// Try read-write, degrade once to read-only.
    | Static
    /// Parsed and inherited, but no driver acts on it.
    | Parsed

/// How a file node keeps descriptors (BLK-FILE-001).
[<RequireQualifiedAccess>]
type Descriptors =
    /// A read-only one for life and a writable one while wanted.
    | Two
    /// One, opened anew by name when its mode must change.
    | ReplacedByName
    /// One, kept as it was opened.
    | Kept

/// How permissions are updated (BLK-PERM-030, BLK-PERM-032).
[<RequireQualifiedAccess>]
type PermissionUpdate =
    /// One topological pass, all or nothing.
    | Transactional
    /// Per edge: check, then set or abort, recursively (3.1 and before).
    | Recursive

/// What a reopen does with a node that is listed twice (BLK-REOPEN-002).
[<RequireQualifiedAccess>]
type ReopenTwice =
    | Refused
    | MergedInPlace

/// Which of QEMU's texts are used.
[<RequireQualifiedAccess>]
type Texts =
    | Qemu72
    | Qemu31

/// A declared difference: what a profile does that another requirement or invariant forbids.
type Declared = {
    /// Such as DD-RESIZE-RO.
    Id: string
    /// The requirement it departs from.
    Requirement: string
    /// The invariants it breaks (I1 to I14).
    Invariants: string list
    /// One sentence.
    Meaning: string
}

/// The choices of a profile. The names of the choices are the names of the differences.
type Profile = {
    Name: string
    AutoReadOnly: AutoReadOnly
    Descriptors: Descriptors
    PermissionUpdate: PermissionUpdate
    ReopenTwice: ReopenTwice
    Texts: Texts
    /// BLK-PERM-007: RZ alone is granted on a read-only node.
    ResizeOnReadOnly: bool
    /// BLK-PERM-034: a loosening that the environment refuses leaves stale permissions.
    StalePermissions: bool
    /// BLK-GRAPH-007: an aborted change may leave lists in another order.
    ListOrderOnAbort: bool
    /// BLK-REOPEN-005: merged options depend on the order of the list.
    ReopenListOrder: bool
    /// BLK-REOPEN-017: a node with force-share can never be reopened (B2).
    ForceShareNeverReopens: bool
    /// BLK-RO-021: a degraded nbd node fails an identical reopen (B3).
    NbdReopenFails: bool
    /// BLK-FILE-001: a reopen forgets the descriptor's flags (B1).
    ReopenForgetsFlags: bool
    /// BLK-OPEN-006: opening attaches a temporary root to the file child, with a refresh.
    TemporaryRoot: bool
    /// BLK-DATA-011: a node remembers its length instead of asking.
    RemembersLength: bool
    /// BLK-OPEN-012: a backing file without a format in the header is probed.
    ProbesBacking: bool
    /// BLK-OPEN-012: the name in the header goes into the options of an inline backing child.
    ForcesHeaderName: bool
    /// BLK-OPEN-014: only the low 32 bits of a vote threshold count.
    NarrowThreshold: bool
    /// BLK-OPEN-021: features of qcow2 that ashlar refuses because they are not there yet are used.
    UsesFeatures: bool
    /// BLK-OBJ-003: an iothread that an export runs in stays; where it does not, QEMU dies of it
    /// (DD-USED-IOTHREAD).
    KeepsUsedThreads: bool
    /// BLK-GRAPH-003: generated names are counted; otherwise they are equal after renaming.
    CountedNames: bool
}

/// The four profiles and what they declare.
module Profile =
    /// The default, and what the engine implements: every invariant holds.
    let ashlar = {
        Name = "ashlar"
        AutoReadOnly = AutoReadOnly.Dynamic
        Descriptors = Descriptors.Two
        PermissionUpdate = PermissionUpdate.Transactional
        ReopenTwice = ReopenTwice.Refused
        Texts = Texts.Qemu72
        ResizeOnReadOnly = false
        StalePermissions = false
        ListOrderOnAbort = false
        ReopenListOrder = false
        ForceShareNeverReopens = false
        NbdReopenFails = false
        ReopenForgetsFlags = false
        TemporaryRoot = false
        RemembersLength = false
        ProbesBacking = false
        ForcesHeaderName = false
        NarrowThreshold = false
        UsesFeatures = false
        KeepsUsedThreads = true
        CountedNames = true
    }

    /// `ashlar` with the graph-wide switch to the static policy (BLK-RO-015).
    let ashlarStatic = { ashlar with Name = "ashlar-static"; AutoReadOnly = AutoReadOnly.Static }

    /// QEMU 7.2 with its quirks.
    let qemu72 = {
        ashlar with
            Name = "qemu-7.2"
            Descriptors = Descriptors.ReplacedByName
            ReopenTwice = ReopenTwice.MergedInPlace
            ResizeOnReadOnly = true
            StalePermissions = true
            ListOrderOnAbort = true
            ReopenListOrder = true
            ForceShareNeverReopens = true
            NbdReopenFails = true
            ReopenForgetsFlags = true
            TemporaryRoot = true
            RemembersLength = true
            ProbesBacking = true
            ForcesHeaderName = true
            NarrowThreshold = true
            UsesFeatures = true
            KeepsUsedThreads = false
            CountedNames = false
    }

    /// QEMU 3.1, the era of the commit that introduced auto-read-only.
    let qemu31 = {
        qemu72 with
            Name = "qemu-3.1"
            AutoReadOnly = AutoReadOnly.Static
            Descriptors = Descriptors.Kept
            PermissionUpdate = PermissionUpdate.Recursive
            Texts = Texts.Qemu31
            // There is no blockdev-reopen, no link that a reopen changes, and no descriptor that
            // a loosening needs.
            ReopenTwice = ReopenTwice.Refused
            StalePermissions = false
            ListOrderOnAbort = false
            ReopenListOrder = false
            NbdReopenFails = false
            ReopenForgetsFlags = false
            // No command of these profiles changes a length.
            RemembersLength = false
            ForcesHeaderName = false
            // Its exports run in the main thread.
            KeepsUsedThreads = true
    }

    /// Commit e35bdc123a itself: the option is parsed and inherited, nothing more.
    let qemuSeed = { qemu31 with Name = "qemu-seed"; AutoReadOnly = AutoReadOnly.Parsed }

    /// Every profile.
    let all = [ ashlar; ashlarStatic; qemu72; qemu31; qemuSeed ]

    /// What ends a declared difference, where that is one choice.
    let private endings: (string * (Profile -> Profile)) list = [
        "DD-RESIZE-RO", (fun p -> { p with ResizeOnReadOnly = false })
        "DD-STALE-PERMS", (fun p -> { p with StalePermissions = false })
        "DD-LIST-ORDER", (fun p -> { p with ListOrderOnAbort = false })
        "DD-REOPEN-ORDER", (fun p -> { p with ReopenListOrder = false })
        "DD-FORCE-SHARE", (fun p -> { p with ForceShareNeverReopens = false })
        "DD-NBD-REOPEN", (fun p -> { p with NbdReopenFails = false })
        "DD-FD-FLAGS", (fun p -> { p with ReopenForgetsFlags = false })
        "DD-PROBE", (fun p -> { p with ProbesBacking = false })
        "DD-HEADER-NAME", (fun p -> { p with ForcesHeaderName = false })
        "DD-THRESHOLD", (fun p -> { p with NarrowThreshold = false })
        "DD-LENGTH", (fun p -> { p with RemembersLength = false })
    ]

    /// What stands between a profile's name and the difference that it is without.
    let without = "-without-"

    let rec private find (name: string) : Profile option =
        match all |> List.tryFind (fun p -> p.Name = name), name.LastIndexOf without with
        | Some profile, _ -> Some profile
        | None, at when at > 0 ->
            let id = name.Substring(at + without.Length)

            match find (name.Substring(0, at)), List.tryFind (fst >> (=) id) endings with
            | Some profile, Some(_, change) -> Some { change profile with Name = name }
            | _ -> None
        | None, _ -> None

    /// The profile of that name; `qemu-7.2-without-DD-FD-FLAGS` is `qemu-7.2` with what the
    /// specification says in the place of that difference, so that a run finds it.
    let ofName (name: string) : Profile option = find name

    /// Every declared difference: who makes it, its id, what it departs from, what it breaks.
    let private differences: ((Profile -> bool) * string * string * string list * string) list = [
        _.ResizeOnReadOnly,
        "DD-RESIZE-RO",
        "BLK-PERM-007",
        [ "I2"; "I7" ],
        "A read-only node grants resize when it is asked for without write."

        (fun p -> p.PermissionUpdate = PermissionUpdate.Recursive),
        "DD-TWO-WAYS",
        "BLK-PERM-060",
        [ "I1" ],
        "Where two ways down from a node meet, each edge is tested against the other's old pair."

        _.StalePermissions,
        "DD-STALE-PERMS",
        "BLK-PERM-034",
        [ "I3"; "I10"; "I13" ],
        "A loosening that the environment refuses leaves too strong permissions."

        _.ListOrderOnAbort,
        "DD-LIST-ORDER",
        "BLK-GRAPH-007",
        [ "I4" ],
        "An aborted reopen may leave children and parents lists in another order."

        (fun p -> p.Descriptors <> Descriptors.Two),
        "DD-FD",
        "BLK-FILE-001",
        [],
        "A file node has one descriptor, which is opened anew by name."

        _.ReopenForgetsFlags,
        "DD-FD-FLAGS",
        "BLK-FILE-002",
        [ "I8"; "I13" ],
        "A reopen forgets the mode of the descriptor (B1)."

        (fun p -> p.ReopenTwice = ReopenTwice.MergedInPlace),
        "DD-REOPEN-TWICE",
        "BLK-REOPEN-002",
        [],
        "A node listed twice in a reopen is merged in place (C2)."

        _.ReopenListOrder,
        "DD-REOPEN-ORDER",
        "BLK-REOPEN-005",
        [ "I11" ],
        "The options of a reopen depend on the order of its list."

        _.ForceShareNeverReopens,
        "DD-FORCE-SHARE",
        "BLK-REOPEN-017",
        [ "I8" ],
        "A node opened with force-share can never be reopened (B2)."

        _.NbdReopenFails,
        "DD-NBD-REOPEN",
        "BLK-RO-021",
        [ "I8" ],
        "A degraded nbd node fails an identical reopen (B3)."

        _.ProbesBacking,
        "DD-PROBE",
        "BLK-OPEN-012",
        [],
        "A backing file whose format the header does not name is probed."

        _.ForcesHeaderName,
        "DD-HEADER-NAME",
        "BLK-OPEN-012",
        [],
        "The name in a header goes into the options of an inline backing child, and clashes."

        _.NarrowThreshold,
        "DD-THRESHOLD",
        "BLK-OPEN-014",
        [],
        "Only the low 32 bits of a vote threshold count."

        _.UsesFeatures,
        "DD-FEATURES",
        "BLK-OPEN-021",
        [],
        "What ashlar does not have yet is used: features of qcow2."

        (fun p -> p.UsesFeatures && p.Texts = Texts.Qemu72),
        "DD-DATA-FILE",
        "BLK-OPEN-024",
        [],
        "A data file is opened before an image without one refuses it."

        (fun p -> p.ReopenTwice = ReopenTwice.MergedInPlace),
        "DD-DISCARD",
        "BLK-REOPEN-003",
        [],
        "A reopen that leaves discard out keeps the old one."

        _.RemembersLength,
        "DD-LENGTH",
        "BLK-DATA-011",
        [],
        "A node remembers its length instead of asking what is below."

        _.TemporaryRoot,
        "DD-TEMPORARY-ROOT",
        "BLK-OPEN-006",
        [],
        "An open holds a temporary root on the file child, with a refresh at either end."

        (fun p -> p.AutoReadOnly = AutoReadOnly.Parsed),
        "DD-SEED-STICKY",
        "BLK-RO-030",
        [],
        "The auto-read-only flag, once set, is not cleared by a reopen."

        (fun p -> p.AutoReadOnly = AutoReadOnly.Parsed),
        "DD-SEED-FD",
        "BLK-FILE-030",
        [ "I4" ],
        "A refused reopen may leave the new descriptor of a file open."
    ]

    /// What the profile declares; empty for `ashlar`.
    let declared (profile: Profile) : Declared list =
        differences
        |> List.choose (fun (holds, id, requirement, invariants, meaning) ->
            if holds profile then
                Some {
                    Id = id
                    Requirement = requirement
                    Invariants = invariants
                    Meaning = meaning
                }
            else
                None)
