/// System calls about streams and files: what they give, and that a program reaches nothing of the
/// host beyond the policy. Requirements: spec/e2k/linux.md, E2K-SYS.
module Ashlar.Conformance.Tests.E2k.Engine.SystemCallTests

open System
open System.IO
open System.Text
open Expecto
open Ashlar.E2k
open Ashlar.Conformance.Tests.E2k.Engine.Calls

let private names =
    """
name:   .asciz "notes.txt"
inside: .asciz "sub/../sub/deep.txt"
beyond: .asciz "../outside.txt"
absolute: .asciz "/etc/passwd"
link:   .asciz "link"
linked: .asciz "away/outside.txt"
within: .asciz "sub"
fresh:  .asciz "fresh"
other:  .asciz "other"
here:   .asciz "."
pipe:   .asciz "pipe"
empty:  .asciz ""
    .balign 8
parts:  .quad buffer, 3, buffer + 100, 4
wrong:  .quad 8, 4
huge:   .quad buffer, 0x7fffffffffffffff
"""

/// A folder with a file, a folder with a file, and links that lead out; beside it a file.
let private prepared (work: FilePolicy -> string -> 'a) : 'a =
    inFolder (fun top ->
        let folder = Path.Combine(top, "here")
        Directory.CreateDirectory(Path.Combine(folder, "sub")) |> ignore
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "seven words of a file\n")
        File.WriteAllText(Path.Combine(folder, "sub", "deep.txt"), "deep")
        File.WriteAllText(Path.Combine(top, "outside.txt"), "secret")
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "../outside.txt") |> ignore
        File.CreateSymbolicLink(Path.Combine(folder, "away"), "..") |> ignore
        work (FilePolicy folder) folder)

/// What calls give in the sandbox of such a folder, the same on both.
let private gives (name: string) (calls: Call list) (wanted: int64 list) =
    test name {
        prepared (fun files _ ->
            let found = run files "input"B names calls
            Expect.equal found.Results wanted name
            Expect.equal (found.Ending.Kind, found.Ending.Status) (EndingKind.Exited, 7) "the end"
            agree files "input"B names calls)
    }

let private openOf (path: string) = call 5 [ path; "0"; "0" ]

let private sandboxTests = [
    gives "E2K-SYS-010: files below the folder are opened to be read, lowest number first" [
        openOf "name"
        openOf "inside"
        call 6 [ "3" ]
        openOf "within"
    ] [ 3L; 4L; 0L; 3L ]
    gives
        "E2K-SYS-010: nothing is opened to be changed, nothing is made or removed"
        [
            call 5 [ "name"; "1"; "0" ]
            call 5 [ "name"; "2"; "0" ]
            call 5 [ "fresh"; "0x41"; "0x1a4" ]
            call 5 [ "name"; "0x200"; "0" ]
            call 8 [ "fresh"; "0x1a4" ]
            call 10 [ "name" ]
            call 38 [ "name"; "other" ]
            call 39 [ "fresh"; "0x1ff" ]
            call 40 [ "within" ]
            call 33 [ "name"; "2" ]
        ]
        (List.replicate 10 -30L)
    gives "E2K-SYS-011: no name leads out of the folder" [
        openOf "beyond"
        openOf "absolute"
        openOf "link"
        openOf "linked"
        call 106 [ "beyond"; "buffer" ]
        call 106 [ "link"; "buffer" ]
        call 33 [ "absolute"; "0" ]
        call 335 [ "-100"; "beyond"; "0"; "0" ]
        call 85 [ "linked"; "buffer"; "64" ]
    ] [ -13L; -13L; -40L; -20L; -13L; -40L; -13L; -13L; -20L ]
    gives "E2K-SYS-011: a folder that is open is left no further than the folder" [
        openOf "within"
        call 335 [ "3"; "name"; "0"; "0" ]
        call 335 [ "3"; "beyond"; "0"; "0" ]
        openOf "here"
        call 335 [ "5"; "beyond"; "0"; "0" ]
        call 335 [ "77"; "name"; "0"; "0" ]
        call 335 [ "77"; "absolute"; "0"; "0" ]
    ] [ 3L; -2L; -2L; 4L; -9L; -9L; -13L ]
    gives "E2K-SYS-011: names that are none" [
        openOf "empty"
        openOf "8"
        openOf "0"
        call 5 [ "-1"; "0"; "0" ]
    ] [ -2L; -14L; -14L; -14L ]
]

