/// The names of the functions of whole numbers and bits: what stands in the column `semantics` of
/// the table, before and behind the dot. Requirements: spec/e2k/semantics.md, E2K-SEM-003.
module internal Ashlar.Reference.E2k.WholeNames

open Ashlar.Reference.E2k

let private bit (isTrue: bool) = Bits.low (if isTrue then 1UL else 0UL)

/// A function of the lanes of both sources.
let private lanes f (shape: Shape) =
    Whole(fun o -> Bits.map2 shape (f shape.Width) o.First o.Second)

/// A function of the lanes of the second source.
let private lane f (shape: Shape) = Whole(fun o -> Bits.map shape (f shape.Width) o.Second)

let private isSigned (shape: Shape) = shape.Kind = 's'

let private signedLanes f (shape: Shape) = lanes (f (isSigned shape)) shape

let private mask f width a b = if f width a b then Bits.mask width else 0UL

let private low width (bits: Bits) = Bits.truncate width bits.Low

/// A function of one number from each source.
let private scalar f (shape: Shape) =
    Whole(fun o -> f shape.Width (low shape.Width o.First) (low shape.Width o.Second))

let private truth f (shape: Shape) = scalar (fun width a b -> bit (f width a b)) shape

let private dividing f (shape: Shape) =
    Dividing(fun o ->
        f shape.Width (low shape.Width o.First) (low shape.Width o.Second) |> Option.map Bits.low)

/// 64 bits by 32.
let private dividingLong f (_: Shape) =
    Dividing(fun o -> f o.First.Low (low 32 o.Second) |> Option.map Bits.low)

let private shifted f (shape: Shape) = Whole(fun o -> f shape o.First o.Second.Low)

let private across f (shape: Shape) = Whole(fun o -> f shape o.First o.Second)

let private extend (shape: Shape) a =
    if isSigned shape then
        uint64 (Bits.signed shape.Width a)
    else
        a

let private whole f (_: Shape) = Whole f

let private arithmetic: (string * (Shape -> Meaning)) list = [
    "add", lanes Integer.add
    "sub", lanes Integer.sub
    "rsub", lanes Integer.rsub
    "mul", lanes Integer.mul
    for name in [ "and"; "andn"; "or"; "orn"; "xor"; "xorn" ] do
        name, lanes (Integer.logic name)
    "shl", lanes Integer.shiftLeft
    "shr", lanes Integer.shiftRight
    "sar", lanes Integer.shiftArithmetic
    "scl", lanes Integer.turnLeft
    "scr", lanes Integer.turnRight
    "getf", lanes Integer.getField
    "getfz", lanes Integer.getFieldCleared
    "insf",
    (fun shape ->
        Whole(fun o ->
            let width = shape.Width
            let a, control = low width o.First, low width o.Second
            Bits.low (Integer.insertField width a control (low width o.Third))))
    "bitrev", lane Integer.reverse
    "lzcnt", lane Integer.leadingZeros
    "popcnt", lane (fun _ a -> Integer.ones a)
    "move", lane (fun _ a -> a)
    "pass", lane (fun _ a -> a)
    // Half a tag where half a register is read.
    "gettag",
    (fun shape -> Whole(fun o -> Bits.low (uint64 o.Tag &&& Bits.mask (shape.Width / 16))))
    "merge", (fun _ -> Whole(fun o -> if o.Chosen then o.Second else o.First))
    // The product of two numbers in twice their width.
    "mulx", (fun shape -> scalar (fun _ a b -> Bits.low (extend shape a * extend shape b)) shape)
    "mulhigh",
    (fun shape ->
        let f =
            if isSigned shape then
                Integer.mulHighSigned
            else
                Integer.mulHighUnsigned

        scalar (fun _ a b -> Bits.low (f a b)) shape)
    "clmullow", scalar (fun _ a b -> Bits.low (Bits.ofWide (Integer.carryless a b)).Low)
    "clmulhigh", scalar (fun _ a b -> Bits.low (Bits.ofWide (Integer.carryless a b)).High)
    "addc", whole (fun o -> Bits.low (o.First.Low + o.Second.Low + (o.Third.Low &&& 1UL)))
    "addcarry",
    whole (fun o -> Bits.low (Integer.carry o.First.Low o.Second.Low (o.Third.Low &&& 1UL)))
    "subc", whole (fun o -> Bits.low (o.First.Low - o.Second.Low - (o.Third.Low &&& 1UL)))
    "subborrow",
    whole (fun o -> Bits.low (Integer.borrow o.First.Low o.Second.Low (o.Third.Low &&& 1UL)))
    "div",
    (fun shape ->
        if isSigned shape then
            dividing Integer.divideSigned shape
        else
            dividing (fun _ a b -> Integer.divideUnsigned a b) shape)
    "divx",
    (fun shape ->
        if isSigned shape then
            dividingLong Integer.divideLongSigned shape
        else
            dividingLong Integer.divideLongUnsigned shape)
    "modx",
    (fun shape ->
        if isSigned shape then
            dividingLong Integer.remainderLongSigned shape
        else
            dividingLong Integer.remainderLongUnsigned shape)
    // The width and sign are the first source's (E2K-INT-015).
    "sxt", whole (fun o -> Bits.low (Integer.extend (int o.First.Low) o.Second.Low))
    for name in [ "o"; "b"; "e"; "be"; "s"; "p"; "l"; "le" ] do
        $"cmp{name}", truth (Integer.compare name)
    for name in [ "e"; "s"; "p"; "le" ] do
        $"cmpand{name}", truth (Integer.test name)
]

