// The shapes that functions have, and how each is applied to whole operands.
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

internal delegate ulong Scalar2(ulong a, ulong b);

internal delegate ulong Scalar3(ulong a, ulong b, ulong c);

internal delegate V Vector2(V a, V b);

internal delegate V Vector3(V a, V b, V c);

/// <summary>128 bits of one or two sources make one number.</summary>
internal delegate ulong Gathering(V a, V b);

/// <summary>Two numbers make 128 bits.</summary>
internal delegate V Spreading(ulong a, ulong b);

/// <summary>128 bits and a number: a count, or bits for lanes.</summary>
internal delegate V VectorByScalar(V a, ulong b);

internal delegate ulong ScalarByNumber2(ulong a, ulong b, int number);

internal delegate ulong ScalarByNumber3(ulong a, ulong b, ulong c, int number);

internal delegate V VectorByNumber3(V a, V b, V c, int number);

internal delegate V SpreadingByNumber(ulong a, ulong b, int number);

/// <summary>A division; false where it traps.</summary>
internal delegate bool Dividing(ulong a, ulong b, out ulong result);

internal delegate ulong Choosing3(ulong a, ulong b, ulong c, bool chosen);

internal delegate ulong FloatScalar2(ulong a, ulong b, ref FloatControl control);

internal delegate ulong FloatScalar3(ulong a, ulong b, ulong c, ref FloatControl control);

internal delegate V FloatVector2(V a, V b, ref FloatControl control);

internal delegate V FloatVector3(V a, V b, V c, ref FloatControl control);

internal delegate ulong FloatGathering(V a, V b, ref FloatControl control);

internal delegate V FloatSpreading(ulong a, ulong b, ref FloatControl control);
