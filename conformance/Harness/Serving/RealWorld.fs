/// The oracle's world made of real files, looked at anew before each command. What a command did to
/// a file is remembered here and done nowhere, until somebody else changes the file.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.IO
open Ashlar.Reference.Block

/// A file that was met, under the number that the oracle knows it by.
type private Met = {
    Number: int
    Identity: HostMetadata.Identity
    /// When its bytes were last read, and what they were.
    mutable Stamp: HostMetadata.Stamp voption
    mutable Read: struct (Format * int64 * int64)
}

/// The names of files that a command may lead to.
module private Names =
    let rec private ofValue (into: ResizeArray<string>) (value: Value) : unit =
        match value with
        | Value.Dict members ->
            for key, item in members do
                match item with
                | Value.Str name when
                    key = "filename" || key.EndsWith(".filename", StringComparison.Ordinal)
                    ->
                    into.Add name
                | _ -> ofValue into item
        | Value.List items -> List.iter (ofValue into) items
        | _ -> ()

    /// The names in options that stand in one text, `-o file.filename=a.raw,read-only=on`.
    let private ofText (into: ResizeArray<string>) (text: string) =
        for part in text.Split([| ' '; ',' |]) do
            match part.IndexOf "filename=" with
            | -1 -> ()
            | at -> into.Add(part.Substring(at + "filename=".Length))

    let ofCommand (command: Command) : string list =
        let found = ResizeArray()

        match command with
        | BlockdevAdd options -> ofValue found options
        | BlockdevReopen options -> List.iter (ofValue found) options
        | QemuIoReopen(_, arguments) -> ofText found arguments
        | _ -> ()

        List.ofSeq found

    /// The name in a header, as the oracle puts it together (BLK-OPEN-012).
    let ofHeader (path: string) (inode: Inode) : string option =
        match inode.Format with
        | Format.Qcow2 { BackingFile = Some name } when name.StartsWith '/' -> Some name
        | Format.Qcow2 { BackingFile = Some name } ->
            Some(path.Substring(0, path.LastIndexOf '/' + 1) + name)
        | _ -> None

