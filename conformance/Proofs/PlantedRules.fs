/// Mistakes one could make in the model, each with the theorem that must not survive it: those in
/// what a node may ask, in a refresh, in a file's descriptors and locks, and in arithmetic.
namespace Ashlar.Conformance.Proofs

/// A change of one place of one file.
type PlantedChange = {
    Name: string
    File: string
    /// Stands in the file exactly once.
    Old: string
    New: string
    /// The theorem, or step of one, that has to fail; the file it is proved in.
    Breaks: string
    ProvedIn: string
}

/// Making one.
module PlantedChange =
    /// The change of a place, the theorem that it breaks, and that theorem's file.
    let make name file old replacement breaks provedIn : PlantedChange = {
        Name = name
        File = file
        Old = old
        New = replacement
        Breaks = breaks
        ProvedIn = provedIn
    }

/// The list.
module PlantedRules =
    let private change = PlantedChange.make

    /// Every planted change of the rules.
    let all: PlantedChange list = [
        change
            "shares are united instead of intersected"
            "Permission.s.dfy"
            "Pair(Union(a.perm, b.perm), Intersection(a.shared, b.shared))"
            "Pair(Union(a.perm, b.perm), Union(a.shared, b.shared))"
            "Lattice.JoinIsLeast"
            "Lattice.dfy"
        change
            "only neighbours in the list are compared"
            "Lattice.dfy"
            "0 <= i < |pairs| && 0 <= j < |pairs| && i != j :: !Allows(pairs[i], pairs[j])\n  }"
            "0 <= i < |pairs| && 0 <= j < |pairs| && i == j + 1 :: !Allows(pairs[i], pairs[j])\n  }"
            "Lattice.ConflictIsSymmetric"
            "Lattice.dfy"
        change
            "a backing child may be written by others"
            "ChildPermissions.s.dfy"
            "Union(Union(CR, WU), changes))"
            "Union(Union(CR, WU), Changing))"
            "Rules.BackingContentStays"
            "Rules.dfy"
        change
            "tables are written also by a read-only node"
            "ChildPermissions.s.dfy"
            "if writable then Changing else None),"
            "Changing),"
            "Rules.ReadOnlyFormatAsksNoWrite"
            "Rules.dfy"
        change
            "write-unchanged above asks less of guest data below"
            "ChildPermissions.s.dfy"
            "var writes := if asked.perm.wu then Union(asked.perm, W) else asked.perm;"
            "var writes := if asked.perm.wu then Minus(asked.perm, W) else asked.perm;"
            "Rules.DataIsMonotone"
            "Rules.dfy"
        change
            "raw writes for nobody"
            "ChildPermissions.s.dfy"
            "Union(Minus(plain.perm, Changing), Intersection(asked.perm, Changing))"
            "Union(plain.perm, Changing)"
            "Rules.RawChangesWhatUsersChange"
            "Rules.dfy"
        change
            "a filter shares all"
            "ChildPermissions.s.dfy"
            "function Filter(asked: Pair): Pair {\n    asked"
            "function Filter(asked: Pair): Pair {\n    Pair(asked.perm, All)"
            "Rules.FilterIsTransparent"
            "Rules.dfy"
        change
            "the refresh updates no edge"
            "Refresh.dfy"
            "if state.edges[e].parent == Node(id) then RuleOf(state, after, pairs, e) else"
            ""
            "Refresh.StepKeepsReached"
            "Refresh.dfy"
        change
            "no conflict is looked for"
            "Refresh.s.dfy"
            "&& !Lattice.Conflict(AskedList(state, pairs, id))\n"
            ""
            "Safety.HoldsTogetherMeansApart"
            "Safety.dfy"
        change
            "children stand before their parents"
            "Below.dfy"
            "Visit(state, ids[1..], left.(order := [ids[0]] + left.order))"
            "Visit(state, ids[1..], left.(order := left.order + [ids[0]]))"
            "Below.VisitIsSound"
            "Below.dfy"
        change
            "the dynamic policy opens for writing at once"
            "AutoReadOnly.dfy"
            "writable && (!autoReadOnly || policy != Dynamic || Changes(perm))"
            "writable && (!autoReadOnly || policy == Dynamic || Changes(perm))"
            "AutoReadOnly.DynamicOpenLaw"
            "AutoReadOnly.dfy"
        change
            "the static policy degrades for every reason"
            "AutoReadOnly.dfy"
            "policy == Static && autoReadOnly && errno == Access"
            "policy == Static && autoReadOnly"
            "AutoReadOnly.StaticOpenLawNeedsRegular"
            "AutoReadOnly.dfy"
        change
            "auto-read-only overrules read-only=on"
            "AutoReadOnly.dfy"
            "FileNode(env.reading.inode, !flags.readOnly,"
            "FileNode(env.reading.inode, !flags.readOnly || flags.autoReadOnly,"
            "AutoReadOnly.ExplicitReadOnlyDominates"
            "AutoReadOnly.dfy"
        change
            "a writable descriptor is kept when the last writer leaves"
            "AutoReadOnly.dfy"
            "else Accepted(node.(writableFd := wanted))"
            "else Accepted(node)"
            "AutoReadOnly.ChangedIsSettled"
            "AutoReadOnly.dfy"
        change
            "another file behind the path is taken for the same"
            "AutoReadOnly.dfy"
            "if env.writing == Opened(node.inode) then Accepted(node.(writableFd := true))"
            "if env.writing.Opened? then Accepted(node.(inode := env.writing.inode))"
            "AutoReadOnly.DynamicRefinesContract"
            "AutoReadOnly.dfy"
        change
            "a lock test looks at nobody"
            "Locks.s.dfy"
            "if HeldByOther(all, who, Against(b)) then h.(phase := Dropping)\n      else "
            ""
            "Locks.StepKeepsInvariant"
            "Locks.dfy"
        change
            "bytes are dropped before the claim is given up"
            "Locks.s.dfy"
            "case Drop(b) => h.phase.Dropping? && b in h.held - h.claimed"
            "case Drop(b) => h.phase.Dropping? && b in h.held"
            "Locks.StepKeepsInvariant"
            "Locks.dfy"
        change
            "a split request ends a byte early"
            "Arithmetic.dfy"
            "if boundary >= offset + length then [Piece(offset, length)]"
            "if boundary >= offset + length then [Piece(offset, length - 1)]"
            "Arithmetic.SplitCovers"
            "Arithmetic.dfy"
        change
            "extents of other content are joined"
            "Content.dfy"
            "if runs[0].value == runs[1].value && runs[0].offset"
            "if runs[0].offset"
            "Content.JoiningKeepsMeaning"
            "Content.dfy"
        change
            "a lock test is made for who asks for less"
            "Checks.dfy"
            "else if node.file.locking && !Loosens(node.file, asked)"
            "else if node.file.locking && Loosens(node.file, asked)"
            "LessAsked.FileAsksLess"
            "LessAsked.dfy"
        change
            "the refresh of the world looks for no conflict"
            "Checks.dfy"
            ("if Lattice.Conflict(AskedList(state, pairs, id)) then "
             + "Stopped(Conflict, id)\n      else\n")
            ""
            "SafeRefresh.CheckFrom"
            "SafeRefresh.dfy"
        change
            "the lock bytes of a file stay what they were"
            "Checks.dfy"
            "(writableFd := end.node.writableFd, locked := asked)"
            "(writableFd := end.node.writableFd)"
            "SafeRefresh.HeldIsSettled"
            "SafeRefresh.dfy"
        change
            "a descriptor that is there is opened again"
            "AutoReadOnly.dfy"
            "if wanted && !node.writableFd then"
            "if wanted then"
            "AutoReadOnly.IdentityReopenChangesNothing"
            "AutoReadOnly.dfy"
        change
            "a lock test is made for who takes no more"
            "Checks.dfy"
            "node.file.locking && !Loosens(node.file, asked) && id in world.locks"
            "node.file.locking && id in world.locks"
            "Loosening.FileHolds"
            "Loosening.dfy"
        change
            "another file that took the path is written"
            "AutoReadOnly.dfy"
            "if env.writing == Opened(node.inode) then Accepted(node.(writableFd := true))"
            "if env.writing.Opened? then Accepted(node.(writableFd := true))"
            "Keeping.CheckKeeps"
            "Keeping.dfy"
        change
            "a file is written because it may be, not because somebody writes"
            "Checks.dfy"
            "(writableFd := end.node.writableFd, locked := asked)"
            "(writableFd := answers.writing.Opened?, locked := asked)"
            "Passing.HeldAlike"
            "Passing.dfy"
    ]
