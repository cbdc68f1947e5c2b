/// What the host says of files, asked for without doing I/O: metadata, what the user may do, lock
/// bytes of other processes. Nothing is written and nothing stays open.
module Ashlar.Conformance.HostMetadata

open System
open System.Runtime.InteropServices

[<Literal>]
let private Library = "libc"

[<DllImport(Library, EntryPoint = "statx", SetLastError = true)>]
extern int private nativeStatx(int directory, string path, int flags, uint32 mask, byte[] buffer)

[<DllImport(Library, EntryPoint = "faccessat", SetLastError = true)>]
extern int private nativeAccess(int directory, string path, int mode, int flags)

[<DllImport(Library, EntryPoint = "open", SetLastError = true)>]
extern int private nativeOpen(string path, int flags, int mode)

[<DllImport(Library, EntryPoint = "umask")>]
extern int private nativeUmask(int mask)

/// Which file it is, whatever it is called. A number given out again has another time of birth,
/// where the file system knows one.
[<Struct>]
type Identity = { Device: uint64; Inode: uint64; Born: struct (int64 * uint32) }

/// Changes with whatever is written to a file or said of it.
[<Struct>]
type Stamp = {
    SizeBytes: int64
    Written: struct (int64 * uint32)
    Changed: struct (int64 * uint32)
}

/// What a path leads to, links followed.
[<RequireQualifiedAccess>]
type Entry =
    | File of Identity * Stamp
    | Directory of Identity
    /// A device, a socket, a pipe.
    | Special of Identity
    /// The user may not even look.
    | Forbidden
    | Missing

let private currentDirectory = -100

/// The basic facts and the time of birth.
let private wanted = 0xFFFu

let private accessDenied = 13
let private kindMask = 0o170000
let private regularFile = 0o100000
let private directory = 0o040000

/// Asks for a path. The layout of struct statx is one for all machines.
let look (path: string) : Entry =
    let buffer = Array.zeroCreate<byte> 256
    let long at = BitConverter.ToInt64(buffer, at)
    let word at = BitConverter.ToUInt32(buffer, at)
    let time at = struct (long at, word (at + 8))

    if nativeStatx (currentDirectory, path, 0, wanted, buffer) < 0 then
        if Marshal.GetLastPInvokeError() = accessDenied then
            Entry.Forbidden
        else
            Entry.Missing
    else
        let identity = {
            Device = (uint64 (word 136) <<< 32) ||| uint64 (word 140)
            Inode = uint64 (long 32)
            Born = time 80
        }

        match int (BitConverter.ToUInt16(buffer, 28)) &&& kindMask with
        | kind when kind = regularFile ->
            Entry.File(identity, { SizeBytes = long 40; Written = time 112; Changed = time 96 })
        | kind when kind = directory -> Entry.Directory identity
        | _ -> Entry.Special identity

/// AT_EACCESS: the rights that an open would have, not those of who started the program.
let private effective = 0x200

/// What the user may do with a path, as the permission bits of somebody: 4 to read, 2 to write.
let access (path: string) : int =
    let may mode = nativeAccess (currentDirectory, path, mode, effective) = 0
    (if may 4 then 4 else 0) ||| (if may 2 then 2 else 0)

/// O_RDONLY without waiting, without a controlling terminal, not inherited.
let private readOnly = 0o4000 ||| 0o400 ||| 0o2000000

/// Opens a file for as long as the work takes; nothing when it cannot be read.
let private reading (path: string) (work: int -> 'a) : 'a option =
    let fd = nativeOpen (path, readOnly, 0)

    if fd < 0 then
        None
    else
        try
            Some(work fd)
        finally
            Libc.close fd

/// Lock bytes 100 to 103 and 200 to 203 that others hold, as bits 0 to 7, asked for with
/// F_OFD_GETLK; nothing of a file that cannot be read.
let locks (path: string) : int option = reading path Libc.lockedByOthers

/// The first bytes of a file, up to so many; nothing of a file that cannot be read.
let beginning (path: string) (bytesMax: int) : byte[] option =
    let read (fd: int) =
        let buffer = Array.zeroCreate<byte> bytesMax
        let mutable count = 0
        let mutable came = 1

        while came > 0 && count < bytesMax do
            let part = Array.zeroCreate<byte>(bytesMax - count)
            came <- Libc.read fd (int64 count) part
            Array.blit part 0 buffer count came
            count <- count + came

        Array.truncate count buffer

    reading path read

/// Does something while what is made is for its user alone.
let privately (work: unit -> 'a) : 'a =
    let before = nativeUmask 0o177

    try
        work ()
    finally
        nativeUmask before |> ignore