let private packed: (string * (Shape -> Meaning)) list = [
    "adds", signedLanes Packed.addSaturated
    "subs", signedLanes Packed.subSaturated
    "avg", lanes (fun _ -> Packed.average)
    "min", signedLanes (fun signed -> Packed.extreme signed false)
    "max", signedLanes (fun signed -> Packed.extreme signed true)
    "eq", lanes (mask Packed.isEqual)
    "gt", lanes (mask Packed.isGreater)
    for name, holds in [ "eq", Packed.isEqual; "gt", Packed.isGreater ] do
        let pairs (shape: Shape) (o: Sources) =
            Array.zip (Bits.lanes shape o.First) (Bits.lanes shape o.Second)

        let test (shape: Shape) (a, b) = holds shape.Width a b
        $"{name}all", (fun shape -> Whole(fun o -> bit (Array.forall (test shape) (pairs shape o))))
        $"{name}any", (fun shape -> Whole(fun o -> bit (Array.exists (test shape) (pairs shape o))))
    "sign", lanes Packed.sign
    "mulh",
    (fun shape ->
        if isSigned shape then
            lanes Packed.mulHighSigned shape
        else
            lanes Packed.mulHighUnsigned shape)
    "mulhr", lanes Packed.mulHighRounded
    "mulbh", across Packed.mulBytesByHalves
    "madd", across Packed.mulAddHalves
    "maddb", across Packed.mulAddBytes
    "psll", shifted Packed.shiftLeft
    "psrl", shifted Packed.shiftRight
    "psra", shifted Packed.shiftArithmetic
    "psrc", shifted Packed.turnRight
    "hadd", (fun shape -> across (fun s -> Packed.horizontal s (Integer.add s.Width)) shape)
    "hsub", (fun shape -> across (fun s -> Packed.horizontal s (Integer.sub s.Width)) shape)
    "hadds", across (fun s -> Packed.horizontal s (Packed.addSaturated (isSigned s) s.Width))
    "hsubs", across (fun s -> Packed.horizontal s (Packed.subSaturated (isSigned s) s.Width))
    "packs", across (fun shape -> Packed.pack shape Packed.saturateSigned)
    "packu", across (fun shape -> Packed.pack shape Packed.saturateUnsigned)
    "unpacklow", across (fun shape -> Packed.interleave shape false)
    "unpackhigh", across (fun shape -> Packed.interleave shape true)
    "sad", across Packed.distances
    "msad", across Packed.slidingDistances
    "minpos", across Packed.smallest
    "signs", (fun shape -> Whole(fun o -> Bits.low (Packed.signs shape o.Second)))
    // Of both sources, the first above.
    "signs2",
    (fun shape ->
        Whole(fun o ->
            let high = Packed.signs shape o.First
            Bits.low (Packed.signs shape o.Second ||| (high <<< shape.Count))))
    "setsigns", (fun shape -> Whole(fun o -> Packed.setSigns shape o.First o.Second.Low))
    "blend", (fun shape -> Whole(fun o -> Packed.merge shape o.First o.Second o.Third))
    "shuffle8", whole (fun o -> Packed.shuffle8 o.First o.Second o.Third)
    "shuffle16", whole (fun o -> Packed.shuffle16 o.First o.Second o.Third)
    "permute", whole (fun o -> Packed.permute o.First o.Second o.Third)
    "select", (fun shape -> Whole(fun o -> Packed.select shape o.Second o.Byte))
    "select2",
    (fun shape -> Whole(fun o -> Packed.select shape (Bits.both o.Second.Low o.First.Low) o.Byte))
    "bytesleft.high", whole (fun o -> Packed.shiftBytesLeftHigh o.First o.Second o.Byte)
    "bytesleft.low", whole (fun o -> Packed.shiftBytesLeftLow o.Second o.Byte)
    "bytesright.high", whole (fun o -> Packed.shiftBytesRightHigh o.First o.Byte)
    "bytesright.low", whole (fun o -> Packed.shiftBytesRightLow o.First o.Second o.Byte)
    "inserthalf", whole (fun o -> Packed.insertHalf o.First o.Second o.Byte)
    "extracthalf", whole (fun o -> Packed.extractHalf o.First o.Second o.Byte)
    "join", whole (fun o -> Bits.both o.Second.Low o.First.Low)
    // The lanes of every pair change places.
    "switch",
    (fun shape ->
        Whole(fun o ->
            Array.init shape.Count (fun index -> Bits.lane shape.Width (index ^^^ 1) o.Second)
            |> Bits.join shape.Width))
]

