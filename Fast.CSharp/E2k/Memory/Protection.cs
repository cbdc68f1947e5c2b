// What may be done with a page of guest memory. Spec: spec/e2k/state.md, E2K-MEM-002.
using System;

namespace Ashlar.E2k;

/// <summary>What a program may do with a page.</summary>
[Flags]
public enum Protection : byte
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
}
