// The list of planted bugs; the places are found by their names. See Planted.cs.
namespace Ashlar.E2k;

/// <summary>Defects a Planted build can switch on.</summary>
public enum Bug
{
    /// <summary>No bug is on.</summary>
    None = 0,

    [PlantedBug("The epilogue is not counted.")]
    AdvanceForgetsEpilogue,

    [PlantedBug("An arithmetic shift of 32 bits fills with zeros.")]
    ArithmeticShiftForgetsSign,

    [PlantedBug("The carry of a sum forgets the carry that came in.")]
    CarryForgotten,

    [PlantedBug("Numbers of 64 bits are rounded to nearest whatever is in force.")]
    DirectionIgnored,

    [PlantedBug("sxt extends by the sign where zeros are asked for.")]
    ExtensionKeepsSign,

    [PlantedBug("The smaller of equal numbers is the first, zeros with their sign.")]
    ExtremeOfEqualsIsFirst,

    [PlantedBug("The sign of a field is its highest bit, whatever the control says.")]
    FieldSignAnywhere,

    [PlantedBug("Of two NaNs the first is the result.")]
    FirstNaNKept,

    [PlantedBug("The first of two stages is flushed.")]
    FirstStageFlushed,

    [PlantedBug("Small results are not flushed.")]
    FlushForgotten,

    [PlantedBug("A fused operation rounds its product.")]
    FusedRoundsTwice,

    [PlantedBug("The high half of a signed product is that of an unsigned one.")]
    HighProductWithoutSign,

    [PlantedBug("A rounded result of 32 bits does not flag that it is inexact.")]
    InexactForgotten,

    [PlantedBug("An inserted field is a bit too long.")]
    InsertedFieldTooLong,

    [PlantedBug("landp is invalid with an invalid right operand, whatever the left one.")]
    LandpNeedsBoth,

    [PlantedBug("Of equal smallest halves the second source has the place.")]
    LastSmallestHalf,

    [PlantedBug("A quotient that does not fit in 32 bits is cut off.")]
    LongQuotientTruncated,

    [PlantedBug("A moved f80 keeps bits above its exponent.")]
    MovedF80KeepsBits,

    [PlantedBug("Narrowing takes the first source for the low half.")]
    NarrowedSourcesSwapped,

    [PlantedBug("Registers that come into sight are valid.")]
    NewRegistersValid,

    [PlantedBug("Flags of a sum have overflow where signs differ.")]
    OverflowOfEqualSigns,

    [PlantedBug("A packed shift takes its count modulo the width.")]
    PackedCountModulo,

    [PlantedBug("Parity is that of all bits, not of the low byte.")]
    ParityOfWholeNumber,

    [PlantedBug("A result under an invalid guard is not marked.")]
    PoisonForgotten,

    [PlantedBug("f80 are always rounded to 64 bits.")]
    PrecisionIgnored,

    [PlantedBug("A procedure sees the predicates of its caller.")]
    PredicatesHandedOver,

    [PlantedBug("Equality with a quiet NaN is invalid.")]
    QuietNaNInvalid,

    [PlantedBug("Flags of a comparison exchange less and greater.")]
    RelationReversed,

    [PlantedBug("Rotation goes forward.")]
    RotationForward,

    [PlantedBug("Saturating differences wrap.")]
    SaturationWraps,

    [PlantedBug("A shift of 32 bits takes six bits of its count.")]
    ShiftCountBeyondWidth,

    [PlantedBug("A shuffled byte is not complemented.")]
    ShuffledComplementForgotten,

    [PlantedBug("A lane with the sign of zero is left as it is.")]
    SignOfZeroKept,

    [PlantedBug("A function of three bits has its first sources exchanged.")]
    ThreeBitCodeReversed,

    [PlantedBug("A number too large for an integer gives the largest one.")]
    TooLargeIntegerSaturates,
}
