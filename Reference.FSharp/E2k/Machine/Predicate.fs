/// Predicates in a step: deciders, the predicate logic, and writing predicates. Requirements:
/// spec/e2k/state.md, E2K-ST-008, E2K-ST-009; spec/e2k/step.md, E2K-PRED.
module Ashlar.Reference.E2k.Predicate

/// What a decider says.
type Verdict =
    | Holds
    | HoldsNot
    /// The predicate is invalid.
    | Unknown

/// E2K-ST-009: where a predicate is in the file, with the rotation.
let private placeOf (state: State) (number: int) =
    if number < state.Turning.Pairs then
        State.turned state.Turning.Pairs state.Turning.Turn number
    else
        number

let private ofBool isTrue = if isTrue then Holds else HoldsNot

let private negate verdict =
    match verdict with
    | Holds -> HoldsNot
    | HoldsNot -> Holds
    | Unknown -> Unknown

let private turnIf negated verdict = if negated then negate verdict else verdict

/// A predicate by number.
let read (state: State) (number: int) : Verdict =
    let place = placeOf state number

    if (state.Predicates.Invalid >>> place) &&& 1u = 1u then
        Unknown
    else
        ofBool ((state.Predicates.Values >>> place) &&& 1u = 1u)

/// E2K-PRED-001: what decides, in the state before the bundle.
let decide (state: State) (decider: Decider) : Verdict =
    match decider with
    | ByPredicate(negated, number) -> turnIf negated (read state number)
    | ByCounter(negated, number) -> turnIf negated (ofBool (state.Loop.Prologue <= number))
    | ByLoopEnd negated -> turnIf negated (ofBool (State.isLoopEnd state.Loop))
    // Only a transfer asks for it, and is answered in the step.
    | ByLostLock
    | Never -> HoldsNot

/// E2K-PRED-002: several deciders together: one that does not hold is enough.
let all (state: State) (deciders: Decider list) : Verdict =
    if deciders.IsEmpty then
        Holds
    else

    (Holds, deciders)
    ||> List.fold (fun sofar decider ->
        match sofar, decide state decider with
        | HoldsNot, _
        | _, HoldsNot -> HoldsNot
        | Unknown, _
        | _, Unknown -> Unknown
        | Holds, Holds -> Holds)

/// E2K-BR-001: a transfer's decision, with whether a lock was found gone; an invalid predicate
/// decides nothing.
let decision (state: State) isLockLost (decision: Decision) : Verdict =
    let verdicts =
        decision.Of
        |> List.map (fun one ->
            match one with
            | ByLostLock -> ofBool isLockLost
            | other -> decide state other)

    if List.contains Unknown verdicts then
        Unknown
    elif decision.IsAny then
        ofBool (List.contains Holds verdicts)
    else
        ofBool (not (List.contains HoldsNot verdicts))

/// A predicate file with a predicate in it, by the rotation before the bundle.
let write (before: State) (number: int) (verdict: Verdict) (file: PredicateFile) : PredicateFile =
    let bit = 1u <<< placeOf before number

    match verdict with
    | Unknown when before.Tags -> { file with Invalid = file.Invalid ||| bit }
    | _ -> {
        Invalid = file.Invalid &&& ~~~bit
        Values =
            if verdict = Holds then
                file.Values ||| bit
            else
                file.Values &&& ~~~bit
      }

/// E2K-PRED-003: andp needs both operands, landp the right one only where the left holds.
let private combine (name: string) left right =
    match name, left, right with
    | "landp", HoldsNot, _ -> HoldsNot
    | "movep", HoldsNot, _ -> HoldsNot
    | _, Unknown, _
    | _, _, Unknown -> Unknown
    | _, Holds, Holds -> Holds
    | _ -> HoldsNot

/// E2K-PRED-004: the logic of a bundle: locals from the state before it, then what they are put in.
let logic (before: State) (steps: Logic list) (file: PredicateFile) : PredicateFile =
    let locals = Array.create 7 Unknown

    (file, steps)
    ||> List.fold (fun file step ->
        match step with
        | Take(source, index) ->
            locals[index] <- decide before source
            file
        | Combine(name, (notLeft, left), (notRight, right), index) ->
            locals[index] <-
                combine name (turnIf notLeft locals[left]) (turnIf notRight locals[right])

            file
        | Put(index, number) -> write before number locals[index] file)
