// auto-read-only of file nodes, both policies: the open, the change of descriptors, their laws, and
// that each refines the one contract (BLK-RO-002, BLK-RO-010 to BLK-RO-016, BLK-FILE-001 to -006).
include "AutoReadOnly.s.dfy"

module AutoReadOnly {
  import opened Permission
  import opened AutoReadOnlyStatement

  datatype Policy = Dynamic | Static

  // Whether a writable descriptor is wanted (BLK-FILE-002, BLK-RO-010).
  predicate WantsWritable(policy: Policy, writable: bool, autoReadOnly: bool, perm: Perm) {
    writable && (!autoReadOnly || policy != Dynamic || Changes(perm))
  }

  // Whether the static policy turns a refusal into a read-only node (BLK-RO-015).
  predicate Degrades(policy: Policy, autoReadOnly: bool, errno: Errno) {
    policy == Static && autoReadOnly && errno == Access
  }

  // The open of a file node; nobody is attached yet (BLK-FILE-001, BLK-RO-012, BLK-RO-015).
  function OpenFile(policy: Policy, flags: Flags, env: Environment): Result {
    if env.reading.Failed? then Refused
    else
      var node := FileNode(env.reading.inode, !flags.readOnly, flags.autoReadOnly, true, false);
      if !WantsWritable(policy, node.writable, node.autoReadOnly, None) then Accepted(node)
      else if env.writing.Opened? then Accepted(node.(writableFd := true))
      else if Degrades(policy, flags.autoReadOnly, env.writing.errno) then
        Accepted(node.(writable := false))
      else Refused
  }

  // The descriptors after a change of what the users ask, of a node with the flags as after the
  // change (BLK-FILE-003 to BLK-FILE-006, BLK-RO-011).
  function Descriptors(policy: Policy, node: FileNode, perm: Perm, env: Environment): Result {
    var wanted := WantsWritable(policy, node.writable, node.autoReadOnly, perm);
    if wanted && !node.writableFd then
      if env.writing == Opened(node.inode) then Accepted(node.(writableFd := true))
      else Refused
    else Accepted(node.(writableFd := wanted))
  }

  // A change of what the users ask: the read-only test, then the descriptors (BLK-PERM-006,
  // BLK-PERM-007).
  function Change(policy: Policy, node: FileNode, perm: Perm, env: Environment): Result {
    if Changes(perm) && !node.writable then Refused
    else Descriptors(policy, node, perm, env)
  }

  // The state of a node between commands: what it holds is what it wants.
  predicate Settled(policy: Policy, node: FileNode, perm: Perm) {
    && node.readOnlyFd
    && node.writableFd == WantsWritable(policy, node.writable, node.autoReadOnly, perm)
    && (Changes(perm) ==> node.writable)
  }

  // BLK-RO-012: with the dynamic policy an open succeeds exactly when read-only=on would.
  lemma DynamicOpenLaw(env: Environment)
    ensures OpenFile(Dynamic, Flags(false, true), env).Accepted?
       <==> OpenFile(Dynamic, Flags(true, false), env).Accepted?
  {
  }

  // BLK-RO-015, BLK-RO-016: with the static policy an open succeeds exactly when one with
  // read-only=off or one with read-only=on would, of a file that is refused for writing by its mode
  // only.
  lemma StaticOpenLaw(env: Environment)
    requires Regular(env)
    ensures OpenFile(Static, Flags(false, true), env).Accepted? <==>
            || OpenFile(Static, Flags(false, false), env).Accepted?
            || OpenFile(Static, Flags(true, false), env).Accepted?
  {
  }

  // BLK-RO-016: without that assumption it does not: a directory can be read, never written, and
  // EISDIR is no reason to degrade.
  lemma StaticOpenLawNeedsRegular()
    ensures exists env ::
              && !Regular(env)
              && OpenFile(Static, Flags(false, true), env).Refused?
              && OpenFile(Static, Flags(true, false), env).Accepted?
  {
    var env := Environment(Opened(1), Failed(IsDirectory));
    assert OpenFile(Static, Flags(false, true), env).Refused?;
  }

  // BLK-RO-002: read-only=on dominates, whatever auto-read-only and the users say.
  lemma ExplicitReadOnlyDominates(
    policy: Policy, autoReadOnly: bool, env: Environment, perm: Perm, later: Environment
  )
    ensures var end := OpenFile(policy, Flags(true, autoReadOnly), env);
            end.Accepted? ==>
              && !end.node.writable && !end.node.writableFd
              && Descriptors(policy, end.node, perm, later) == Accepted(end.node)
              && (Changes(perm) ==> Change(policy, end.node, perm, later).Refused?)
  {
  }