let private transferTests = [
    test "E2K-SYS-013: bytes of a file, from where one is and from anywhere" {
        prepared (fun files _ ->
            let calls = [
                openOf "name"
                call 3 [ "3"; "buffer"; "5" ]
                call 180 [ "3"; "buffer + 8"; "5"; "6" ]
                call 19 [ "3"; "-5"; "2" ]
                call 3 [ "3"; "buffer + 16"; "100" ]
                call 3 [ "3"; "buffer + 16"; "100" ]
                call 145 [ "3"; "parts"; "2" ]
                call 19 [ "3"; "0"; "0" ]
                call 145 [ "3"; "parts"; "2" ]
            ]

            let found = run files [||] names calls
            Expect.equal found.Results [ 3L; 5L; 5L; 17L; 5L; 0L; 0L; 0L; 7L ] "results"
            let text (at: int) count = Encoding.ASCII.GetString(found.Buffer, at, count)
            Expect.equal (text 8 5, text 16 5) ("words", "file\n") "what was read"
            Expect.equal (text 0 3, text 100 4) ("sev", "en w") "into two parts"
            agree files [||] names calls)
    }
    gives "E2K-SYS-014: vectors of too many parts, of huge parts, and at bad addresses" [
        call 145 [ "0"; "parts"; "1025" ]
        call 145 [ "0"; "8"; "1" ]
        call 145 [ "0"; "wrong"; "1" ]
        call 146 [ "1"; "wrong"; "1" ]
        call 145 [ "0"; "huge"; "0x7fffffffffffffff" ]
        call 146 [ "1"; "huge"; "1" ]
        call 146 [ "1"; "parts"; "0" ]
        call 145 [ "77"; "parts"; "1" ]
    ] [ -22L; -14L; -14L; -14L; -22L; -14L; 0L; -9L ]
    gives "E2K-SYS-006: streams have a direction and no place" [
        call 3 [ "0"; "buffer"; "3" ]
        call 3 [ "0"; "buffer"; "100" ]
        call 3 [ "1"; "buffer"; "1" ]
        call 4 [ "0"; "buffer"; "1" ]
        call 3 [ "0"; "8"; "1" ]
        call 19 [ "1"; "0"; "0" ]
        call 180 [ "0"; "buffer"; "1"; "0" ]
        call 4 [ "2"; "name"; "0x7fffffffffffffff" ]
    ] [ 3L; 2L; -9L; -9L; -14L; -29L; -29L; -14L ]
    gives "E2K-SYS-015: looking at files and streams" [
        call 33 [ "name"; "4" ]
        call 33 [ "name"; "1" ]
        call 33 [ "fresh"; "0" ]
        call 345 [ "-100"; "inside"; "0" ]
        call 54 [ "1"; "0x5401"; "buffer" ]
        call 54 [ "77"; "0x5413"; "buffer" ]
        call 343 [ "-100"; "name"; "buffer"; "8" ]
    ] [ 0L; -13L; -2L; 0L; -25L; -9L; -22L ]
    gives "E2K-SYS-012: numbers of open files" [
        call 41 [ "1" ]
        call 6 [ "0" ]
        call 3 [ "0"; "buffer"; "1" ]
        call 41 [ "2" ]
        call 63 [ "1"; "9" ]
        call 63 [ "1"; "256" ]
        call 358 [ "1"; "1"; "0" ]
        call 55 [ "9"; "0"; "200" ]
        call 55 [ "9"; "2"; "1" ]
        call 55 [ "9"; "1"; "0" ]
        call 55 [ "9"; "3"; "0" ]
        call 6 [ "250" ]
        call 54 [ "1"; "0x5401"; "buffer" ]
        call 54 [ "250"; "0x5413"; "buffer" ]
    ] [ 3L; 0L; -9L; 0L; 9L; -9L; -22L; 200L; 0L; 1L; 1L; -9L; -25L; -9L ]
    test "E2K-SYS-012: the 257th open file is one too many" {
        prepared (fun files _ ->
            let calls = List.replicate 253 (openOf "name") @ [ openOf "name"; call 41 [ "0" ] ]
            let found = run files [||] names calls

            Expect.equal
                found.Results
                ([ for number in 3L .. 255L -> number ] @ [ -24L; -24L ])
                "numbers")
    }
    test "a program that closes its streams is done" {
        let found =
            run (FilePolicy ".") [||] names [ call 6 [ "0" ]; call 6 [ "1" ]; call 6 [ "2" ] ]

        Expect.isEmpty found.Results "there is nowhere to write to"
        Expect.equal found.Ending.Status 7 "the end"
    }
]

let private int32At (buffer: byte[]) at = BitConverter.ToInt32(buffer, at)

