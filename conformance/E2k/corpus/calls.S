// Calls through a table of routines; each has a window of its own. Ends with (5 + 7) * 3.
#include "exit.inc"
    .text
    .type plus, #function
plus:
    { setwd wsz = 16, nfx = 0 ; return %ctpr3 }
    { addd,0 %r0, 7, %r0 }
    { ct %ctpr3 }
    .size plus, . - plus
times:
    { setwd wsz = 16, nfx = 0 ; return %ctpr3 }
    { muld,0 %r0, 3, %r0 }
    { ct %ctpr3 }
    .global _start
_start:
    ENTER
    { ldd,0 [ routines ], %r4 ; ldd,2 [ routines + 8 ], %r5 ; addd,1 0, 5, %b[0] }
    { movtd,0 %r4, %ctpr1 }
    { call %ctpr1, wbs = 16 }
    { movtd,0 %r5, %ctpr1 }
    { call %ctpr1, wbs = 16 }
    { addd,0 %b[0], 0, %r6 }
    EXIT %r6
    .rodata
    .balign 8
routines:
    .quad plus, times
