/// Decisions as a list of small numbers. Zero is always the plainest choice and an exhausted list
/// gives zeroes, so that a shorter list of smaller numbers is a simpler command: whatever a
/// shrinker does to the list, the outcome is a command again.
namespace Ashlar.Conformance.Tests.Commands

/// A list of decisions, read from the front.
[<Sealed>]
type Choices(numbers: int list) =
    let mutable rest = numbers

    /// The next number.
    member _.Next() : int =
        match rest with
        | [] -> 0
        | number :: others ->
            rest <- others
            number

    /// A number from 0 to bound - 1.
    member this.Below(bound: int) : int = this.Next() % bound

    /// True in `percent` of a hundred; never when nothing was decided.
    member this.Percent(percent: int) : bool = this.Below 100 >= 100 - percent

    /// An element; the first is the plainest.
    member this.Pick(items: 'a list) : 'a = items[this.Below items.Length]

    /// An element in proportion to the weights before them; the first is the plainest.
    member this.Weighted(items: (int * 'a) list) : 'a =
        let rec go left items =
            match items with
            | [ (_, last) ] -> last
            | (weight, item) :: others -> if left < weight then item else go (left - weight) others
            | [] -> invalidArg (nameof items) "nothing to choose from"

        go (this.Below(List.sumBy fst items)) items
