/// What this build of the bench is, for the first line of a report.
module Ashlar.Conformance.Build

/// The name of the configuration: Planted carries switchable bugs, Clean does not.
let kind =
    if Ashlar.Block.PlantedBuild.IsPresent then
        "Planted"
    else
        "Clean"
