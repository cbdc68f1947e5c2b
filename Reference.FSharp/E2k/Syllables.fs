/// A wide instruction as its syllables: which words of a bundle are which, and back. It says
/// nothing of what a syllable means. Requirements: spec/e2k/encoding.md.
namespace Ashlar.Reference.E2k

/// Why words are no wide instruction, or text no operation: the requirement and what is wrong.
type Illegal = { Rule: string; Reason: string }

/// The syllables of one wide instruction. Channels are numbered 0 to 5.
type Syllables = {
    /// Bits 9:7 of the header: instructions' worth of waiting, 0 to 7.
    Nop: int
    LoopMode: bool
    SetMark: bool
    /// SS, the stub syllable: control transfer, loop counters, rotation.
    Stub: uint32 option
    /// ALS by channel.
    Als: Map<int, uint32>
    /// ALES by channel, where its header bit is set.
    Ales: Map<int, uint16>
    /// The word that holds ALES2 (high half) and ALES5 (low half), where one is allocated.
    Wide: uint32 option
    Control0: uint32 option
    Control1: uint32 option
    /// AAS half-syllables by slot: 0 and 1 destinations, 2 to 5 one for each array channel.
    Arrays: Map<int, uint16>
    /// The words between the half-syllables and PLS, in order of memory; the last is LTS0.
    Free: uint32 list
    /// PLS0 first.
    Predicates: uint32 list
    /// CDS0 first.
    Conditions: uint32 list
}