/// Real files, as seen from a directory.
[<Sealed>]
type RealWorld(directory: string) =
    let met = Dictionary<HostMetadata.Identity, Met>()
    let byNumber = Dictionary<int, Met>()
    let mutable nextNumber = 1

    let place (path: string) = if path.StartsWith '/' then path else directory + "/" + path

    let numbered (identity: HostMetadata.Identity) : Met =
        match met.TryGetValue identity with
        | true, found -> found
        | _ ->
            let made = {
                Number = nextNumber
                Identity = identity
                Stamp = ValueNone
                Read = struct (Format.Raw, 0L, -1L)
            }

            nextNumber <- nextNumber + 1
            met[identity] <- made
            byNumber[made.Number] <- made
            made

    let read (at: string) (sizeBytes: int64) : struct (Format * int64 * int64) option =
        HostMetadata.beginning at ImageHeader.bytesMax
        |> Option.map (fun bytes ->
            match ImageHeader.read bytes with
            | ImageHeader.Reading.Image found ->
                struct (Format.Qcow2 found.Header, found.SizeBytes, sizeBytes)
            | ImageHeader.Reading.Damaged -> struct (Format.Garbage, sizeBytes, -1L)
            | ImageHeader.Reading.NoImage -> struct (Format.Raw, sizeBytes, -1L))

    let fresh (struct (format, sizeBytes, hostBytes)) : Inode = {
        World.plainFile format sizeBytes with
            HostBytes = hostBytes
    }

    /// The bytes of a file as they are now; what commands did to them stays while nobody else
    /// writes. Where they cannot be read any more, they are what they were.
    let contents (before: Inode option) at (file: Met) (stamp: HostMetadata.Stamp) : Inode =
        match before with
        | Some known when file.Stamp = ValueSome stamp -> known
        | _ ->
            match before, read at stamp.SizeBytes with
            | Some known, None -> known
            | None, None -> World.plainFile Format.Raw stamp.SizeBytes
            | before, Some now ->
                file.Stamp <- ValueSome stamp

                match before with
                | Some known when now = file.Read -> known
                | _ ->
                    file.Read <- now
                    fresh now

    let file (inodes: Map<int, Inode>) at (file: Met) (stamp: HostMetadata.Stamp) : Inode =
        let inode = contents (inodes.TryFind file.Number) at file stamp

        {
            inode with
                Mode = HostMetadata.access at <<< 6
                Owned = true
                ForeignLocks = HostMetadata.locks at |> Option.defaultValue inode.ForeignLocks
        }

    let withoutBytes format at (entry: Met) : struct (int * Inode) =
        let mode = HostMetadata.access at <<< 6
        struct (entry.Number, { World.plainFile format 0L with Mode = mode })

    /// Behind a closed directory there may be a file, but nobody here can open it.
    let closed: HostMetadata.Identity = { Device = 0UL; Inode = 0UL; Born = struct (0L, 0u) }

    let look (inodes: Map<int, Inode>) (path: string) : struct (int * Inode) voption =
        if path = "" || path.Contains '\000' then
            ValueNone
        else
            let at = place path

            match HostMetadata.look at with
            | HostMetadata.Entry.File(identity, stamp) ->
                let entry = numbered identity
                ValueSome(struct (entry.Number, file inodes at entry stamp))
            | HostMetadata.Entry.Directory identity ->
                ValueSome(withoutBytes Format.Directory at (numbered identity))
            | HostMetadata.Entry.Special identity ->
                ValueSome(withoutBytes Format.Pipe at (numbered identity))
            | HostMetadata.Entry.Forbidden ->
                ValueSome(withoutBytes Format.Raw at (numbered closed))
            | HostMetadata.Entry.Missing -> ValueNone

    /// Files that nodes have, each with the name it was opened by.
    let held (state: State) = [
        for node in state.Nodes.Values do
            match node.Settings with
            | Settings.File hold -> hold.Path, hold.Inode
            | _ -> ()
    ]

    /// A held file that lost its name may have got another one in the same directory. Without a
    /// descriptor of our own it is found only there.
    let moved (path: string) (number: int) : string option =
        let isIt (at: string) =
            match HostMetadata.look at with
            | HostMetadata.Entry.File(identity, _) -> identity = byNumber[number].Identity
            | _ -> false

        let names =
            try
                Directory.EnumerateFileSystemEntries(string (Path.GetDirectoryName(place path)))
                |> Seq.truncate Limits.movedFileNames
                |> List.ofSeq
            with
            | :? IOException
            | :? UnauthorizedAccessException -> []

        List.tryFind isIt names

    /// Forgets files that nobody has, once there are many.
    let prune (state: State) (world: World) : World =
        if met.Count <= Limits.rememberedFiles then
            world
        else
            let kept =
                set [
                    for node in state.Nodes.Values do
                        match node.Settings with
                        | Settings.File hold -> hold.Inode
                        | Settings.Qcow2 image -> image.Inode
                        | _ -> ()
                ]

            for entry in List.ofSeq met.Values do
                if not (kept.Contains entry.Number) then
                    met.Remove entry.Identity |> ignore
                    byNumber.Remove entry.Number |> ignore

            {
                world with
                    Inodes = world.Inodes |> Map.filter (fun number _ -> kept.Contains number)
            }

    /// The world as it is now, as far as the next command can see it.
    member _.Refresh(world: World, state: State, command: Command option) : World =
        let world = prune state world
        let waiting = Queue<string>(command |> Option.map Names.ofCommand |> Option.defaultValue [])
        let asked = HashSet<string>(StringComparer.Ordinal)
        let mutable paths = Map.empty
        let mutable inodes = world.Inodes

        for path, number in held state do
            waiting.Enqueue path
            Option.iter waiting.Enqueue (Names.ofHeader path world.Inodes[number])

        let seen = HashSet<int>()

        while waiting.Count > 0 do
            let path = waiting.Dequeue()

            if asked.Add path then
                match look inodes path with
                | ValueSome(struct (number, inode)) ->
                    paths <- Map.add path number paths
                    inodes <- inodes.Add(number, inode)
                    seen.Add number |> ignore
                    Option.iter waiting.Enqueue (Names.ofHeader path inode)
                | ValueNone -> ()

        for path, number in held state do
            if seen.Add number then
                match moved path number |> Option.map (look inodes) with
                | Some(ValueSome(struct (found, inode))) when found = number ->
                    inodes <- inodes.Add(number, inode)
                | _ -> ()

        { world with Paths = paths; Inodes = inodes }

    /// The host's number of a file.
    member _.HostInode(number: int) : int64 =
        match byNumber.TryGetValue number with
        | true, entry -> int64 entry.Identity.Inode
        | _ -> 0L
