/// Why an outcome is as it is: the derivation, requirement by requirement. It is what the rules
/// of the oracle noted while they ran, not a second account of them.
namespace Ashlar.Reference.Block

/// Derivations of outcomes, and which requirements were exercised.
module Explain =
    /// The derivation of a command, in the order in which the rules looked. Where the profile
    /// allows several outcomes their derivations follow each other.
    let explain (profile: Profile) (world: World) (state: State) (command: Command) : Step list =
        let steps = ResizeArray()
        Oracle.stepExplaining steps profile world state command |> ignore
        List.ofSeq steps

    /// The ids of requirements whose bits are set (see `Oracle.stepTouching`).
    let requirements (touched: uint64[]) : string list = [
        for subject in 0 .. touched.Length - 1 do
            for number in 0..63 do
                if touched[subject] >>> number &&& 1UL = 1UL then
                    Rule.id (subject * 64 + number)
    ]
