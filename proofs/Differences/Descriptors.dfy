// What one descriptor costs: each lemma is a run of qemu-7.2 that an invariant of ashlar forbids.
include "OneDescriptor.s.dfy"

module DescriptorDifferences {
  import opened Permission
  import opened AutoReadOnlyStatement
  import opened OneDescriptorStatement

  const Auto := Flags(false, true)

  // A path that leads to the same file for reading and for writing.
  const Friendly := Environment(Opened(1), Opened(1))

  // DD-FD-FLAGS against I13 (BLK-FILE-002, BLK-RO-010): after a reopen with the same options the
  // descriptor stays writable when the last writer leaves, in the friendliest environment.
  lemma ForgottenFlagsKeepTheDescriptor()
    ensures var written := Change(OneDescriptor(1, false, false), Auto, W, Friendly);
            && written.Kept? && Follows(written.hold, Auto, W)
            && var reopened := Reopen(written.hold, Auto, W, Friendly);
            && reopened.Kept?
            && var left := Change(reopened.hold, Auto, None, Friendly);
            && left.Kept? && !Follows(left.hold, Auto, None)
  {
  }

  // DD-FD-FLAGS against I8 (BLK-REOPEN-023, BLK-FILE-002): the same reopen makes the next change of
  // users need the file's permission anew, though the descriptor at hand is writable.
  lemma ForgottenFlagsAskAgain()
    ensures exists env: Environment ::
              && Change(OneDescriptor(1, true, true), Auto, W, env).Kept?
              && var reopened := Reopen(OneDescriptor(1, true, true), Auto, W, env);
              && reopened.Kept? && reopened.hold.fdWritable
              && Change(reopened.hold, Auto, W, env).Refused?
  {
    var env := Environment(Opened(1), Failed(Access));
    assert Change(OneDescriptor(1, true, true), Auto, W, env).Kept?;
    var reopened := Reopen(OneDescriptor(1, true, true), Auto, W, env);
    assert reopened.Kept? && reopened.hold.fdWritable;
    assert Change(reopened.hold, Auto, W, env).Refused?;
  }

  // DD-STALE-PERMS against I10 (BLK-PERM-034, BLK-FILE-006): to ask for less may be refused.
  lemma LooseningCanBeRefused()
    ensures exists hold, env ::
              && Change(hold, Auto, W, env).Kept?
              && Change(hold, Auto, None, env).Refused?
  {
    var hold := OneDescriptor(1, true, true);
    var env := Environment(Failed(NoEntry), Failed(NoEntry));
    assert Change(hold, Auto, W, env).Kept? && Change(hold, Auto, None, env).Refused?;
  }

  // DD-FD (BLK-FILE-005): another file behind the path is taken for the node's own.
  lemma AnotherFileIsTaken()
    ensures exists hold, env ::
              var changed := Change(hold, Auto, W, env);
              changed.Kept? && changed.hold.inode != hold.inode
  {
    var hold := OneDescriptor(1, false, false);
    var env := Environment(Opened(2), Opened(2));
    assert Change(hold, Auto, W, env).hold.inode != hold.inode;
  }

  // DD-RESIZE-RO against I7 (BLK-RO-002, BLK-PERM-007): read-only=on is not final; whoever resizes
  // makes the descriptor writable.
  lemma ResizeOpensAReadOnlyFile()
    ensures var resized :=
              Change(OneDescriptor(1, false, false), Flags(true, true), RZ, Friendly);
            resized.Kept? && resized.hold.fdWritable
  {
  }

  // ---- A queue of qemu-seed ----

  // The files of a queue, in its order: whether each has a second descriptor, the one that its
  // reopen has opened and that its commit or abort is to put away.
  type Descriptors = seq<bool>

  // Preparing opens them one after the other, up to the entry that is refused.
  function Prepared(files: nat, refusedAt: nat): Descriptors {
    seq(files, i => i <= refusedAt)
  }

  // qemu-seed aborts the entries whose preparation ended well; the refused one had its descriptor
  // already.
  function AbortedInSeed(open: Descriptors, refusedAt: nat): Descriptors {
    seq(|open|, i requires 0 <= i < |open| => open[i] && i >= refusedAt)
  }

  // DD-SEED-FD against I4 (BLK-FILE-030, BLK-REOPEN-020): a reopen that is refused leaves the new
  // descriptor of the refused entry open.
  lemma RefusedReopenLeavesADescriptor(files: nat, refusedAt: nat)
    requires refusedAt < files
    ensures var left := AbortedInSeed(Prepared(files, refusedAt), refusedAt);
            exists i :: 0 <= i < |left| && left[i]
  {
    var left := AbortedInSeed(Prepared(files, refusedAt), refusedAt);
    assert left[refusedAt];
  }
}