/// Functions that need a number from the name itself: the code of a function of three bits, or the
/// byte that fills the high half.
let numbered (name: string) (number: int) (shape: Shape) : Meaning option =
    match name with
    | "ofthree" ->
        let f = Packed.ofThree number

        Some(
            Whole(fun o ->
                let high =
                    if shape.Count = 2 then
                        f o.First.High o.Second.High o.Third.High
                    else
                        0UL

                Bits.both (f o.First.Low o.Second.Low o.Third.Low) high)
        )
    | "fill" -> Some(Whole(fun o -> Bits.both o.Second.Low (uint64 number * 0x0101010101010101UL)))
    | _ -> None

/// Significands and exponents of f80 as whole numbers (E2K-F80-010).
let private parts: (string * (Shape -> Meaning)) list = [
    "exponent", whole (fun o -> Bits.low (o.Second.High &&& 0xffffUL))
    "setexponent", whole (fun o -> Bits.both o.First.Low (o.Second.Low &&& 0xffffUL))
    "movex", whole (fun o -> Bits.both o.Second.Low (o.Second.High &&& 0xffffUL))
    "absx", whole (fun o -> Bits.both o.Second.Low (o.Second.High &&& 0x7fffUL))
    "negx", whole (fun o -> Bits.both o.Second.Low ((o.Second.High ^^^ 0x8000UL) &&& 0xffffUL))
]

/// Flags as x86 has them (E2K-INT-030).
let private conditions: (string * (Shape -> Meaning)) list = [
    for name in
        [
            "add"
            "sub"
            "and"
            "andn"
            "or"
            "orn"
            "xor"
            "xorn"
            "inc"
            "dec"
            "smulx"
            "umulx"
            "shl"
            "shr"
            "sar"
            "scl"
            "scr"
        ] do
        $"flags{name}",
        (fun shape ->
            Whole(fun o ->
                let a, b = low shape.Width o.First, low shape.Width o.Second
                Bits.low (Conditions.flagsOf name shape.Width a b (low 32 o.Third))))
    for name in [ "o"; "b"; "e"; "be"; "s"; "p"; "l"; "le" ] do
        $"has{name}", (fun _ -> Whole(fun o -> bit (Conditions.holds name (low 32 o.Second))))
]

/// All functions by name.
let all: Map<string, Shape -> Meaning> = Map.ofList (arithmetic @ packed @ parts @ conditions)
