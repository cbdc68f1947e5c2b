/// Programs that reach for what holds them: hardware stacks, their own code, all memory. Each gets
/// an error or a signal of its own, the same on reference and engine. Requirements:
/// spec/e2k/linux.md, E2K-SYS-026; spec/e2k/state.md, E2K-MEM-004.
module Ashlar.Conformance.Tests.E2k.Engine.HostileTests

open System
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.E2k.Engine.Calls

let private places =
    """
    .balign 8
begin:  .quad 0
tenth:  .quad 160
end:    .quad 512
beyond: .quad 520
odd:    .quad 3
huge:   .quad -8
value:  .quad 0x1234
"""

let private stack mode arguments = call 254 (mode :: arguments)

let private stackTests = [
    test "E2K-SYS-026: the sizes of both stacks, and registers read and written" {
        let calls = [
            stack "5" [ "0"; "0"; "0"; "buffer" ]
            stack "4" [ "0"; "0"; "0"; "buffer + 8" ]
            stack "8" [ "tenth"; "value"; "8"; "0" ]
            stack "7" [ "tenth"; "buffer + 16"; "16"; "0" ]
            stack "1" [ "end"; "buffer + 128"; "512"; "buffer + 24" ]
            stack "3" [ "end"; "0"; "0"; "buffer + 32" ]
        ]

        let found = run Hosts.sandbox [||] places calls
        let number (at: int) = BitConverter.ToInt64(found.Buffer, at)
        Expect.equal found.Results (List.replicate 6 0L) "results"
        Expect.equal [ number 0; number 8 ] [ 512L; 32L ] "sizes"
        Expect.equal (number 16) 0x1234L "what was written"
        Expect.equal [ number 24; number 32 ] [ 512L; 512L ] "how much, and where"
        Expect.equal (number (128 + 160)) 0x1234L "in the whole, too"
        agree Hosts.sandbox [||] places calls
    }
    test "E2K-SYS-026: what is not in a stack" {
        let calls = [
            stack "7" [ "end"; "buffer"; "8"; "0" ]
            stack "7" [ "huge"; "buffer"; "16"; "0" ]
            stack "7" [ "begin"; "buffer"; "-8"; "0" ]
            stack "7" [ "odd"; "buffer"; "8"; "0" ]
            stack "7" [ "begin"; "8"; "8"; "0" ]
            stack "8" [ "begin"; "8"; "8"; "0" ]
            stack "7" [ "8"; "buffer"; "8"; "0" ]
            stack "1" [ "beyond"; "buffer"; "1024"; "0" ]
            stack "1" [ "end"; "buffer"; "8"; "0" ]
            stack "1" [ "end"; "buffer"; "512"; "8" ]
            stack "6" [ "begin"; "buffer"; "64"; "0" ]
            stack "3" [ "huge"; "0"; "0"; "buffer" ]
            stack "5" [ "0"; "0"; "0"; "8" ]
            stack "9" [ "begin"; "buffer"; "8"; "0" ]
            stack "-1" [ "begin"; "buffer"; "8"; "0" ]
        ]

        let found = run Hosts.sandbox [||] places calls

        Expect.equal
            found.Results
            [
                -14L
                -14L
                -14L
                -22L
                -14L
                -14L
                -14L
                -22L
                -12L
                -14L
                -14L
                -3L
                -14L
                -38L
                -38L
            ]
            "results"

        agree Hosts.sandbox [||] places calls
    }
]

let private enter = "    { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"

let private program body data =
    String.concat
        "\n"
        ([ "    .text"; "    .global _start"; "_start:"; enter ] @ body @ data @ [ "" ])

let private ends (name: string) (wanted: string) (text: string) =
    test name { Expect.equal (ending Hosts.sandbox [||] text) wanted name }

let private sys number arguments = making (call number arguments)

let private programTests = [
    ends "E2K-SYS-026: a caller's return address and registers" "35"
    <| program
        ([
            "    { disp %ctpr1, inner ; addd,0 0, 33, %r3 }"
            "    { call %ctpr1, wbs = 16 }"
            "after:"
         ]
         @ sys 300 [ "%r3" ]
         @ [ "inner:"; enter ]
         @ sys 254 [ "6"; "zero"; "area"; "64"; "0" ]
         @ [
             "    { ldd,0 [ area + 8 ], %r5 ; ldd,2 [ area + 40 ], %r6 }"
             "    { addd,1 0, 34, %r7 }"
             "    { cmpedb,0 %r5, after, %pred0 }"
             "    { addd,0 %r7, 1, %r7 ? %pred0 }"
             "    { std,2 %r7, [ area ] }"
         ]
         // The caller's %r3: three registers of 16 bytes up.
         @ sys 254 [ "8"; "third"; "area"; "8"; "0" ]
         @ [ "    { return %ctpr3 }"; "    { ct %ctpr3 }" ])
        [ "    .data"; "    .balign 8"; "zero: .quad 0"; "third: .quad 48"; "area: .space 64" ]
    ends "E2K-MEM-004: a program that writes its own code runs what it wrote" "44"
    <| program
        (sys 125 [ "0x10000"; "4096"; "7" ]
         @ [
             "    { ldd,0 [ one ], %r5 ; ldd,2 [ five ], %r6 }"
             "    { addd,1 0, 0, %r3 ; addd,3 0, 0, %r8 }"
             "    { addd,0 0, target, %r7 }"
             "turn:"
             "    { std,2 %r5, [ %r7 + 0 ] ; addd,0 0, %r6, %r5 ; addd,1 0, %r5, %r6 }"
             "target:"
             "    { addd,0 %r3, 9, %r3 }"
             "    { addd,0 %r8, 1, %r8 ; disp %ctpr2, turn }"
             "    { cmpldb,0 %r8, 100, %pred0 }"
             "    { ct %ctpr2 ? %pred0 }"
         ]
         @ sys 300 [ "%r3" ]
         @ [ "one:"; "    { addd,0 %r3, 1, %r3 }"; "five:"; "    { addd,0 %r3, 5, %r3 }" ])
        []
    ends "E2K-RUN-002: data is not run" "SIGSEGV"
    <| program [ "    { disp %ctpr1, data }"; "    { ct %ctpr1 }" ] [
        "    .data"
        "    .balign 8"
        "data: .quad 0"
    ]
    test "E2K-RUN-001, E2K-RUN-003: a program that maps without an end gets an error" {
        let calls = List.replicate 6 (call 90 [ "0"; "0x10000000"; "3"; "0x12"; "-1"; "0" ])
        let found = run Hosts.sandbox [||] "" calls
        Expect.equal (List.filter ((=) -12L) found.Results).Length 3 "three fit beside the rest"
    }
]

let tests = testList "hostile programs" (stackTests @ programTests)