let private statusTests = [
    test "E2K-SYS-016: the status of a file in its three forms" {
        prepared (fun files _ ->
            let calls = [
                openOf "name"
                call 108 [ "3"; "buffer" ]
                call 195 [ "name"; "buffer + 128" ]
                call 402 [ "-100"; "name"; "0"; "0x7ff"; "buffer + 256" ]
                call 224 [ "3"; "empty"; "buffer + 512"; "0x1000" ]
                call 107 [ "link"; "buffer + 640" ]
                call 108 [ "1"; "buffer + 768" ]
            ]

            let found = run files [||] names calls
            Expect.equal found.Results [ 3L; 0L; 0L; 0L; 0L; 0L; 0L ] "results"
            let buffer = found.Buffer

            for at in [ 0; 128; 512 ] do
                Expect.equal (int32At buffer (at + 16) &&& 0xf000) 0x8000 "a file"
                Expect.equal (BitConverter.ToInt64(buffer, at + 40)) 22L "its size"

            Expect.equal (BitConverter.ToInt64(buffer, 256 + 40)) 22L "the size that statx gives"
            Expect.equal (int32At buffer (128 + 72)) (int32At buffer 80) "the time of writing"
            Expect.equal buffer[512..623] buffer[0..111] "by name or by number"
            Expect.equal (int32At buffer (640 + 16) &&& 0xf000) 0xa000 "a link"
            Expect.equal (int32At buffer (768 + 16) &&& 0xf000) 0x1000 "a stream"
            agree files [||] names calls)
    }
    test "E2K-SYS-017: the names in a folder, and the folder's own" {
        prepared (fun files folder ->
            let calls = [
                openOf "here"
                call 220 [ "3"; "buffer"; "512" ]
                call 220 [ "3"; "buffer + 512"; "512" ]
                call 220 [ "3"; "buffer"; "8" ]
                call 220 [ "1"; "buffer"; "512" ]
                call 183 [ "buffer + 512"; "512" ]
                call 183 [ "buffer + 512"; "2" ]
                call 85 [ "link"; "buffer + 1000"; "24" ]
            ]

            let found = run files [||] names calls
            let text = Encoding.ASCII.GetString found.Buffer
            Expect.equal (found.Results[0], found.Results[2]) (3L, 0L) "all entries at once"
            Expect.equal found.Results[3..4] [ -22L; -20L ] "too short, and no folder"
            Expect.stringContains text "notes.txt\000" "an entry"
            Expect.equal found.Results[5] (int64 (folder.Length + 1)) "bytes of its name"
            Expect.stringContains text (folder + "\000") "its name"
            Expect.equal found.Results[6] -34L "no room"
            Expect.equal found.Results[7] 14L "bytes that the link has"
            agree files [||] names calls)
    }
]

let private hostTests = [
    test "E2K-SYS-018: with the host open files are made, changed and removed" {
        prepared (fun _ folder ->
            // Names begin at the current folder, which tests share: all are absolute here.
            let own (name: string) = Path.Combine(folder, name)

            let data =
                $"""
fresh:  .asciz "{own "fresh"}"
other:  .asciz "{own "other"}"
made:   .asciz "{own "made"}"
text:   .asciz "written"
"""

            let found =
                run (FilePolicy(folder, true)) [||] data [
                    call 5 [ "fresh"; "0x42"; "0x1a4" ]
                    call 4 [ "3"; "text"; "7" ]
                    call 181 [ "3"; "text"; "1"; "6" ]
                    call 38 [ "fresh"; "other" ]
                    call 39 [ "made"; "0x1ff" ]
                    call 40 [ "made" ]
                    call 10 [ "made" ]
                ]

            Expect.equal found.Results [ 3L; 7L; 1L; 0L; 0L; 0L; -2L ] "results"
            Expect.equal (File.ReadAllText(own "other")) "writtew" "the file"
            Expect.isFalse (File.Exists(own "fresh")) "its old name")
    }
    test "E2K-SYS-019: a line for each call" {
        prepared (fun files _ ->
            let found =
                run files [||] names [
                    openOf "name"
                    call 9999 [ "1" ]
                    call 335 [ "-100"; "beyond"; "0"; "0" ]
                ]

            Expect.equal
                (List.truncate 3 found.Lines)
                [
                    "open(\"notes.txt\", 0x0, 00) = 3"
                    "call 9999(0x1, 0x0, 0x0, 0x0, 0x0, 0x0) = -38 ENOSYS"
                    "openat(AT_FDCWD, \"../outside.txt\", 0x0, 00) = -13 EACCES"
                ]
                "lines"

            Expect.equal (List.last found.Lines) "exit_group(7) = ?" "the last")
    }
]

/// Addresses that a call may be given, most of them wrong.
let private addresses = [ "0"; "8"; "-1"; "0x3fffffffffff"; "0x7fffffffffffffff"; "buffer + 1020" ]

let private hostileTests = [
    gives "E2K-SYS-006: nothing can be moved to and from everywhere" [
        call 4 [ "1"; "-1"; "0" ]
        call 3 [ "0"; "-1"; "0" ]
        call 146 [ "1"; "-1"; "0" ]
        call 385 [ "-1"; "0"; "0" ]
    ] [ 0L; 0L; 0L; 0L ]
    test "E2K-SYS-009: whatever is asked at bad addresses, the program goes on, the same on both" {
        // Exits, a return to nowhere, and what changes the mappings, the break and the streams.
        let others = [ 1; 6; 45; 63; 90; 91; 125; 173; 300; 358 ]

        let calls = [
            for number in List.except others [ 0..460 ] do
                for address in addresses do
                    call number (List.replicate 6 address)
        ]

        for part in List.chunkBySize 400 calls do
            agree (FilePolicy ".") [||] names part
    }
]

let tests =
    testList "system calls" (sandboxTests @ transferTests @ statusTests @ hostTests @ hostileTests)
