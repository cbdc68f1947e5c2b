/// Planted bugs of the engine: switched on one at a time, each must be found within a budget.
namespace Ashlar.Conformance

/// A planted bug as the engine names it.
type PlantedBug = { Name: string; Meaning: string }

/// The list of them.
module Mutants =
    /// Every planted bug the engine knows.
    let all: PlantedBug list = []
