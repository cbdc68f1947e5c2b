/// Every bound of the bench, each with its reason. Input beyond a bound is refused by name.
module Ashlar.Conformance.Limits

/// A script of this many characters is a mistake or an attack; found scripts have a few thousand.
let scriptCharacters = 16 * 1024 * 1024

/// The longest line: a command that nests 64 levels of options fits many times over.
let lineCharacters = 1024 * 1024

/// The most steps of one script; the longest generated one has fewer than 200.
let scriptSteps = 100_000

/// The most files, exports and throttle groups a script's world may name.
let worldEntries = 1_000

/// The largest file of a world: sparse files of this size exist on every file system.
let fileBytesMax = 1L <<< 40

/// JSON nesting; QEMU's own parser stops at 1,024 levels.
let jsonDepth = 1_024

/// A recorded trace is read line by line, this many at most.
let traceLines = 1_000_000

/// Kinds of disagreements after which a run stops: somebody has enough to do.
let disagreementKinds = 20

/// Disagreements after which a run stops even if they are of one kind.
let disagreements = 2_000

/// How often the shrinker may run a script before it keeps what it has.
let shrinkRuns = 4_000

/// The longest budget of transitions or scripts: months of any machine, far from overflow.
let stepsMax = 1_000_000_000_000_000L

/// The longest budget of time, a week: soak keeps what each of its half minutes covered.
let secondsMax = 7 * 24 * 60 * 60

/// Worker threads: more than cores only slow each other down.
let workersMax = 256

/// A QMP reply longer than this is no reply; the largest, a graph of hundreds of nodes, has 1 MiB.
let qmpReplyBytes = 64 * 1024 * 1024

/// A server that is silent for so long hangs; the slowest command of a script takes milliseconds.
let qmpReplyMilliseconds = 10_000

/// How often a silent server is looked at; commands that are not slow are over by then.
let qmpLookMilliseconds = 100

/// A silent server that has used so much time of a processor since the first look goes round in
/// circles, however busy the machine is otherwise; a server that compiles itself needs less.
let qmpBusyMilliseconds = 2_000

/// A silent server all of whose threads sleep for so long, and on which no time was spent
/// meanwhile, waits for what will never come.
let qmpIdleMilliseconds = 3_000

/// Once a server is known to hang, its next ones get so many times what the slowest good reply
/// took, and at least `qmpHastyMilliseconds`, a dozen of the kernel's ticks.
let qmpHastyFactor = 20L

/// See `qmpHastyFactor`.
let qmpHastyMilliseconds = 200

/// How often such a server is looked at.
let qmpHastyLookMilliseconds = 25

/// Names that the oracle as a server looks through for a file that was renamed: a directory with
/// more of them is no place for images.
let movedFileNames = 10_000

/// Files that the oracle as a server remembers at most while no node has them.
let rememberedFiles = 10_000

/// A list of declared differences longer than this was not reviewed by anybody.
let acceptCharacters = 1024 * 1024
