/// Handlers of signals: entered, left, nested, refused; the same on reference and engine, stepped
/// and run freely. Requirements: spec/e2k/traps.md, E2K-SIG.
module Ashlar.Conformance.Tests.E2k.Engine.SignalTests

open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.E2k.Engine.Calls

let private enter = "    { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"
let private leave = [ "    { return %ctpr3 }"; "    { ct %ctpr3 }" ]
let private sys number arguments = making (call number arguments)
let private exits operand = sys 300 [ operand ]

/// A program with a handler and data; `action` has its flags and mask.
let private program (flags: string) (mask: string) body handler (data: string list) =
    String.concat "\n" [
        "    .text"
        "    .global _start"
        "_start:"
        enter
        yield! body
        "handler:"
        enter
        yield! handler
        "    .data"
        "    .balign 8"
        $"action: .quad handler, {flags}, 0, {mask}"
        yield! data
        "    .balign 16"
        "area: .space 256"
        "    .balign 16"
        "    .space 8192"
        "high: .space 16"
        ""
    ]

let private handle signal = sys 174 [ string signal; "action"; "0"; "8" ]

let private ends (name: string) (wanted: string) (text: string) =
    test name { Expect.equal (ending Hosts.sandbox [||] text) wanted name }

/// Loads from address 8.
let private fault = [ "    { ldd,0 [ 8 ], %r1 }" ]

let private simple = program "4" "0"

