/// What is wrong with an image: the one way reading can fail, and what a check lists.
namespace Ashlar.Reference.Formats

/// Requirement is the id of the rule that is broken; Field names what breaks it, at Offset bytes
/// of the file; Reason says how.
type Fault = { Requirement: string; Field: string; Offset: uint64; Reason: string }

/// Makers and texts of faults.
module Fault =
    let make requirement field offset reason = {
        Requirement = requirement
        Field = field
        Offset = offset
        Reason = reason
    }

    /// One line that names rule, field and place.
    let text (fault: Fault) =
        let place = $"{fault.Offset} (0x{fault.Offset:x})"
        $"{fault.Requirement}: {fault.Field} at byte {place}: {fault.Reason}"

    /// The first fault of a list of tests, each with what must hold.
    let first (tests: (bool * Fault) list) : Result<unit, Fault> =
        match tests |> List.tryFind (fun (holds, _) -> not holds) with
        | Some(_, fault) -> Error fault
        | None -> Ok()

    /// The results of all, or the first fault.
    let all (results: Result<'a, Fault> seq) : Result<'a list, Fault> =
        let folded =
            Seq.fold
                (fun soFar next ->
                    match soFar, next with
                    | Error fault, _
                    | _, Error fault -> Error fault
                    | Ok items, Ok item -> Ok(item :: items))
                (Ok [])
                results

        Result.map List.rev folded
