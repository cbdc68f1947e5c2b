/// Literals: where each stands among the literal syllables, and how an assembler chooses places.
/// Requirements: spec/e2k/literals.md (E2K-LIT).
module Ashlar.Reference.E2k.Literals

/// A literal that wants a place.
type Request = {
    Size: LiteralSize
    Wanted: Place option
    /// Whether the size was left to the assembler.
    IsBare: bool
    /// The bits, as many as the size says.
    Bits: uint64
    /// The number as written: the bits of a label are not known while sizes are found.
    Said: Value
}

/// A request for bits that are known.
let known (size: LiteralSize) (bits: uint64) : Request = {
    Size = size
    Wanted = None
    IsBare = false
    Bits = bits
    Said = Operation.constant (int64 bits)
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

/// E2K-LIT-004: places for literals, in the order of the requests: written places first, then by
/// size, but two of 16 bits before 32 bits of no written size; each at the first place that leaves
/// room for the rest.
let private placeEach (taken: int) (requests: Request list) : Place list option =
    let small =
        requests |> List.filter (fun request -> request.Size = Bits16 && request.Wanted.IsNone)

    let isPacked = small.Length > 1 && small |> List.exists (fun request -> not request.IsBare)

    let rank (request: Request) =
        match request.Size, request.IsBare with
        | _ when request.Wanted.IsSome -> 0
        | Bits64, _ -> 1
        | Bits32, false -> 2
        | Bits16, isBare when isPacked -> if isBare then 4 else 3
        | Bits32, true -> 5
        | Bits16, isBare -> if isBare then 7 else 6

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

/// E2K-LIT-007: places for literals, of which those that are written alike share one.
let place (taken: int) (requests: Request list) : Place list option =
    let isShared (one: Request) (other: Request) =
        one.Wanted = other.Wanted && one.Size = other.Size && one.Said = other.Said

    let kept =
        (List.empty<Request>, requests)
        ||> List.fold (fun kept request ->
            if List.exists (isShared request) kept then
                kept
            else
                kept @ [ request ])

    placeEach taken kept
    |> Option.map (fun places ->
        let shared = List.zip kept places

        requests
        |> List.map (fun request ->
            shared |> List.find (fun (one, _) -> isShared one request) |> snd))

/// E2K-LIT-006: requests with their places; where there is no room, numbers of no written size take
/// 32 bits instead of 16.
let fit (taken: int) (requests: Request list) : (Request * Place) list option =
    let widened =
        requests
        |> List.map (fun request ->
            match request.Size with
            | Bits16 when request.IsBare -> { request with Size = Bits32 }
            | _ -> request)

    [ requests; widened ]
    |> List.tryPick (fun requests -> place taken requests |> Option.map (List.zip requests))

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
