/// System calls about time, the system, the program and its mappings: the same on reference and
/// engine. Requirements: spec/e2k/linux.md, E2K-SYS.
module Ashlar.Conformance.Tests.E2k.Engine.SystemFactTests

open System
open System.Text
open Expecto
open Ashlar.Conformance.Tests.E2k.Engine.Calls
open Ashlar.Conformance.E2k

let private spans =
    """
    .balign 8
second: .quad 1, 500
bad:    .quad 1, 1000000000
long:   .quad 0x7fffffffffffffff, 0
"""

let private gives (name: string) (calls: Call list) (wanted: int64 list) =
    test name {
        let found = run Hosts.sandbox [||] spans calls
        Expect.equal found.Results wanted name
        agree Hosts.sandbox [||] spans calls
    }

/// A call by the fast entry is written by hand.
let private fast (number: int) =
    $"""
    .text
    .global _start
_start:
    {{ setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }}
    {{ addd,0 0, {number}, %%b[0] ; addd,1 0, 1, %%b[1] ; addd,2 0, area, %%b[2]
      sdisp %%ctpr1, 6 }}
    {{ call %%ctpr1, wbs = 16 }}
    {{ addd,0 0, 300, %%b[0] ; addd,1 0, %%b[0], %%b[1] ; sdisp %%ctpr1, 3 }}
    {{ call %%ctpr1, wbs = 16 }}
    .bss
    .balign 8
area: .space 64
"""

let private ends (name: string) (text: string) (status: string) =
    test name { Expect.equal (ending Hosts.sandbox [||] text) status name }

let private timeTests = [
    test "E2K-SYS-020: clocks go on, by seconds and parts" {
        let calls = [
            call 267 [ "0"; "buffer" ]
            call 267 [ "1"; "buffer + 16" ]
            call 162 [ "second"; "0" ]
            call 267 [ "1"; "buffer + 32" ]
            call 78 [ "buffer + 48"; "buffer + 64" ]
            call 13 [ "0" ]
            call 268 [ "1"; "buffer + 72" ]
            call 43 [ "buffer + 88" ]
        ]

        let found = run Hosts.sandbox [||] spans calls
        let number (at: int) = BitConverter.ToInt64(found.Buffer, at)
        Expect.equal (number 0) 1_600_000_000L "seconds since 1970"
        Expect.equal (number 8) 1_000_000L "a part"
        Expect.equal (number 32 - number 16) 1L "a second was waited"
        Expect.equal (number 48, number 72, number 80) (found.Results[5], 0L, 1L) "the same second"
        Expect.equal found.Results[..4] [ 0L; 0L; 0L; 0L; 0L ] "results"
        agree Hosts.sandbox [||] spans calls
    }
    gives "E2K-SYS-020: clocks and spans that are none" [
        call 267 [ "99"; "buffer" ]
        call 267 [ "0"; "8" ]
        call 268 [ "99"; "0" ]
        call 162 [ "bad"; "0" ]
        call 162 [ "8"; "0" ]
        call 269 [ "2"; "0"; "second"; "0" ]
        call 269 [ "0"; "1"; "second"; "0" ]
        call 269 [ "1"; "0"; "long"; "0" ]
    ] [ -22L; -14L; -22L; -22L; -14L; -22L; 0L; 0L ]
    gives "E2K-SYS-021: randomness" [
        call 385 [ "buffer"; "16"; "0" ]
        call 385 [ "buffer"; "16"; "8" ]
        call 385 [ "8"; "16"; "0" ]
        call 385 [ "buffer"; "0x7fffffffffffffff"; "0" ]
    ] [ 16L; -22L; -14L; -14L ]
    ends "E2K-SYS-002: the fast entry has clock_gettime as 1" (fast 1) "0"
    ends "E2K-SYS-002: the fast entry has no number 9" (fast 9) "218"
]

let private factTests = [
    test "E2K-SYS-022: the system says what it is" {
        let calls = [ call 122 [ "buffer" ]; call 116 [ "buffer + 400" ]; call 122 [ "8" ] ]
        let found = run Hosts.sandbox [||] spans calls
        let text (at: int) count = Encoding.ASCII.GetString(found.Buffer, at, count)
        Expect.equal found.Results [ 0L; 0L; -14L ] "results"
        Expect.equal (text 0 6, text 260 4) ("Linux\000", "e2k\000") "names"

        Expect.equal
            (BitConverter.ToInt64(found.Buffer, 432))
            (int64 Ashlar.Reference.E2k.Process.pagesMax * 4096L)
            "memory"

        agree Hosts.sandbox [||] spans calls
    }
    gives "E2K-SYS-022: limits" [
        call 191 [ "7"; "buffer" ]
        call 375 [ "0"; "3"; "0"; "buffer" ]
        call 375 [ "5"; "3"; "0"; "buffer" ]
        call 375 [ "0"; "3"; "buffer"; "0" ]
        call 191 [ "16"; "buffer" ]
        call 75 [ "3"; "buffer" ]
    ] [ 0L; 0L; -3L; -1L; -22L; -1L ]
    gives "E2K-SYS-023: who a program is" [
        call 20 []
        call 244 []
        call 64 []
        call 259 [ "buffer" ]
        call 24 []
        call 366 [ "buffer"; "24" ]
        call 366 [ "buffer"; "8" ]
        call 158 []
        call 327 [ "buffer"; "buffer"; "0" ]
        call 250 [ "0"; "128"; "buffer" ]
        call 77 [ "0"; "buffer" ]
    ] [ 1L; 1L; 0L; 1L; 1000L; 0L; -22L; 0L; 0L; 8L; 0L ]
]

