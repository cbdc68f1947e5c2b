/// What lies behind a node: its length (BLK-DATA-011), and the qcow2 image a reader of its first
/// bytes would find (BLK-OPEN-011).
namespace Ashlar.Reference.Block

/// What the first bytes of a node are.
[<RequireQualifiedAccess>]
type Seen =
    /// The header of the image in that inode.
    | Image of inode: int * header: Qcow2Header
    /// Something else.
    | NoImage
    /// The bytes cannot be read.
    | Unreadable
    /// The model does not know.
    | Unclear

/// Lengths and headers.
module Image =
    /// What was seen, as a derivation shows it.
    let show (seen: Seen) : string =
        match seen with
        | Seen.NoImage -> "no qcow2 image"
        | Seen.Unreadable -> "bytes that cannot be read"
        | Seen.Unclear -> "what the model does not follow"
        | Seen.Image(_, header) ->
            "a qcow2 image"
            + (match header.BackingFile with
               | Some name -> " over '" + name + "'"
               | None -> "")

    let private sector = 512L

    let private upwards (bytes: int64) =
        if bytes > System.Int64.MaxValue - sector then
            bytes
        else
            (bytes + sector - 1L) / sector * sector

    let private hostLength (inode: Inode) =
        match inode.Format with
        | Format.Raw -> ValueSome(upwards inode.SizeBytes)
        | Format.Qcow2 _ when inode.HostBytes >= 0L -> ValueSome(upwards inode.HostBytes)
        | _ -> ValueNone

    /// A node's length in bytes; nothing when only the host knows it (BLK-DATA-011).
    let rec length (context: Context) (state: State) (id: int) : int64 voption =
        Rule.touch context (Rule.data 11)
        let node = state.Nodes[id]

        match node.Driver with
        | Driver.Raw
        | Driver.CopyOnRead -> measure context state node
        | _ when node.KnownBytes >= 0L -> ValueSome node.KnownBytes
        | _ when node.KnownBytes = Graph.lostBytes -> ValueNone
        | _ -> measure context state node

    /// The same, asked anew.
    and measure (context: Context) (state: State) (node: Node) : int64 voption =
        let ofChild child =
            match child with
            | ValueSome(edge: Edge) -> length context state edge.Child
            // blkdebug that is still opening its child (BLK-OPEN-026)
            | ValueNone -> ValueSome 0L

        match node.Settings with
        | Settings.File hold -> hostLength context.World.Inodes[hold.Inode]
        | Settings.NullCo size -> ValueSome(upwards size)
        | Settings.Nbd(server, export) ->
            match context.World.Remotes.TryGetValue(struct (server, export)) with
            | true, remote -> ValueSome(upwards remote.SizeBytes)
            | _ -> ValueNone
        | Settings.Qcow2 image when image.Inode >= 0 ->
            ValueSome(context.World.Inodes[image.Inode].SizeBytes / sector * sector)
        | Settings.Qcow2 _ -> ValueNone
        | Settings.Quorum _ when node.IsOpening -> ValueSome 0L
        | Settings.Quorum _ ->
            let lengths = Graph.children state node |> List.map (ValueSome >> ofChild)

            if List.contains ValueNone lengths then
                ValueNone
            elif lengths.IsEmpty then
                // half open (BLK-OPEN-014)
                ValueSome 0L
            else
                lengths |> List.minBy (ValueOption.defaultValue 0L)
        | Settings.Raw(offset, size) ->
            match ofChild (Graph.primary state node), size with
            | ValueSome whole, ValueSome size -> ValueSome(min size (max 0L (whole - offset)))
            | ValueSome whole, ValueNone when context.Profile.RemembersLength ->
                ValueSome(upwards (max 0L (whole - offset)))
            | ValueSome whole, ValueNone -> ValueSome(max 0L (whole - offset))
            | ValueNone, _ -> ValueNone
        | _ -> ofChild (Graph.primary state node)

    /// The version that most children of a quorum hold; the later holder wins among equals
    /// (BLK-DATA-007).
    let vote (threshold: int) (versions: 'version list) : 'version voption when 'version: equality =
        let count v = versions |> List.filter ((=) v) |> List.length
        let firstHolder v = versions |> List.findIndex ((=) v)

        match List.distinct versions with
        | [] -> ValueNone
        | distinct ->
            let winner = distinct |> List.maxBy (fun v -> struct (count v, firstHolder v))

            if count winner >= threshold then
                ValueSome winner
            else
                ValueNone

    /// The bytes `QFI` and 0xFB as a guest could write them.
    let private magic: Content =
        [ 0x51uy; 0x46uy; 0x49uy; 0xFBuy ]
        |> List.mapi (fun at value -> { Offset = int64 at; Length = 1L; Byte = value })

    /// Guest data that begins as an image does may be one, made by a guest.
    let private ofContent (content: Content) : Seen =
        if Content.within 0L 4L content = magic then
            Seen.Unclear
        else
            Seen.NoImage

    /// What a reader of the first 112 bytes finds (BLK-OPEN-011).
    let rec seen (context: Context) (state: State) (id: int) : Seen =
        let node = state.Nodes[id]

        let child () =
            match Graph.primary state node with
            | ValueSome edge -> seen context state edge.Child
            | ValueNone -> Seen.NoImage

        match node.Settings with
        | Settings.File hold ->
            match context.World.Inodes[hold.Inode].Format with
            | Format.Qcow2 header -> Seen.Image(hold.Inode, header)
            | Format.Garbage -> Seen.Unclear
            | Format.Raw -> ofContent context.World.Inodes[hold.Inode].Content
            | Format.Directory
            | Format.Pipe -> Seen.NoImage
        | Settings.NullCo _ -> Seen.NoImage
        | Settings.Nbd(server, export) ->
            match context.World.Remotes.TryGetValue(struct (server, export)) with
            | true, remote -> ofContent remote.Content
            | _ -> Seen.NoImage
        | Settings.Qcow2 hold -> seenThrough context state node hold
        | Settings.Raw(0L, ValueNone) -> child ()
        | Settings.Raw _ ->
            match child () with
            | Seen.NoImage -> Seen.NoImage
            | Seen.Unreadable -> Seen.Unreadable
            | _ -> Seen.Unclear
        | Settings.Throttle _
        | Settings.CopyOnRead
        | Settings.Blkdebug _ -> child ()
        | Settings.Quorum _ when node.IsOpening -> Seen.NoImage
        | Settings.Quorum(threshold, _, fifo) ->
            let versions =
                Graph.children state node
                |> List.rev
                |> List.map (fun edge -> seen context state edge.Child)

            let images = versions |> List.distinct |> List.filter _.IsImage

            if versions.IsEmpty then
                Seen.NoImage
            elif fifo then
                List.head versions
            elif List.contains Seen.Unclear versions || images.Length > 1 then
                Seen.Unclear
            elif versions |> List.forall ((=) Seen.NoImage) then
                // copies that hold no image may still differ, and then nothing can be read
                if threshold > 1 then Seen.Unclear else Seen.NoImage
            else
                match vote threshold versions with
                | ValueSome winner -> winner
                | ValueNone -> Seen.Unreadable

    /// An overlay that owns nothing of the first cluster shows its backing's bytes, be they a
    /// header, if it has any length at all. What is written through it goes elsewhere, so the image
    /// itself is lost sight of.
    and private seenThrough context (state: State) (node: Node) (hold: ImageHold) : Seen =
        match context.World.Inodes.TryGetValue hold.Inode with
        | true, { Format = Format.Qcow2 _; SizeBytes = 0L } -> Seen.NoImage
        | true, { Format = Format.Qcow2 _; Allocated = allocated; Content = content } ->
            match Graph.childNamed state node "backing" with
            | ValueSome edge when List.isEmpty (Content.within 0L 1L allocated) ->
                match seen context state edge.Child with
                | Seen.Image(_, header) -> Seen.Image(-1, header)
                | other -> other
            | _ -> ofContent content
        | _ -> Seen.Unclear

    /// Why a node on an image with that feature cannot be read-write (BLK-OPEN-021). A dirty image
    /// is repaired; QEMU knows how to write the others.
    let featureTextOfWriter (profile: Profile) (feature: ImageFeature) : string voption =
        let text what = ValueSome("qcow2: Image " + what + "; cannot be opened read/write")

        match feature, profile.UsesFeatures with
        | ImageFeature.Corrupt, _ -> text "is corrupt"
        | ImageFeature.Bitmaps, false -> text "has persistent bitmaps"
        | _ -> ValueNone

    /// Why an image with that feature cannot be opened at all (BLK-OPEN-021).
    let private featureText (profile: Profile) (feature: ImageFeature) : string voption =
        let unsupported what = ValueSome("Unsupported qcow2 feature(s): " + what)

        match feature, profile.UsesFeatures with
        | ImageFeature.Unknown, _ -> unsupported "Unknown incompatible feature: 20000"
        | ImageFeature.ExternalData, _ when profile.Texts = Texts.Qemu31 ->
            unsupported "Unknown incompatible feature: 4"
        | ImageFeature.ExtendedL2, _ when profile.Texts = Texts.Qemu31 ->
            unsupported "Unknown incompatible feature: 10"
        | ImageFeature.ExternalData, false -> unsupported "external data file"
        | ImageFeature.ExtendedL2, false -> unsupported "extended L2 entries"
        | ImageFeature.Encryption, false -> ValueSome "qcow2: encryption is not supported"
        | ImageFeature.Encryption, true ->
            ValueSome "Parameter 'encrypt.key-secret' is required for cipher"
        | _ -> ValueNone

    /// Why a header cannot be used by a node with these flags (BLK-OPEN-011, BLK-OPEN-021).
    let headerText (context: Context) (seen: Seen) (writable: bool) : string voption =
        match seen with
        | Seen.NoImage -> ValueSome "Image is not in qcow2 format"
        | Seen.Unreadable -> ValueSome "Could not read qcow2 header: Input/output error"
        | Seen.Unclear -> if Rule.choose context then ValueNone else ValueSome "*"
        | Seen.Image(_, { Feature = Some feature }) ->
            match featureText context.Profile feature with
            | ValueNone when writable -> featureTextOfWriter context.Profile feature
            | text -> text
        | Seen.Image _ -> ValueNone

    /// The requirement behind such a text: damage, or a feature that is not there.
    let headerRule (text: string) : Rule =
        if text.StartsWith("Unsupported qcow2 feature", System.StringComparison.Ordinal) then
            Rule.opening 21
        elif text.StartsWith("qcow2: ", System.StringComparison.Ordinal) then
            Rule.opening 21
        else
            Rule.opening 11

    /// What a node remembers of a header.
    let hold (seen: Seen) : ImageHold =
        match seen with
        | Seen.Image(inode, header) -> { Inode = inode; NamesBacking = header.BackingFile.IsSome }
        | _ -> { Inode = -1; NamesBacking = false }

    /// The directory that relative backing names start from: that of the file at the bottom
    /// (BLK-OPEN-012).
    let rec directory (state: State) (id: int) : Result<string, string> =
        let node = state.Nodes[id]

        match node.Settings with
        | Settings.File hold -> Ok(hold.Path.Substring(0, hold.Path.LastIndexOf '/' + 1))
        | Settings.Quorum _ -> Error "Cannot generate a base directory for quorum nodes"
        | _ ->
            match Graph.primary state node with
            | ValueSome edge -> directory state edge.Child
            | ValueNone -> Error("Cannot generate a base directory for " + node.Name)
