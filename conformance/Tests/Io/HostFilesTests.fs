/// What the engine expects of a host, asked of the kernel and of the host made of memory alike.
module internal Ashlar.Conformance.Tests.Io.HostFilesTests

open System
open System.IO
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Qcow2.Images

/// A host with the moves an environment can make.
type private Host = {
    Files: IHostFiles
    Create: string -> byte[] -> unit
    Chmod: string -> int -> unit
    Rename: string -> string -> unit
    Unlink: string -> unit
}

let private memory (body: Host -> unit) =
    let host = MemoryHostFiles()
    let ignoreErrno (errno: HostErrno) = ignore errno

    body {
        Files = host
        Create = fun path bytes -> host.Create(path, MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
        Chmod = fun path mode -> host.Chmod(path, mode) |> ignoreErrno
        Rename = fun source target -> host.Rename(source, target) |> ignoreErrno
        Unlink = host.Unlink >> ignoreErrno
    }

/// The kernel, with names taken in a directory of their own, and without root's way around modes.
let private kernel (body: Host -> unit) =
    Temporary.withDirectory "io" (fun directory ->
        let path (name: string) = Path.Combine(directory, name)

        let files = {
            new IHostFiles with
                member _.Open(name, mode, file) =
                    LinuxHostFiles.Instance.Open(path name, mode, &file)
        }

        use capabilities = ThreadCapabilities.DropFileModeOverride()

        if not capabilities.FileModesCount then
            skiptest "needs file modes that count (capset refused)"

        body {
            Files = files
            Create = fun name bytes -> File.WriteAllBytes(path name, bytes)
            Chmod = fun name mode -> File.SetUnixFileMode(path name, enum<UnixFileMode> mode)
            Rename = fun source target -> File.Move(path source, path target, true)
            Unlink = path >> File.Delete
        })

let private tryOpen (host: Host) path writable =
    let mutable file: HostFile | null = null
    let errno = host.Files.Open(path, HostFileMode writable, &file)
    errno, file

let private openFile host path writable =
    match tryOpen host path writable with
    | HostErrno.None, file -> there file
    | errno, _ -> failtest $"{path}: {HostErrnoText.Of errno}"

let private expectDone (errno: HostErrno) = Expect.equal errno HostErrno.None "the call succeeds"

let private readAll (file: HostFile) offset (length: int) =
    let buffer = Array.create length 0xEEuy
    file.Read(offset, Span buffer) |> expectDone
    buffer

let private opening = [
    "a missing file is ENOENT (BLK-FILE-020)",
    fun host -> Expect.equal (fst (tryOpen host "no" false)) HostErrno.NoEntry "errno"
    "a path with a NUL is EINVAL (BLK-FILE-020)",
    fun host -> Expect.equal (fst (tryOpen host "a\000b" false)) HostErrno.Invalid "errno"
    "a path that is too long is ENAMETOOLONG (BLK-FILE-020)",
    fun host ->
        Expect.equal (fst (tryOpen host (String('x', 5000)) false)) HostErrno.NameTooLong "errno"
    "a file without w refuses a writer and lets readers in (BLK-FILE-003)",
    fun host ->
        host.Create "f" [| 1uy |]
        host.Chmod "f" 0o444
        Expect.equal (fst (tryOpen host "f" true)) HostErrno.AccessDenied "errno"
        use reader = openFile host "f" false
        Expect.isFalse reader.IsWritable "the reader's mode"
        host.Chmod "f" 0o600
        use writer = openFile host "f" true
        Expect.isTrue writer.IsWritable "the writer's mode"
        Expect.equal writer.Identity reader.Identity "the same file (BLK-FILE-005)"
    "a file without r refuses everybody (BLK-FILE-003)",
    fun host ->
        host.Create "f" [| 1uy |]
        host.Chmod "f" 0o000
        Expect.equal (fst (tryOpen host "f" false)) HostErrno.AccessDenied "errno"
    "opening changes nothing (BLK-FILE-021)",
    fun host ->
        host.Create "f" [| 1uy; 2uy |]
        use file = openFile host "f" true
        Expect.equal file.Length 2L "length"
    "a name that leads elsewhere leads to another identity (BLK-FILE-005)",
    fun host ->
        host.Create "f" [| 1uy |]
        use first = openFile host "f" false
        host.Rename "f" "g"
        host.Create "f" [| 2uy |]
        use second = openFile host "f" false
        Expect.notEqual second.Identity first.Identity "identity"
        Expect.equal (readAll first 0L 1) [| 1uy |] "the first file's byte"
        host.Unlink "g"
        Expect.equal (readAll first 0L 1) [| 1uy |] "the byte of a file without a name"
]

let private transfers = [
    "a read beyond the end gives zeroes",
    fun host ->
        host.Create "f" [| 1uy; 2uy; 3uy |]
        use file = openFile host "f" false
        Expect.equal (readAll file 1L 4) [| 2uy; 3uy; 0uy; 0uy |] "across the end"
        Expect.equal (readAll file 100000L 2) [| 0uy; 0uy |] "far beyond"
    "a write beyond the end extends the file with zeroes between",
    fun host ->
        host.Create "f" [| 1uy |]
        use file = openFile host "f" true
        file.Write(10000L, ReadOnlySpan [| 9uy |]) |> expectDone
        Expect.equal file.Length 10001L "length"
        Expect.equal (readAll file 9999L 2) [| 0uy; 9uy |] "bytes"
    "a reader sees what a writer of the same file wrote",
    fun host ->
        host.Create "f" (Array.zeroCreate 8192)
        use reader = openFile host "f" false
        use writer = openFile host "f" true
        writer.Write(4095L, ReadOnlySpan [| 1uy; 2uy |]) |> expectDone
        Expect.equal (readAll reader 4094L 4) [| 0uy; 1uy; 2uy; 0uy |] "bytes"
    "a writer's descriptor is needed to write",
    fun host ->
        host.Create "f" [| 1uy |]
        use file = openFile host "f" false
        let errno = file.Write(0L, ReadOnlySpan [| 9uy |])
        Expect.equal errno HostErrno.BadDescriptor "errno"
    "zeroes inside keep the length, zeroes beyond extend it",
    fun host ->
        host.Create "f" (Array.create 20000 7uy)
        use file = openFile host "f" true
        file.WriteZeroes(5000L, 10000L) |> expectDone
        Expect.equal file.Length 20000L "length"
        let expected = Array.init 20000 (fun at -> if at < 5000 || at >= 15000 then 7uy else 0uy)
        Expect.equal (readAll file 0L 20000) expected "bytes"
        file.WriteZeroes(19000L, 6000L) |> expectDone
        Expect.equal file.Length 25000L "length after growing"
        Expect.equal (readAll file 18999L 2) [| 7uy; 0uy |] "bytes at the border"
    "what is cut off is gone when the file grows again (BLK-SIZE-004)",
    fun host ->
        host.Create "f" (Array.create 20000 7uy)
        use file = openFile host "f" true
        file.Truncate 6000L |> expectDone
        file.Truncate 30000L |> expectDone
        Expect.equal file.Length 30000L "length"
        let expected = Array.init 30000 (fun at -> if at < 6000 then 7uy else 0uy)
        Expect.equal (readAll file 0L 30000) expected "bytes"
        file.Flush() |> expectDone
]

let private locks = [
    "two descriptors of one file exclude each other as two processes do (BLK-FILE-013)",
    fun host ->
        host.Create "f" [| 1uy |]
        use first = openFile host "f" false
        use second = openFile host "f" false
        first.LockShared 101 |> expectDone
        Expect.isTrue (second.IsLockedByOthers 101) "the other sees it"
        Expect.isFalse (second.IsLockedByOthers 100) "that byte only"
        Expect.isFalse (first.IsLockedByOthers 101) "one's own does not count"
        second.LockShared 101 |> expectDone
        Expect.isTrue (first.IsLockedByOthers 101) "shared locks go together"
        first.Unlock 101
        Expect.isFalse (second.IsLockedByOthers 101) "given up"
        Expect.isTrue (first.IsLockedByOthers 101) "the second still holds it"
    "a closed descriptor holds nothing (BLK-FILE-012)",
    fun host ->
        host.Create "f" [| 1uy |]
        use first = openFile host "f" false
        let second = openFile host "f" true
        second.LockShared 203 |> expectDone
        Expect.isTrue (first.IsLockedByOthers 203) "held"
        second.Dispose()
        Expect.isFalse (first.IsLockedByOthers 203) "gone"
]

let private onBoth name laws =
    testList name [
        for host, run in [ "kernel", kernel; "memory", memory ] do
            testList host [
                for law, body in laws do
                    test law { run body }
            ]
    ]

let private kinds =
    testList "what is no regular file (BLK-FILE-020)" [
        for path, expected in [ "/tmp", HostErrno.IsDirectory; "/dev/null", HostErrno.Invalid ] do
            test path {
                let mutable file: HostFile | null = null
                let errno = LinuxHostFiles.Instance.Open(path, HostFileMode false, &file)
                Expect.equal errno expected "errno"
            }
    ]

/// The same random changes on a memory file and on an array; resets bring the beginning back.
let private sparse =
    let name = "a memory file is the array of its bytes, and a reset forgets all changes"

    test name {
        Seeds.forSeeds name 100 (fun random ->
            let host = MemoryHostFiles()
            let start = Array.zeroCreate<byte>(random.Next 40000)
            random.NextBytes(Span(start, 0, start.Length / 2))
            host.Create("f", MemoryContent.Of(ReadOnlySpan start)) |> ignore
            let mutable expected = Array.copy start
            let mutable file = Images.openFile host "f"

            let resize size =
                let resized = Array.zeroCreate<byte> size
                Array.blit expected 0 resized 0 (min size expected.Length)
                expected <- resized

            for _ in 1..60 do
                let offset = random.Next 60000
                let length = random.Next 20000

                match random.Next 5 with
                | 0
                | 1 ->
                    let bytes = Array.zeroCreate<byte>(length + 1)
                    random.NextBytes bytes
                    file.Write(int64 offset, ReadOnlySpan bytes) |> expectDone
                    resize (max expected.Length (offset + bytes.Length))
                    Array.blit bytes 0 expected offset bytes.Length
                | 2 ->
                    file.WriteZeroes(int64 offset, int64 length) |> expectDone

                    if length > 0 then
                        resize (max expected.Length (offset + length))
                        Array.fill expected offset length 0uy
                | 3 ->
                    file.Truncate(int64 offset) |> expectDone
                    resize offset
                | _ when random.Next 4 = 0 ->
                    file.Dispose()
                    host.Reset()
                    expected <- Array.copy start
                    file <- Images.openFile host "f"
                | _ -> ()

                Expect.equal file.Length (int64 expected.Length) "length"
                Expect.equal (readAll file 0L expected.Length) expected "bytes")
    }

let tests =
    testList "host files" [
        onBoth "opening" opening
        onBoth "transfers" transfers
        onBoth "locks" locks
        kinds
        sparse
    ]