/// Taking a bundle apart and putting it together.
module Syllables =
    /// The half-syllable of channels 2 and 5 that is meant where no word holds one.
    let implicitExtension = 0x01c0us

    /// Nothing at all: a bundle of a header alone.
    let empty = {
        Nop = 0
        LoopMode = false
        SetMark = false
        Stub = None
        Als = Map.empty
        Ales = Map.empty
        Wide = None
        Control0 = None
        Control1 = None
        Arrays = Map.empty
        Free = []
        Predicates = []
        Conditions = []
    }

    let private illegal rule reason = Error { Rule = rule; Reason = reason }

    let internal bit (position: int) (word: uint32) = word >>> position &&& 1u = 1u

    let internal field (low: int) (width: int) (word: uint32) =
        int (word >>> low &&& ((1u <<< width) - 1u))

    /// The slots of AAS that the mask of a stub asks for (E2K-ENC-013).
    let arraySlots (stub: uint32 option) =
        match stub with
        | None -> []
        | Some word -> [
            if field 12 2 word <> 0 then
                0
            if field 14 2 word <> 0 then
                1
            for channel in 0..3 do
                if bit (12 + channel) word then
                    channel + 2
          ]

    /// Words of a bundle by its header: the length field of bits 6:4 (E2K-ENC-002).
    let lengthOf (header: uint32) = 2 * (field 4 3 header + 1)

    /// E2K-ENC-011: half-syllables are packed two in a word, high half first.
    let private halves (words: uint32 seq) = [
        for word in words do
            uint16 (word >>> 16)
            uint16 word
    ]

    /// E2K-ENC-001 to E2K-ENC-016: the syllables of the bundle that begins with these words.
    let unpack (words: uint32[]) : Result<Syllables, Illegal> =
        if words.Length = 0 then
            illegal "E2K-ENC-002" "no header"
        elif lengthOf words[0] > words.Length then
            illegal "E2K-ENC-002" $"{words.Length} words of {lengthOf words[0]}"
        elif bit 11 words[0] then
            illegal "E2K-ENC-003" "bit 11 of the header is set"
        else

        let header = words[0]
        let total = lengthOf header

        let channelsAt low = [
            for channel in 0..5 do
                if bit (low + channel) header then
                    channel
        ]

        let syllables, extended = channelsAt 26, channelsAt 20
        let middle = field 0 4 header + 1
        let conditions, predicates = field 16 2 header, field 18 2 header
        let stubs = if bit 12 header then 1 else 0
        let control0 = if bit 14 header then 1 else 0
        let control1 = if bit 15 header then 1 else 0
        let beforeWide = 1 + stubs + syllables.Length + control0
        let mayBeWide = List.exists (fun channel -> channel = 2 || channel = 5) extended

        let wide =
            if mayBeWide && middle - beforeWide - control1 = 1 then
                1
            else
                0

        if beforeWide + wide + control1 <> middle then
            let taken = beforeWide + wide + control1
            illegal "E2K-ENC-005" $"the header says {middle} words to the middle, there are {taken}"
        else

        let stub = if stubs = 1 then Some words[1] else None
        let short = extended |> List.filter (fun channel -> channel <> 2 && channel <> 5)
        let slots = arraySlots stub
        let afterHalves = middle + (short.Length + slots.Length + 1) / 2
        let freeEnd = total - conditions - predicates

        if afterHalves > freeEnd then
            illegal "E2K-ENC-006" "the syllables do not fit in the bundle's length"
        else

        let packed = halves words[middle .. afterHalves - 1]
        let wideWord = if wide = 1 then Some words[beforeWide] else None

        let wideHalf channel =
            match wideWord with
            | None -> implicitExtension
            | Some word -> uint16 (if channel = 2 then word >>> 16 else word)

        let ales =
            List.zip short (List.take short.Length packed)
            @ [
                for channel in extended do
                    if channel = 2 || channel = 5 then
                        channel, wideHalf channel
            ]

        Ok {
            Nop = field 7 3 header
            LoopMode = bit 10 header
            SetMark = bit 13 header
            Stub = stub
            Als =
                Map.ofList (
                    syllables |> List.mapi (fun index channel -> channel, words[1 + stubs + index])
                )
            Ales = Map.ofList ales
            Wide = wideWord
            Control0 = if control0 = 1 then Some words[beforeWide - 1] else None
            Control1 = if control1 = 1 then Some words[middle - 1] else None
            Arrays =
                Map.ofList (
                    List.zip slots (packed |> List.skip short.Length |> List.take slots.Length)
                )
            Free = List.ofArray words[afterHalves .. freeEnd - 1]
            Predicates = [ for index in 1..predicates -> words[total - conditions - index] ]
            Conditions = [ for index in 1..conditions -> words[total - index] ]
        }

    /// The words of a bundle; what is odd gets a zero word before the literals (E2K-ENC-007).
    let pack (syllables: Syllables) : Result<uint32[], Illegal> =
        let present = Option.toList
        let short = syllables.Ales |> Map.filter (fun channel _ -> channel <> 2 && channel <> 5)

        let front =
            present syllables.Stub
            @ List.ofSeq syllables.Als.Values
            @ present syllables.Control0
            @ present syllables.Wide
            @ present syllables.Control1

        let packed =
            List.ofSeq short.Values @ List.ofSeq syllables.Arrays.Values
            |> List.map uint32
            |> List.chunkBySize 2
            |> List.map (fun pair -> pair[0] <<< 16 ||| (if pair.Length = 2 then pair[1] else 0u))

        let back = List.rev syllables.Predicates @ List.rev syllables.Conditions
        let used = 1 + front.Length + packed.Length + syllables.Free.Length + back.Length
        let total = used + used % 2

        if total > 16 then
            illegal "E2K-ENC-002" $"a bundle of {used} words; there are at most 16"
        else

        let mask low (channels: int seq) =
            channels |> Seq.fold (fun mask channel -> mask ||| (1u <<< (low + channel))) 0u

        let flag position (is: bool) = if is then 1u <<< position else 0u

        let header =
            uint32 front.Length
            ||| (uint32 (total / 2 - 1) <<< 4)
            ||| (uint32 syllables.Nop <<< 7)
            ||| flag 10 syllables.LoopMode
            ||| flag 12 syllables.Stub.IsSome
            ||| flag 13 syllables.SetMark
            ||| flag 14 syllables.Control0.IsSome
            ||| flag 15 syllables.Control1.IsSome
            ||| (uint32 syllables.Conditions.Length <<< 16)
            ||| (uint32 syllables.Predicates.Length <<< 18)
            ||| mask 20 syllables.Ales.Keys
            ||| mask 26 syllables.Als.Keys

        let padding = List.replicate (total - used) 0u
        Ok(Array.ofList (header :: front @ packed @ padding @ syllables.Free @ back))
