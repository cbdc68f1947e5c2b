/// Literals: where each stands among the literal syllables, and how an assembler chooses places.
/// Requirements: spec/e2k/encoding.md (E2K-LIT).
module Ashlar.Reference.E2k.Literals

/// A literal that wants a place.
type Request = {
    Size: LiteralSize
    Wanted: Place option
    /// Whether the size was left to the assembler.
    IsBare: bool
    /// The bits, as many as the size says.
    Bits: uint64
}

/// A request of a size whose bits do not matter.
let unwritten (size: LiteralSize) : Request = {
    Size = size
    Wanted = None
    IsBare = false
    Bits = 0UL
}

/// LTS0 to LTS3 that a bundle has, LTS0 first (E2K-LIT-001).
let syllablesOf (free: uint32 list) : uint32 list = free |> List.rev |> List.truncate 4

/// E2K-LIT-002: the bits a selector means, not yet extended; nothing where no syllable is there.
let read (free: uint32 list) (size: LiteralSize) (place: Place) : uint64 option =
    let words = Array.ofList (syllablesOf free)

    let word index =
        if index < words.Length then
            Some(uint64 words[index])
        else
            None

    match size with
    | Bits16 ->
        word place.Index
        |> Option.map (fun bits -> (if place.High then bits >>> 16 else bits) &&& 0xffffUL)
    | Bits32 -> word place.Index
    | Bits64 ->
        match word place.Index, word (place.Index + 1) with
        | Some low, Some high -> Some(low ||| (high <<< 32))
        | _ -> None

/// E2K-LIT-003: the number that a literal is: 16 and 32 bits are extended by their sign.
let valueOf (size: LiteralSize) (bits: uint64) : int64 =
    match size with
    | Bits16 -> int64 (int16 bits)
    | Bits32 -> int64 (int32 bits)
    | Bits64 -> int64 bits

/// The half-words of the four syllables that a literal takes, as a mask of eight bits.
let private halves (size: LiteralSize) (place: Place) =
    match size with
    | Bits16 -> 1 <<< (2 * place.Index + (if place.High then 1 else 0))
    | Bits32 -> 3 <<< (2 * place.Index)
    | Bits64 -> 15 <<< (2 * place.Index)

let private at index high = { Index = index; High = high }

let private candidates (size: LiteralSize) =
    match size with
    | Bits16 -> [ at 0 true; at 0 false; at 1 true; at 1 false ]
    | Bits32 -> [ for index in 0..3 -> at index false ]
    | Bits64 -> [ for index in 0..2 -> at index false ]

let private isPossible size place = List.contains place (candidates size)

/// E2K-LIT-004: places for literals, in the order of the requests: those with a wanted place first,
/// then the larger before the smaller and 16 bits of a written size before those of none, each at
/// the first place that leaves room for the rest.
let place (taken: int) (requests: Request list) : Place list option =
    let rank (request: Request) =
        let bySize =
            match request.Size with
            | Bits64 -> 1
            | Bits32 -> 2
            | Bits16 -> 3

        if request.Wanted.IsSome then 0
        elif request.IsBare && request.Size = Bits16 then 4
        else bySize

    let rec search taken (left: (int * Request) list) =
        match left with
        | [] -> Some []
        | (index, request) :: rest ->
            match request.Wanted with
            | Some wanted -> [ wanted ]
            | None -> candidates request.Size
            |> List.filter (fun place ->
                isPossible request.Size place && halves request.Size place &&& taken = 0)
            |> List.tryPick (fun place ->
                search (taken ||| halves request.Size place) rest
                |> Option.map (fun places -> (index, place) :: places))

    List.indexed requests
    |> List.sortBy (snd >> rank)
    |> search taken
    |> Option.map (List.sortBy fst >> List.map snd)

/// The syllables that hold placed literals, and what stands in LTS0 by itself; in order of memory.
let write (first: uint32 option) (placed: (Request * Place) list) : uint32 list =
    let words = Array.zeroCreate<uint32> 4
    words[0] <- Option.defaultValue 0u first

    for request, place in placed do
        match request.Size with
        | Bits16 ->
            let bits = uint32 request.Bits &&& 0xffffu
            words[place.Index] <- words[place.Index] ||| (if place.High then bits <<< 16 else bits)
        | Bits32 -> words[place.Index] <- uint32 request.Bits
        | Bits64 ->
            words[place.Index] <- uint32 request.Bits
            words[place.Index + 1] <- uint32 (request.Bits >>> 32)

    let last (size: LiteralSize) (place: Place) =
        if size = Bits64 then place.Index + 2 else place.Index + 1

    let count =
        (if first.IsSome then 1 else 0)
        :: (placed |> List.map (fun (request, place) -> last request.Size place))
        |> List.max

    words |> Array.take count |> List.ofArray |> List.rev