let private trapTests = [
    ends "E2K-SIG-001: a page fault enters its handler with the number" "11"
    <| simple (handle 11 @ fault @ exits "1") (exits "%r0") []
    ends "E2K-SIG-001: so does a division by zero" "8"
    <| simple (handle 8 @ [ "    { sdivd,5 0, 0, %r1 }" ] @ exits "1") (exits "%r0") []
    ends "E2K-SIG-001: so does a transfer that is not prepared" "4"
    <| simple (handle 4 @ [ "    { ct %ctpr2 }" ] @ exits "1") (exits "%r0") []
    ends "E2K-SIG-002: the information has number, code and address" "20"
    <| simple
        (handle 11 @ fault @ exits "1")
        ([
            "    { ldw,0 [ %r1 + 0 ], %r4 ; ldw,2 [ %r1 + 8 ], %r5 ; ldd,3 [ %r1 + 16 ], %r6 }"
            "    { addd,0 %r4, %r5, %r4 }"
            "    { addd,0 %r4, %r6, %r4 }"
         ]
         @ exits "%r4")
        []
    ends "E2K-SIG-002: both write the same frame, whatever was interrupted" "144"
    <| simple
        (handle 11
         @ [
             "    { setbp psz = 0x3 ; disp %ctpr1, _start }"
             "    { ldd,0 [ area ], %r2, mas = 0x4 }"
             "    { cmpedb,0 0, 0, %pred1 ; cmpedb,1 0, 1, %pred5 ; sdisp %ctpr2, 3 }"
             "    { rwd,0 _f32s 0x77f, %fpcr ; abp abpf=1, abpt=1 }"
             "    { abn abnf=1, abnt=1 }"
             "    { ldd,0 [ 8 ], %r1 }"
         ]
         @ exits "1")
        (sys 4 [ "1"; "%r1"; "1936" ] @ exits "%b[0]")
        []
    ends "E2K-SIG-004: where the context says, the program goes on" "5"
    <| simple
        (handle 11 @ fault @ exits "1" @ [ "after:" ] @ exits "5")
        ([ "    { addd,0 0, after, %r4 }"; "    { std,2 %r4, [ %r2 + 48 ] }" ] @ leave)
        []
    ends "E2K-SIG-004: what trapped is carried out again" "77"
    <| simple
        (handle 11
         @ sys 90 [ "0"; "4096"; "1"; "0x12"; "-1"; "0" ]
         @ [
             "    { addd,0 0, %b[0], %r3 ; addd,1 0, 77, %r4 }"
             "    { std,2 %r4, [ %r3 + 0 ] }"
             "    { ldd,0 [ %r3 + 0 ], %r5 }"
         ]
         @ exits "%r5")
        (sys 125 [ "0x10000000000"; "4096"; "3" ] @ leave)
        []
    ends "E2K-SIG-004: registers, predicates, transfers and the loop are as before" "31"
    <| simple
        (handle 11
         @ [
             "    { addd,1 0, 30, %r3 ; rwd,0 _f64 0x0003002400000040, %lsr }"
             "    { cmpedb,0 0, 0, %pred3 ; disp %ctpr2, good }"
             "    { ldd,0 [ 8 ], %r1 }"
             "first:"
             "    { ct %ctpr2 ? %pred3 }"
         ]
         @ exits "1"
         @ [
             "good:"
             "    { rrd,0 %lsr, %r4 }"
             "    { shrd,0 %r4, 37, %r4 }"
             "    { andd,0 %r4, 1, %r4 }"
             "    { addd,0 %r3, %r4, %r3 }"
         ]
         @ exits "%r3")
        ([
            "    { addd,0 0, first, %r4 ; cmpedb,1 0, 1, %pred3 ; addd,3 0, 99, %r3 }"
            "    { std,2 %r4, [ %r2 + 48 ] ; rwd,0 0, %lsr }"
         ]
         @ leave)
        []
    ends "E2K-SIG-004: the upper globals are a handler's own" "103"
    <| simple
        (handle 11
         @ [ "    { addd,0 0, 1, %g5 ; addd,1 0, 2, %g20 }"; "    { ldd,0 [ 8 ], %r1 }"; "next:" ]
         @ [ "    { addd,0 %g5, %g20, %r1 }" ]
         @ exits "%r1")
        ([
            "    { addd,0 0, next, %r4 ; addd,1 0, 101, %g5 ; addd,2 0, 50, %g20 }"
            "    { std,2 %r4, [ %r2 + 48 ] }"
         ]
         @ leave)
        []
    ends "E2K-SIG-004: a thousand traps in a loop" "232"
    <| simple
        (handle 11
         @ [
             "    { addd,0 0, 0, %r3 }"
             "again:"
             "    { addd,0 %r3, 1, %r3 ; ldd,2 [ 8 ], %r1 }"
             "skipped:"
             "    { cmpldb,0 %g4, 1000, %pred2 ; disp %ctpr2, again }"
             "    { ct %ctpr2 ? %pred2 }"
         ]
         @ exits "%g4")
        ([
            "    { addd,0 0, skipped, %r4 ; addd,1 %g4, 1, %g4 }"
            "    { std,2 %r4, [ %r2 + 48 ] }"
         ]
         @ leave)
        []
    ends "E2K-TRAP-003: a handler that traps is killed by the signal it blocks" "SIGSEGV"
    <| simple (handle 11 @ fault @ exits "1") fault []
    ends "E2K-SIG-005: a handler that may trap in itself ends somewhere" "SIGSEGV"
    <| program "0x40000004" "0" (handle 11 @ fault @ exits "1") fault []
    ends "E2K-SIG-005: so does one that lets the same happen again" "not ended"
    <| simple (handle 11 @ fault @ exits "1") leave []
    ends "E2K-SIG-001: once is once" "SIGSEGV"
    <| program "0x80000004" "0" (handle 11 @ fault @ exits "1") leave []
]