/// The word behind the kind of an auxiliary value, counted from argc: no environment, one argument.
let private auxiliary (kind: int) =
    String.concat
        "\n"
        ([
            "    .text"
            "    .global _start"
            "_start:"
            "    { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"
            // argc, the argument, its end, the environment's end.
            "    { getsp,0 0, %r1 }"
            "    { addd,0 %r1, 16, %r1 }"
            "again:"
            "    { addd,0 %r1, 16, %r1 }"
            "    { ldd,0 [ %r1 + 0 ], %r2 ; ldd,2 [ %r1 + 8 ], %r3 }"
            $"    {{ cmpedb,0 %%r2, {kind}, %%pred0 ; disp %%ctpr2, again }}"
            "    { ct %ctpr2 ? ~%pred0 }"
         ]
         @ (if kind = 25 then
                [ "    { ldb,0 [ %r3 + 15 ], %r3 }" ]
            else
                [ "    { shrd,0 %r3, 4, %r3 }" ])
         @ making (call 300 [ "%r3" ])
         @ [ "" ])

let private auxiliaryTests = [
    ends "E2K-ELF-006: a page's bytes" (auxiliary 6) "0"
    ends "E2K-ELF-006: ticks" (auxiliary 17) "6"
    ends "E2K-ELF-006: the sixteenth of the bytes that nobody foresees" (auxiliary 25) "208"
]

/// Where the first mapping is.
let private first = 0x10000000000L

let private mappingTests = [
    gives "E2K-SYS-024: a mapping shrinks where it is and moves to grow" [
        call 90 [ "0"; "0x3000"; "3"; "0x12"; "-1"; "0" ]
        call 163 [ "0x10000000000"; "0x3000"; "0x2000"; "0" ]
        call 163 [ "0x10000000000"; "0x2000"; "0x4000"; "0" ]
        call 163 [ "0x10000000000"; "0x2000"; "0x4000"; "1" ]
        call 163 [ "0x10000000000"; "0x2000"; "0x4000"; "1" ]
        call 163 [ "0x10000004000"; "0x4000"; "0x7fffffffffff"; "1" ]
        call 163 [ "0x10000004000"; "0x4000"; "0x30000000000"; "1" ]
        call 163 [ "0x10000004000"; "0x4000"; "0"; "1" ]
        call 163 [ "0x10000004001"; "0x4000"; "0x1000"; "1" ]
        call 163 [ "0x10000004000"; "0x4000"; "0x1000"; "2" ]
    ] [ first; first; -12L; first + 0x4000L; -14L; -22L; -12L; -22L; -22L; -22L ]
    test "E2K-SYS-024, E2K-SYS-025: bytes go with a mapping and go on advice" {
        let calls = [
            call 90 [ "0"; "0x1000"; "3"; "0x12"; "-1"; "0" ]
            call 3 [ "0"; "0x10000000800"; "5" ]
            call 163 [ "0x10000000000"; "0x1000"; "0x2000"; "1" ]
            call 4 [ "1"; "0x10000002800"; "5" ]
            call 219 [ "0x10000002000"; "0x1000"; "3" ]
            call 4 [ "1"; "0x10000002800"; "1" ]
            call 219 [ "0x10000002000"; "0x1000"; "4" ]
            call 4 [ "1"; "0x10000002800"; "1" ]
            call 219 [ "0x10000002000"; "0x1000"; "99" ]
            call 219 [ "0x10000002000"; "-4096"; "4" ]
            call 219 [ "0x10000002001"; "0x1000"; "4" ]
        ]

        let found = run Hosts.sandbox "moved"B spans calls

        Expect.equal
            found.Results
            [ first; 5L; first + 0x2000L; 5L; 0L; 1L; 0L; 1L; -22L; -12L; -22L ]
            "results"

        Expect.equal found.Output "movedm\000"B "bytes"
        agree Hosts.sandbox "moved"B spans calls
    }
]

let tests =
    testList "facts of the system" (timeTests @ factTests @ auxiliaryTests @ mappingTests)
