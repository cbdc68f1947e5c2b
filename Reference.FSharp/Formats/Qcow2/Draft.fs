/// What an image to be written shall hold and which options it has. Requirements:
/// spec/formats/qcow2/creation.md.
namespace Ashlar.Reference.Formats.Qcow2

/// A cluster of the guest's disk to be written.
type Cell =
    /// Bytes of a whole cluster.
    | Whole of byte[]
    /// The same, compressed where that makes it smaller.
    | Squeezed of byte[]
    /// Zeroes by the tables alone, with a host cluster kept for later or without one.
    | Empty of keepsPlace: bool
    /// With extended entries: bytes of a whole cluster, of which the stored parts count.
    | Mixed of byte[] * Part list

/// Guest clusters by number; those that are not here are unallocated.
type Cells = Map<uint64, Cell>

/// A snapshot to be written.
type DraftSnapshot = { Id: string; Name: string; SizeBytes: uint64; Cells: Cells }

/// Options of an image to be written.
type Options = {
    Version: int
    ClusterBits: int
    RefcountOrder: int
    SizeBytes: uint64
    IsExtended: bool
    Compression: Compression
    /// The backing file's name, and its format where it is said.
    Backing: (string * string option) option
    /// The external data file's name, and whether it alone is a raw disk.
    DataFile: (string * bool) option
    LazyRefcounts: bool
    Snapshots: DraftSnapshot list
    /// Extensions of types that nobody knows: type and bytes.
    UnknownExtensions: (uint32 * byte[]) list
    /// Chooses among everything the format leaves open: order, holes, lengths.
    Seed: uint64
}

/// An image that was written, and its external data file.
type Written = { File: byte[]; DataFile: byte[] option }
