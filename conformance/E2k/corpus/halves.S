// A loop in which one of 200 passes writes 64 bits to a register of 128. Before that pass its
// high half, 6, stays; ends with what is left of it where nothing was written, 6, and where
// something was, 0: 6 * 10 + 0.
#include "exit.inc"
    .text
    .global _start
_start:
    ENTER
    { addd,0 0, 6, %r1 ; addd,1 0, 7, %r2 ; addd,2 0, 0, %r3 ; disp %ctpr2, 1f }
    { qppackdl,1 %r1, %r2, %r20 ; qppackdl,4 %r1, %r2, %r21 }
1:  { addd,0 %r3, 1, %r3 ; cmpldb,1 %r3, 199, %pred0 ; cmpedb,3 %r3, 1000, %pred1
      cmpedb,4 %r3, 150, %pred2 }
    { addd,0 %r3, 0, %r20 ? %pred1 ; addd,1 %r3, 0, %r21 ? %pred2 }
    { ct %ctpr2 ? %pred0 }
    { stqp,2 %r20, [ place ] ; stqp,5 %r21, [ place + 16 ] }
    { ldd,0 [ place + 8 ], %r4 ; ldd,2 [ place + 24 ], %r5 }
    { muld,0 %r4, 10, %r4 }
    { nop 7 }
    { addd,0 %r4, %r5, %r4 }
    EXIT %r4
    .bss
    .balign 16
place: .space 32
