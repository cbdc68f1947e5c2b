/// The system calls the files lane makes for itself: files of the world, lock bytes of "another
/// process", and the capabilities of a worker thread. The engine makes its own calls elsewhere, so
/// that what is checked and what checks share nothing.
module Ashlar.Conformance.Libc

open System
open System.Runtime.InteropServices

[<Literal>]
let private Library = "libc"

[<DllImport(Library, EntryPoint = "open", SetLastError = true)>]
extern int private nativeOpen(string path, int flags, int mode)

[<DllImport(Library, EntryPoint = "close", SetLastError = true)>]
extern int private nativeClose(int fd)

[<DllImport(Library, EntryPoint = "pwrite", SetLastError = true)>]
extern nativeint private nativePwrite(int fd, byte[] buffer, nativeint count, int64 offset)

[<DllImport(Library, EntryPoint = "pread", SetLastError = true)>]
extern nativeint private nativePread(int fd, byte[] buffer, nativeint count, int64 offset)

[<DllImport(Library, EntryPoint = "ftruncate", SetLastError = true)>]
extern int private nativeTruncate(int fd, int64 length)

[<DllImport(Library, EntryPoint = "fstat", SetLastError = true)>]
extern int private nativeStat(int fd, byte[] buffer)

[<DllImport(Library, EntryPoint = "stat", SetLastError = true)>]
extern int private nativeStatPath(string path, byte[] buffer)

[<DllImport(Library, EntryPoint = "chown", SetLastError = true)>]
extern int private nativeChownPath(string path, int owner, int group)

[<DllImport(Library, EntryPoint = "chmod", SetLastError = true)>]
extern int private nativeChmod(string path, int mode)

[<DllImport(Library, EntryPoint = "fchown", SetLastError = true)>]
extern int private nativeChown(int fd, int owner, int group)

[<DllImport(Library, EntryPoint = "rename", SetLastError = true)>]
extern int private nativeRename(string from, string target)

[<DllImport(Library, EntryPoint = "unlink", SetLastError = true)>]
extern int private nativeUnlink(string path)

[<DllImport(Library, EntryPoint = "mkdir", SetLastError = true)>]
extern int private nativeMkdir(string path, int mode)

[<DllImport(Library, EntryPoint = "mkfifo", SetLastError = true)>]
extern int private nativeMkfifo(string path, int mode)

[<DllImport(Library, EntryPoint = "geteuid")>]
extern int private nativeUserId()

[<DllImport(Library, EntryPoint = "kill", SetLastError = true)>]
extern int private nativeKill(int processId, int signal)

/// struct flock with 64-bit offsets, as the kernel lays it out on 64-bit machines.
[<Struct; StructLayout(LayoutKind.Sequential)>]
type private Flock = {
    mutable Type: int16
    mutable Whence: int16
    mutable Start: int64
    mutable Length: int64
    mutable Pid: int
}

[<DllImport(Library, EntryPoint = "fcntl", SetLastError = true)>]
extern int private nativeLock(int fd, int command, Flock& lock)

[<DllImport(Library, EntryPoint = "capget", SetLastError = true)>]
extern int private nativeCapget(int[] header, uint32[] data)

[<DllImport(Library, EntryPoint = "capset", SetLastError = true)>]
extern int private nativeCapset(int[] header, uint32[] data)

/// The host refused something the bench itself needs; the lane cannot go on.
exception HostFault of operation: string * errno: int

let private must (operation: string) (result: int) =
    if result < 0 then
        raise (HostFault(operation, Marshal.GetLastPInvokeError()))

    result

let private readWrite = 2
let private create = 0o100
let private exclusive = 0o200
let private closeOnExec = 0o2000000

/// Creates a file that must not exist and returns a read-write descriptor of it.
let createFile (path: string) : int =
    nativeOpen (path, readWrite ||| create ||| exclusive ||| closeOnExec, 0o600)
    |> must ("create " + path)

/// Closes a descriptor; a failure has no consequence here.
let close (fd: int) : unit = nativeClose fd |> ignore

/// Writes the whole buffer at an offset.
let write (fd: int) (offset: int64) (bytes: byte[]) : unit =
    nativePwrite (fd, bytes, nativeint bytes.Length, offset) |> int |> must "pwrite" |> ignore

/// Reads up to the buffer's length at an offset and returns how much came.
let read (fd: int) (offset: int64) (buffer: byte[]) : int =
    nativePread (fd, buffer, nativeint buffer.Length, offset) |> int |> must "pread"

/// Sets a file's length.
let truncate (fd: int) (length: int64) : unit =
    nativeTruncate (fd, length) |> must "ftruncate" |> ignore

/// The inode number: the second word of struct stat on 64-bit Linux.
let inode (fd: int) : uint64 =
    let buffer = Array.zeroCreate<byte> 256
    nativeStat (fd, buffer) |> must "fstat" |> ignore
    BitConverter.ToUInt64(buffer, 8)