let private sentTests = [
    ends "E2K-SIG-006: a signal that is sent is handled, and its call has given 0" "42"
    <| simple
        (handle 10 @ sys 37 [ "1"; "10" ] @ [ "    { addd,0 %b[0], %g4, %r1 }" ] @ exits "%r1")
        ([ "    { addd,0 %r0, 32, %g4 }" ] @ leave)
        []
    ends "E2K-SIG-003: without a handler it kills" "SIGTERM"
    <| simple (sys 37 [ "0"; "15" ] @ exits "1") leave []
    ends "E2K-SIG-003: SIGCHLD does not" "1"
    <| simple (sys 37 [ "1"; "17" ] @ exits "1") leave []
    ends "E2K-SIG-003: nor does what is ignored" "1"
    <| simple (sys 174 [ "15"; "quiet"; "0"; "8" ] @ sys 37 [ "1"; "15" ] @ exits "1") leave [
        "quiet: .quad 1, 0, 0, 0"
    ]
    ends "E2K-SIG-007: what is blocked waits" "3"
    <| simple
        (handle 10
         @ sys 175 [ "0"; "mask"; "0"; "8" ]
         @ sys 308 [ "1"; "1"; "10" ]
         @ sys 176 [ "area"; "8" ]
         @ [ "    { ldd,0 [ area ], %r3 ; addd,1 0, %g4, %r4 }" ]
         @ sys 175 [ "1"; "mask"; "0"; "8" ]
         @ [
             "    { shrd,0 %r3, 9, %r3 }"
             "    { shld,0 %g4, 1, %r5 }"
             "    { addd,0 %r3, %r5, %r3 }"
             "    { addd,0 %r3, %r4, %r3 }"
         ]
         @ exits "%r3")
        ([ "    { addd,0 %g4, 1, %g4 }" ] @ leave)
        [ "mask: .quad 0x200" ]
    ends "E2K-SIG-004: rt_sigreturn leaves a handler, too" "9"
    <| simple (handle 10 @ sys 246 [ "1"; "10" ] @ exits "9") (sys 173 [] @ exits "1") []
    ends "E2K-SIG-004: there is nothing to leave" "SIGSEGV"
    <| simple (sys 173 [] @ exits "9") leave []
    ends "E2K-SIG-007: on the alternate stack" "1"
    <| program
        "0x08000004"
        "0"
        (sys 186 [ "stack"; "0" ] @ handle 10 @ sys 37 [ "1"; "10" ] @ exits "%g4")
        ([
            "    { getsp,0 -0x20, %r4 }"
            "    { subd,0 %r4, area, %r4 }"
            "    { cmpbdb,0 %r4, 8448, %pred0 }"
            "    { addd,0 0, 1, %g4 ? %pred0 }"
         ]
         @ leave)
        [ "stack: .quad area, 0, 8448" ]
    ends "E2K-SIG-005: one handler in another" "12"
    <| simple
        (handle 10 @ handle 12 @ sys 37 [ "1"; "10" ] @ exits "%g4")
        ([
            "    { addd,0 0, %g4, %r8 }"
            "    { cmpedb,0 %r0, 10, %pred0 ; disp %ctpr2, inner }"
            "    { ct %ctpr2 ? ~%pred0 }"
         ]
         @ sys 37 [ "1"; "12" ]
         @ leave
         @ [ "inner:"; "    { addd,0 0, %r0, %g4 }" ]
         @ leave)
        []
]

/// Bytes that are read of a program's output before its reader goes.
let private readBytes = 3

/// A program that writes twice, so that the second write finds nobody.
let private unread (name: string) (wanted: string) (text: string) =
    test name { Expect.equal (endingWithin readBytes Hosts.sandbox [||] text) wanted name }

let private writesTwice = sys 4 [ "1"; "area"; "8" ] @ sys 4 [ "1"; "area"; "8" ]

let private pipeTests = [
    unread "E2K-SIG-008: who writes to nobody dies of it" "SIGPIPE"
    <| simple (writesTwice @ exits "1") leave []
    unread "E2K-SIG-008: by a vector, too" "SIGPIPE"
    <| simple (sys 4 [ "2"; "area"; "3" ] @ sys 146 [ "1"; "parts"; "1" ] @ exits "1") leave [
        "parts: .quad area, 8"
    ]
    unread "E2K-SIG-008: a handler is entered, then the call has given EPIPE" "45"
    <| simple
        (handle 13 @ writesTwice @ [ "    { subd,0 %g4, %b[0], %r1 }" ] @ exits "%r1")
        ([ "    { addd,0 %r0, 0, %g4 }" ] @ leave)
        []
    unread "E2K-SIG-008: what ignores it is told of it" "224"
    <| simple (sys 174 [ "13"; "quiet"; "0"; "8" ] @ writesTwice @ exits "%b[0]") leave [
        "quiet: .quad 1, 0, 0, 0"
    ]
]

let private gives (name: string) (calls: Call list) (wanted: int64 list) =
    test name {
        let data = "    .balign 8\nstack: .quad buffer, 0, 8448\nbad: .quad buffer, 7, 8448\n"
        let found = run Hosts.sandbox [||] data calls
        Expect.equal found.Results wanted name
        agree Hosts.sandbox [||] data calls
    }

