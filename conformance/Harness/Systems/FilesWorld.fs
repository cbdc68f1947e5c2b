/// Worlds of real files: raw and qcow2 images in a directory of the worker's own, with real modes,
/// real descriptors and real lock bytes (BLK-FILE).
namespace Ashlar.Conformance

open System.Collections.Generic
open System.IO
open Ashlar.Block
open Ashlar.Reference.Block

/// One file of a world, open for the bench: descriptor, or -1 for a directory.
[<Struct>]
type private Held = { Descriptor: int; Inode: uint64 }

/// Whom the files of a world belong to.
type FileOwners = {
    /// The system under test's user; none when the bench itself is that user.
    Own: int option
    /// The user of files that are not the system's.
    Foreign: int
}

/// A world in a directory.
[<Sealed>]
type FilesWorld(directory: string, script: Script, owners: FileOwners) =
    inherit HostWorld()

    let names = Dictionary<string, int>()
    let held = ResizeArray<Held>()
    let place (name: string) = directory + "/" + name

    /// What the world's directory is to the engine: the directory its process runs in.
    let resolve (path: string) = if path = "" || path[0] = '/' then path else place path

    let numberOf (inode: uint64) =
        // Few files: a scan is faster than hashing.
        let mutable found = 0
        let mutable index = 0

        while found = 0 && index < held.Count do
            if held[index].Inode = inode then
                found <- index + 1

            index <- index + 1

        found

    let fill (descriptor: int) (file: WorldFile) =
        match file.Format with
        | Format.Raw -> Libc.truncate descriptor file.SizeBytes
        | Format.Qcow2 header ->
            let image = Qcow2Image.make header file.SizeBytes
            Libc.truncate descriptor image.LengthBytes

            for offset, bytes in image.Pieces do
                Libc.write descriptor offset bytes
        | Format.Garbage ->
            Libc.truncate descriptor file.SizeBytes
            Libc.write descriptor 0L (Script.garbage file.SizeBytes)
        | Format.Directory
        | Format.Pipe -> ()

    /// What no descriptor is kept of; the mode of a directory stays, so that it can be removed.
    let addNameOnly (path: string) (file: WorldFile) =
        if file.Format = Format.Directory then
            Libc.mkdir path
        else
            Libc.mkfifo path

        owners.Own |> Option.iter (Libc.giveByName path)
        held.Add { Descriptor = -1; Inode = 0UL }

        if file.Format = Format.Pipe then
            Libc.chmod path file.Mode

    let add (file: WorldFile) =
        let path = place file.Name
        names[file.Name] <- held.Count + 1

        match file.Format with
        | Format.Directory
        | Format.Pipe -> addNameOnly path file
        | _ ->
            let descriptor = Libc.createFile path
            fill descriptor file
            held.Add { Descriptor = descriptor; Inode = Libc.inode descriptor }

            for b in file.Locks do
                Libc.lockShared descriptor b

            if not file.Owned then
                Libc.chown descriptor owners.Foreign
            else
                owners.Own |> Option.iter (Libc.chown descriptor)

            Libc.chmod path file.Mode

    do
        for file in script.Files do
            add file

    let files =
        WatchedFiles(LinuxHostFiles.Instance, resolve, (fun identity -> numberOf identity.Inode))

    let withFile (name: string) (act: Held -> unit) =
        match names.TryGetValue name with
        | true, inode -> act held[inode - 1]
        | _ -> ()

    /// The directory the files are in.
    member _.Directory = directory

    /// The number of the file with that inode; 0 when it is none of the world's.
    member _.NumberOf(inode: uint64) : int = if inode = 0UL then 0 else numberOf inode

    override _.Files = files

    override _.Move move =
        match move with
        | Move.Chmod(path, mode) ->
            if names.ContainsKey path then
                Libc.chmod (place path) mode
        | Move.Rename(from, target) ->
            match names.TryGetValue from with
            | true, inode ->
                if Libc.rename (place from) (place target) then
                    names.Remove from |> ignore
                    names[target] <- inode
            | _ -> ()
        | Move.Unlink path ->
            if names.Remove path then
                Libc.unlink (place path)
        | Move.TakeLock(path, b) -> withFile path (fun file -> Libc.lockShared file.Descriptor b)
        | Move.DropLock(path, b) -> withFile path (fun file -> Libc.unlock file.Descriptor b)

    override _.LocksHeld inode =
        if inode < 1 then
            0
        else
            Libc.lockedByOthers held[inode - 1].Descriptor

    override _.Dispose() =
        for file in held do
            if file.Descriptor >= 0 then
                Libc.close file.Descriptor

        for name in names.Keys do
            let path = place name

            if Directory.Exists path then
                Directory.Delete path
            else
                Libc.unlink path

/// Worlds in one directory, one after the other. Made on the worker's thread: file modes count on
/// that thread from then on, also for root.
[<Sealed>]
type FilesWorldMaker(directory: string) =
    inherit HostWorldMaker()

    /// nobody and nogroup, on every Linux.
    let owners = { Own = None; Foreign = 65_534 }

    do Libc.obeyFileModes ()
    override _.Make script = new FilesWorld(directory, script, owners)