/// The inode number of what a path leads to, links followed; 0 when it leads nowhere.
let inodeOfPath (path: string) : uint64 =
    let buffer = Array.zeroCreate<byte> 256

    if nativeStatPath (path, buffer) < 0 then
        0UL
    else
        BitConverter.ToUInt64(buffer, 8)

/// Changes permission bits by name.
let chmod (path: string) (mode: int) : unit =
    nativeChmod (path, mode) |> must ("chmod " + path) |> ignore

/// Gives a file to another user; only root can.
let chown (fd: int) (owner: int) : unit = nativeChown (fd, owner, owner) |> must "fchown" |> ignore

/// Renames, and says whether it could be done: a file does not replace a directory.
let rename (from: string) (target: string) : bool = nativeRename (from, target) = 0

/// Removes a name; a missing one is no fault.
let unlink (path: string) : unit = nativeUnlink path |> ignore

/// Makes a directory only its owner can use.
let mkdir (path: string) : unit = nativeMkdir (path, 0o700) |> must ("mkdir " + path) |> ignore

/// Makes a pipe with a name only its owner can use.
let mkfifo (path: string) : unit = nativeMkfifo (path, 0o600) |> must ("mkfifo " + path) |> ignore

/// What came of making a directory that others may be making, too.
[<RequireQualifiedAccess>]
type Made =
    | Yes
    | NameIsTaken
    /// The directory that it should be in is not there.
    | NowhereToMakeIt

/// As `mkdir`, of a name or a place that somebody else may take or remove at the same time.
let tryMkdir (path: string) : Made =
    let noSuchPlace, exists = 2, 17

    if nativeMkdir (path, 0o700) = 0 then
        Made.Yes
    else
        match Marshal.GetLastPInvokeError() with
        | errno when errno = exists -> Made.NameIsTaken
        | errno when errno = noSuchPlace -> Made.NowhereToMakeIt
        | errno -> raise (HostFault("mkdir " + path, errno))

/// Gives a directory or another file to another user, whose it is from here on; only root can.
let giveByName (path: string) (owner: int) : unit =
    nativeChownPath (path, owner, owner) |> must ("chown " + path) |> ignore

/// The effective user.
let userId () : int = nativeUserId ()

let private killSignal = 9

/// Kills a process, if it is there.
let kill (processId: int) : unit = nativeKill (processId, killSignal) |> ignore

/// Kills a process group, as far as something of it is left.
let killGroup (leader: int) : unit = nativeKill (-leader, killSignal) |> ignore

let private getLock = 36
let private setLock = 37
let private readLock = 0s
let private writeLock = 1s
let private unlocked = 2s

let private byteLock kind (byte: int) = {
    Type = kind
    Whence = 0s
    Start = int64 byte
    Length = 1L
    Pid = 0
}

/// Takes one byte shared, owned by this descriptor.
let lockShared (fd: int) (byte: int) : unit =
    let mutable lock = byteLock readLock byte
    nativeLock (fd, setLock, &lock) |> must "F_OFD_SETLK" |> ignore

/// Gives one byte up.
let unlock (fd: int) (byte: int) : unit =
    let mutable lock = byteLock unlocked byte
    nativeLock (fd, setLock, &lock) |> must "F_OFD_SETLK" |> ignore

/// The first locked byte of a range that another descriptor holds, or -1.
let private firstLocked (fd: int) (from: int) (count: int) =
    let mutable lock = { byteLock writeLock from with Length = int64 count }
    nativeLock (fd, getLock, &lock) |> must "F_OFD_GETLK" |> ignore

    if lock.Type = unlocked then
        -1
    else
        max from (int lock.Start)

/// Lock bytes 100 to 103 and 200 to 203 that other descriptors hold, as bits 0 to 7.
let lockedByOthers (fd: int) : int =
    // The kernel reports one lock of a range, not necessarily the lowest, so a whole range is
    // asked first and its bytes only when something is there.
    let bits first shift =
        if firstLocked fd first 4 < 0 then
            0
        else
            let mutable found = 0

            for i in 0..3 do
                if firstLocked fd (first + i) 1 >= 0 then
                    found <- found ||| (1 <<< (i + shift))

            found

    bits 100 0 ||| bits 200 4

/// Linux capability header version 3: two words of each set.
let private capabilityVersion = 0x20080522

/// CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with them a file's mode does not count.
let private dacBits = (1u <<< 1) ||| (1u <<< 2)

/// Makes file modes count for the calling thread, also when it is root's. Other threads keep
/// theirs.
let obeyFileModes () : unit =
    let header = [| capabilityVersion; 0 |]
    let data = Array.zeroCreate<uint32> 6
    nativeCapget (header, data) |> must "capget" |> ignore

    if data[0] &&& dacBits <> 0u then
        data[0] <- data[0] &&& ~~~dacBits
        nativeCapset (header, data) |> must "capset" |> ignore
