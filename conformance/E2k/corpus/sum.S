// Ends with the sum of a table: 1 + 2 + 3 + 4 and the sum's own length in entries.
#include "exit.inc"
#ifndef COUNT
#define COUNT 4
#endif
    .text
    .global _start
_start:
    ENTER
    { addd,0 0, 0, %r1 ; addd,1 0, 0, %r2 ; disp %ctpr2, 1f }
1:  { ldd,0 [ %r1 + table ], %r3 ; addd,1 %r1, 8, %r1 }
    { addd,0 %r2, %r3, %r2 ; cmpldb,1 %r1, 8 * COUNT, %pred0 }
    { ct %ctpr2 ? %pred0 }
    { addd,0 %r2, entries, %r2 }
    EXIT %r2
    .data
    .balign 8
table:
    .dword 1, 2, 3, 4
entries = (. - table) / 8