let private callTests = [
    gives "E2K-SIG-006: wishes that cannot be" [
        call 174 [ "9"; "buffer"; "0"; "8" ]
        call 174 [ "19"; "buffer"; "0"; "8" ]
        call 174 [ "9"; "0"; "buffer"; "8" ]
        call 174 [ "65"; "buffer"; "0"; "8" ]
        call 174 [ "0"; "buffer"; "0"; "8" ]
        call 174 [ "10"; "8"; "0"; "8" ]
        call 174 [ "10"; "0"; "8"; "8" ]
        call 174 [ "10"; "buffer"; "0"; "16" ]
        call 175 [ "3"; "buffer"; "0"; "8" ]
        call 175 [ "3"; "0"; "buffer"; "8" ]
        call 175 [ "0"; "buffer"; "0"; "4" ]
        call 37 [ "7"; "10" ]
        call 37 [ "1"; "65" ]
        call 37 [ "1"; "0" ]
        call 308 [ "1"; "2"; "0" ]
    ] [ -22L; -22L; 0L; -22L; -22L; -14L; -14L; -22L; -22L; 0L; -22L; -3L; -22L; 0L; -3L ]
    gives "E2K-SIG-007: the alternate stack" [
        call 186 [ "0"; "buffer" ]
        call 186 [ "bad"; "0" ]
        call 186 [ "buffer"; "0" ]
        call 186 [ "stack"; "buffer" ]
        call 186 [ "0"; "8" ]
        call 186 [ "8"; "0" ]
    ] [ 0L; -22L; 0L; 0L; -14L; -14L ]
]

let private hostileTests = [
    ends "E2K-SIG-005: a handler beyond all addresses" "SIGSEGV"
    <| simple (sys 174 [ "11"; "beyond"; "0"; "8" ] @ fault @ exits "1") leave [
        "beyond: .quad 0xe20000000000, 0, 0, 0"
    ]
    ends "E2K-SIG-005: a handler where nothing is" "SIGSEGV"
    <| simple (sys 174 [ "10"; "beyond"; "0"; "8" ] @ sys 37 [ "1"; "10" ] @ exits "1") leave [
        "beyond: .quad 0x30000000, 0, 0, 0"
    ]
    ends "E2K-SIG-005: a stack that is gone" "SIGSEGV"
    <| simple
        (handle 10 @ sys 91 [ "0x3fefff00000"; "0x100000" ] @ sys 37 [ "1"; "10" ] @ exits "1")
        leave
        []
    ends "E2K-SIG-004: a frame that is gone" "SIGSEGV"
    <| simple
        (handle 10 @ sys 37 [ "1"; "10" ] @ exits "1")
        (sys 91 [ "0x3fefff00000"; "0x100000" ] @ leave)
        []
    ends "E2K-SIG-004: a frame that says to go on beyond all addresses" "6"
    <| simple
        (handle 10 @ sys 37 [ "1"; "10" ] @ exits "6")
        ([ "    { addd,0 0, -1, %r4 }"; "    { std,2 %r4, [ %r2 + 48 ] }" ] @ leave)
        []
    ends "E2K-SIG-004: a frame that says to go on where nothing is" "SIGSEGV"
    <| simple
        (handle 10 @ sys 37 [ "1"; "10" ] @ exits "6")
        ([ "    { addd,0 0, 0x30000000, %r4 }"; "    { std,2 %r4, [ %r2 + 48 ] }" ] @ leave)
        []
    ends "E2K-SIG-002: nobody returns there without a handler" "SIGSEGV"
    <| simple
        ([ "    { addd,0 0, 0xe20000000000, %r4 }"; "    { movtd,0 %r4, %ctpr1 }" ]
         @ [ "    { ct %ctpr1 }" ])
        leave
        []
    ends "E2K-SIG-005: recursion without an end, with a handler" "SIGSEGV"
    <| simple
        (handle 11
         @ [ "down:"; enter; "    { disp %ctpr1, down }"; "    { call %ctpr1, wbs = 16 }" ])
        leave
        []
]

let tests = testList "signals" (trapTests @ sentTests @ pipeTests @ callTests @ hostileTests)
