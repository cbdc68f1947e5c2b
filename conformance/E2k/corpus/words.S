// Builds a message in .bss from parts of several widths, writes it and ends with its length.
#include "exit.inc"
    .text
    .global _start
_start:
    ENTER
    { ldh,0 [ first ], %r1 ; ldw,2 [ second ], %r2 }
    { ldb,0 [ last ], %r4 ; addd,1 0, buffer, %r3 }
    { sth,2 %r1, [ %r3 + 0 ] }
    { stw,2 %r2, [ %r3 + 2 ] }
    { stb,2 %r4, [ %r3 + 6 ] }
    { addd,0 0, 4, %b[0] ; addd,1 0, 1, %b[1] ; addd,2 0, %r3, %b[2]
      addd,3 0, length, %b[3]
      sdisp %ctpr1, 3 }
    { call %ctpr1, wbs = 16 }
    EXIT %b[0]
    .set length, 7
    .rodata
    .balign 4
second: .ascii "rds "
first:  .hword 0x6f57
last:   .asciz "\n"
    .bss
    .balign 16
buffer: .space 16
