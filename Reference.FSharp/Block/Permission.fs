/// The four things a parent may ask of a child, as a set of bits (BLK-PERM-001).
/// Not here: who asks for what (ChildPermissions) and whether it is granted (Refresh).
namespace Ashlar.Reference.Block

open System

/// A set of permissions; the bits are QEMU's BLK_PERM_* (BLK-PERM-001).
[<Flags>]
type Perm =
    | None = 0
    /// consistent-read: what is read is what was last written
    | CR = 1
    /// write
    | W = 2
    /// write-unchanged: writes that leave the visible content as it is
    | WU = 4
    /// resize
    | RZ = 8
    /// Every permission.
    | All = 15

/// Set operations and names of permissions (BLK-PERM-001).
module Perm =
    /// The permissions in the order texts name them, with the bit's index for lock bytes.
    let ordered = [| Perm.CR; Perm.W; Perm.WU; Perm.RZ |]

    /// The quoted names, in the order of `ordered`.
    let names = [| "consistent read"; "write"; "write unchanged"; "resize" |]

    /// The QAPI names, in the order of `ordered`.
    let qapiNames = [| "consistent-read"; "write"; "write-unchanged"; "resize" |]

    /// All the bits of a that b lacks.
    let inline minus (a: Perm) (b: Perm) : Perm = a &&& ~~~b

    /// Whether every bit of a is in b.
    let inline subset (a: Perm) (b: Perm) : bool = a &&& ~~~b = Perm.None

    /// Whether a and b have a bit in common.
    let inline meets (a: Perm) (b: Perm) : bool = a &&& b <> Perm.None

    /// The permissions that only a writable node can give (BLK-PERM-006).
    let writing = Perm.W ||| Perm.WU

    /// W and RZ, which a read-only file cannot give and metadata cannot share (BLK-PERM-012).
    let changing = Perm.W ||| Perm.RZ

    let private join (table: string[]) (p: Perm) =
        String.Join(
            ", ",
            seq {
                for i in 0..3 do
                    if meets p ordered[i] then
                        yield table[i]
            }
        )

    /// The text of a set in a refusal: names joined by ", " (BLK-PERM-001).
    let text (p: Perm) : string = join names p

    /// A set as a derivation shows it: none and all are words.
    let show (p: Perm) : string =
        match p with
        | Perm.None -> "none"
        | Perm.All -> "all"
        | _ -> text p

    /// The QAPI names of a set.
    let toQapi (p: Perm) : string list = [
        for i in 0..3 do
            if meets p ordered[i] then
                qapiNames[i]
    ]

    /// The permission of a QAPI name.
    let ofQapi (name: string) : Perm voption =
        match Array.IndexOf(qapiNames, name) with
        | -1 -> ValueNone
        | i -> ValueSome ordered[i]
