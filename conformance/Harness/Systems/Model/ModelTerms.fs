/// Words of the oracle as words of the proved model (proofs/Model.dfy): its numbers have no bounds,
/// its strings are sequences of characters, its sets of permissions are records.
module Ashlar.Conformance.ModelTerms

open System.Collections.Generic
open System.Numerics
open Ashlar.Reference.Block
open Ashlar.Proved

let internal number (n: int) = BigInteger n

let internal text (s: string) : Dafny.ISequence<Dafny.Rune> =
    Dafny.Sequence<Dafny.Rune>.UnicodeFromString s

let internal sequence (items: 'a list) : Dafny.ISequence<'a> =
    Dafny.Sequence<'a>.FromArray(List.toArray items)

let private permOf (bits: int) =
    let has (perm: Perm) = bits &&& int perm <> 0
    Permission.Perm.create (has Perm.CR, has Perm.W, has Perm.WU, has Perm.RZ)

let private perms = Array.init 16 permOf
let internal perm (p: Perm) = perms[int p]

let private pairs =
    Array.init 256 (fun i -> Permission.Pair.create (perms[i >>> 4], perms[i &&& 15]))

let internal pair (p: Perm) (shared: Perm) = pairs[(int p <<< 4) ||| int shared]

let internal role (r: Role) =
    let has bit = Role.has bit r

    Permission.Role.create (
        has Role.Data,
        has Role.Metadata,
        has Role.Filtered,
        has Role.Cow,
        has Role.Primary
    )

let internal settings (node: Node) : ChildPermissions._ISettings =
    match node.Driver, node.Settings with
    | _, Settings.Blkdebug(take, unshare) ->
        ChildPermissions.Settings.create_Blkdebug (perm take, perm unshare)
    | _, Settings.Quorum(_, rewrites, _) -> ChildPermissions.Settings.create_Quorum rewrites
    | Driver.File, _ -> ChildPermissions.Settings.create_File ()
    | Driver.NullCo, _ -> ChildPermissions.Settings.create_NullCo ()
    | Driver.Raw, _ -> ChildPermissions.Settings.create_Raw ()
    | Driver.Qcow2, _ -> ChildPermissions.Settings.create_Qcow2 ()
    | Driver.Throttle, _ -> ChildPermissions.Settings.create_Throttle ()
    | Driver.CopyOnRead, _ -> ChildPermissions.Settings.create_CopyOnRead ()
    | Driver.Nbd, _ -> ChildPermissions.Settings.create_Nbd ()
    | Driver.Blkdebug, _ ->
        ChildPermissions.Settings.create_Blkdebug (perm Perm.None, perm Perm.None)
    | Driver.Quorum, _ -> ChildPermissions.Settings.create_Quorum false

let private errno (errno: Errno) : AutoReadOnlyStatement._IErrno =
    match errno with
    | Errno.NoEntry -> AutoReadOnlyStatement.Errno.create_NoEntry ()
    | Errno.Access -> AutoReadOnlyStatement.Errno.create_Access ()
    | Errno.IsDirectory -> AutoReadOnlyStatement.Errno.create_IsDirectory ()
    | Errno.NameTooLong -> AutoReadOnlyStatement.Errno.create_NameTooLong ()
    | Errno.Invalid -> AutoReadOnlyStatement.Errno.create_Invalid ()
    | Errno.Stale -> AutoReadOnlyStatement.Errno.create_Stale ()

let private answer (answer: Result<int, Errno>) : AutoReadOnlyStatement._IAnswer =
    match answer with
    | Ok inode -> AutoReadOnlyStatement.Answer.create_Opened (number inode)
    | Error error -> AutoReadOnlyStatement.Answer.create_Failed (errno error)

/// What the environment answers for some paths, and the file nodes that a foreign lock stops.
let internal world (world: World) (paths: string seq) (lockedOut: int list) : Checks._IWorld =
    let files =
        paths
        |> Seq.distinct
        |> Seq.map (fun path ->
            let environment =
                AutoReadOnlyStatement.Environment.create (
                    answer (Files.openPath world path false),
                    answer (Files.openPath world path true)
                )

            Dafny.Pair<_, _>(text path, environment) :> Dafny.IPair<_, _>)
        |> Seq.toArray

    Checks.World.create (
        Dafny.Map<_, _>.FromElements files,
        Dafny.Set<BigInteger>.FromCollection(lockedOut |> List.map number |> List<BigInteger>)
    )

/// The policy of auto-read-only that a profile has.
let internal policy (profile: Profile) : AutoReadOnly._IPolicy =
    if profile.AutoReadOnly = AutoReadOnly.Static then
        AutoReadOnly.Policy.create_Static ()
    else
        AutoReadOnly.Policy.create_Dynamic ()
