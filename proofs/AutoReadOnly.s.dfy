// What auto-read-only promises of a file node, and what the environment may do (BLK-RO-001 to
// BLK-RO-016, BLK-FILE-001 to BLK-FILE-006). Trusted: the contract of the option and the answers
// of open(2).
include "Permission.s.dfy"

module AutoReadOnlyStatement {
  import opened Permission

  datatype Errno = NoEntry | Access | IsDirectory | NameTooLong | Invalid | Stale

  datatype Answer = Opened(inode: nat) | Failed(errno: Errno)

  // What open(2) says of the node's path at one moment, for reading and for reading and writing.
  // It may say something else at the next moment.
  datatype Environment = Environment(reading: Answer, writing: Answer)

  // A file that can be read is refused for writing by its mode only, and it is the same file: what
  // a path that leads to a readable regular file does at one moment.
  predicate Regular(env: Environment) {
    env.reading.Opened? ==> env.writing == env.reading || env.writing == Failed(Access)
  }

  // What may be opened for writing may be opened for reading (no write-only files).
  predicate Readable(env: Environment) {
    env.writing.Opened? ==> env.reading.Opened?
  }

  // The options of the node.
  datatype Flags = Flags(readOnly: bool, autoReadOnly: bool)

  // A file node: what its users are told, and the descriptors it holds.
  datatype FileNode = FileNode(
    inode: nat, writable: bool, autoReadOnly: bool, readOnlyFd: bool, writableFd: bool)

  // Whoever changes bytes: W, WU or RZ.
  const Changers := Perm(false, true, true, true)

  predicate Changes(perm: Perm) {
    Meets(perm, Changers)
  }

  // What the option's documentation says, of any implementation. An implementation may choose to
  // fall back to read-only, at open or later, but it never fails an open that read-only=on would
  // have made, never writes against read-only=on, and never accepts a user who changes bytes
  // without a descriptor to change them by.
  ghost predicate OpenContract(flags: Flags, env: Environment, end: Result) {
    && (end.Accepted? ==>
          && env.reading == Opened(end.node.inode)
          && end.node.readOnlyFd
          && (flags.readOnly ==> !end.node.writable && !end.node.writableFd)
          && (end.node.writableFd ==> end.node.writable)
          && end.node.autoReadOnly == flags.autoReadOnly)
    && (flags.autoReadOnly && env.reading.Opened? ==> end.Accepted?)
    && (env.reading.Failed? ==> end.Refused?)
  }

  // The same of a change of what the node's users ask.
  ghost predicate ChangeContract(node: FileNode, perm: Perm, env: Environment, end: Result) {
    && (end.Accepted? ==>
          && end.node.(writableFd := node.writableFd) == node
          && (Changes(perm) ==> end.node.writableFd)
          && (end.node.writableFd ==> node.writable))
    && (!Changes(perm) ==> end.Accepted?)
    && (Changes(perm) && !node.writable ==> end.Refused?)
  }

  datatype Result = Accepted(node: FileNode) | Refused
}
