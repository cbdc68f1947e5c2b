/// The oracle as a system under test of itself: what it is compared with in profiles that no engine
/// implements, so that totality, determinism and the invariants are still checked.
namespace Ashlar.Conformance

open Ashlar.Reference.Block

/// The oracle in one world; of several allowed outcomes it takes the first.
[<Sealed>]
type OracleSubject(profile: Profile, script: Script) =
    inherit Subject()

    let mutable world = Script.world script
    let mutable state = Graph.empty

    override _.Act command =
        match Oracle.step profile world state command with
        | outcome :: _ ->
            world <- outcome.World
            state <- outcome.State
            OracleView.answer outcome.Result
        | [] -> Answer.Broken "the oracle allows no outcome"

    override _.Observe answer = OracleView.observe world state answer

    override _.Matches(otherWorld, otherState) =
        // Steps are deterministic, so equal inputs gave equal values; that they are is cheap to
        // ask.
        obj.ReferenceEquals(state, otherState) && obj.ReferenceEquals(world, otherWorld)
        || (state = otherState && world = otherWorld)

/// Makes oracles of one profile.
[<Sealed>]
type OracleMaker(profile: Profile) =
    inherit SubjectMaker("oracle " + profile.Name)
    override _.Start script = new OracleSubject(profile, script)
