/// What bytes a disk holds, as sparse runs (BLK-DATA-003). A gap reads as zeroes.
namespace Ashlar.Reference.Block

/// Length bytes of one value from Offset on.
[<Struct>]
type Run = { Offset: int64; Length: int64; Byte: byte }

/// Sparse runs: sorted by offset, disjoint, never of the byte zero, maximal.
type Content = Run list