  // BLK-FILE-002: a node just opened is settled.
  lemma OpenedIsSettled(policy: Policy, flags: Flags, env: Environment)
    ensures var end := OpenFile(policy, flags, env);
            end.Accepted? ==> Settled(policy, end.node, None)
  {
  }

  // BLK-FILE-002, BLK-RO-010: and stays so with every accepted change.
  lemma ChangedIsSettled(
    policy: Policy, node: FileNode, before: Perm, perm: Perm, env: Environment
  )
    requires Settled(policy, node, before)
    ensures var end := Change(policy, node, perm, env);
            end.Accepted? ==> Settled(policy, end.node, perm)
  {
  }

  // BLK-RO-010: of a writable node with auto-read-only=on the descriptor is writable exactly while
  // the users hold W, WU or RZ.
  lemma DynamicIsWritableExactlyWhile(node: FileNode, perm: Perm)
    requires Settled(Dynamic, node, perm) && node.autoReadOnly && node.writable
    ensures node.writableFd <==> Changes(perm)
  {
  }

  // BLK-RO-011: the environment can refuse an upgrade only, and then nothing has changed: the
  // node is the one that was handed in, and it is settled for what its users had.
  lemma OnlyUpgradesAreRefused(
    policy: Policy, node: FileNode, before: Perm, perm: Perm, env: Environment
  )
    requires Settled(policy, node, before) && (Changes(perm) ==> node.writable)
    ensures Change(policy, node, perm, env).Refused? ==>
              && Changes(perm) && !Changes(before)
              && policy == Dynamic && node.autoReadOnly
              && env.writing != Opened(node.inode)
  {
  }

  // BLK-FILE-006: giving a descriptor up needs nothing of the environment.
  lemma DowngradeCannotFail(policy: Policy, node: FileNode, perm: Perm, env: Environment)
    requires !Changes(perm) && node.readOnlyFd
    requires Settled(policy, node, perm) || node.writableFd || policy == Dynamic
    requires policy == Dynamic ==> node.autoReadOnly || node.writableFd || !node.writable
    ensures Change(policy, node, perm, env).Accepted?
  {
  }

  // BLK-RO-010, BLK-REOPEN-016: a reopen with the same options asks the same of the node again: it
  // succeeds in every environment and changes nothing.
  lemma IdentityReopenChangesNothing(
    policy: Policy, node: FileNode, perm: Perm, env: Environment
  )
    requires Settled(policy, node, perm)
    ensures Change(policy, node, perm, env) == Accepted(node)
  {
  }

  // BLK-RO-010, BLK-RO-011, BLK-RO-012: the option's one contract, refined by the dynamic policy:
  // of files whatever they are.
  lemma DynamicRefinesContract(
    flags: Flags, env: Environment, node: FileNode, before: Perm, perm: Perm, later: Environment
  )
    ensures OpenContract(flags, env, OpenFile(Dynamic, flags, env))
    ensures Settled(Dynamic, node, before) ==>
              ChangeContract(node, perm, later, Change(Dynamic, node, perm, later))
  {
  }

  // BLK-RO-015, BLK-RO-016: and by the static policy: of files that are refused for writing by
  // their mode only.
  lemma StaticRefinesContract(
    flags: Flags, env: Environment, node: FileNode, before: Perm, perm: Perm, later: Environment
  )
    requires Regular(env)
    ensures OpenContract(flags, env, OpenFile(Static, flags, env))
    ensures Settled(Static, node, before) ==>
              ChangeContract(node, perm, later, Change(Static, node, perm, later))
  {
  }

  // What a user who asks for nothing new sees of the two: the static node degraded for good, the
  // dynamic one promises a writable descriptor when one is asked for, and may fail then.
  lemma PoliciesDiffer()
    ensures exists env, later ::
              var fixed := OpenFile(Static, Flags(false, true), env);
              var open := OpenFile(Dynamic, Flags(false, true), env);
              && fixed.Accepted? && open.Accepted?
              && Change(Static, fixed.node, W, later).Refused?
              && Change(Dynamic, open.node, W, later).Accepted?
  {
    var env := Environment(Opened(1), Failed(Access));
    var later := Environment(Opened(1), Opened(1));
    assert Change(Static, OpenFile(Static, Flags(false, true), env).node, W, later).Refused?;
    assert Change(Dynamic, OpenFile(Dynamic, Flags(false, true), env).node, W, later).Accepted?;
  }
}
