// A file node of qemu-7.2: one descriptor, replaced by name when its mode must change (DD-FD,
// DD-FD-FLAGS, DD-RESIZE-RO). Trusted: what QEMU does, as the profile of that name says it.
include "../AutoReadOnly.s.dfy"

module OneDescriptorStatement {
  import opened Permission
  import opened AutoReadOnlyStatement

  // What the driver believes of its descriptor's mode is kept apart from the mode.
  datatype OneDescriptor = OneDescriptor(inode: nat, fdWritable: bool, believedWritable: bool)

  datatype Outcome = Kept(hold: OneDescriptor) | Refused

  // The descriptor of a read-only node counts for nothing while auto-read-only is on.
  predicate WantsWritable(flags: Flags, perm: Perm) {
    if flags.autoReadOnly then Changes(perm) else !flags.readOnly
  }

  // Another mode than the believed one means another descriptor, opened by name.
  function Change(hold: OneDescriptor, flags: Flags, perm: Perm, env: Environment): Outcome {
    var wanted := WantsWritable(flags, perm);
    if wanted == hold.believedWritable then Kept(hold)
    else
      var answer := if wanted then env.writing else env.reading;
      if answer.Opened? then Kept(OneDescriptor(answer.inode, wanted, wanted)) else Outcome.Refused
  }

  // A reopen that leaves the descriptor alone forgets its mode.
  function Reopen(hold: OneDescriptor, flags: Flags, perm: Perm, env: Environment): Outcome {
    var changed := Change(hold, flags, perm, env);
    if changed.Kept? && changed.hold == hold then Kept(hold.(believedWritable := false))
    else changed
  }

  // I13, the law that two descriptors keep: writable exactly while somebody changes bytes.
  predicate Follows(hold: OneDescriptor, flags: Flags, perm: Perm) {
    flags.autoReadOnly && !flags.readOnly ==> hold.fdWritable == Changes(perm)
  }
}
