/// Why an outcome is as it is: the derivation, requirement by requirement.
namespace Ashlar.Reference.Block

/// One step of a derivation: which requirement looked at which node and what it found.
type Step = {
    Requirement: string
    Node: string
    Values: (string * string) list
    Sentence: string
}

/// Derivations of outcomes.
module Explain =
    /// The derivation of the first outcome.
    let explain (_: Profile) (_: World) (_: State) (_: Command) : Step list = []
