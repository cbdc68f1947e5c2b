// A list of functions by name under construction: one method for each shape of function.
using System;
using System.Collections.Generic;
using System.Reflection;

namespace Ashlar.E2k.Operations;

/// <summary>Functions by name; each shape of function is applied in its own way.</summary>
internal sealed class Meanings
{
    private readonly Dictionary<string, Meaning> _byName = new(StringComparer.Ordinal);

    /// <summary>The types of the functions that two stages are made of.</summary>
    private readonly Dictionary<string, Type> _stages = new(StringComparer.Ordinal);

    internal Meaning? Find(string name) => _byName.GetValueOrDefault(name);

    internal Type? FindStage(string name) => _stages.GetValueOrDefault(name);

    internal void Stage(string name, Type function) => _stages.Add(name, function);

    internal void Add(Meaning meaning) => _byName.Add(meaning.Name, meaning);

    internal void Scalar(string name, Scalar2 f) => Add(Of(name, f));

    internal void Scalar3(string name, Scalar3 f) => Add(Of(name, f));

    internal void Vector(string name, Vector2 f) =>
        Whole(name, f, (in s) => Bits.Of(f(s.First.Vector, s.Second.Vector)));

    internal void Vector3(string name, Vector3 f) =>
        Whole(name, f, (in s) => Bits.Of(f(s.First.Vector, s.Second.Vector, s.Third.Vector)));

    internal void Gather(string name, Gathering f) =>
        Whole(name, f, (in s) => new(f(s.First.Vector, s.Second.Vector), 0));

    internal void Spread(string name, Spreading f) =>
        Whole(name, f, (in s) => Bits.Of(f(s.First.Low, s.Second.Low)));

    internal void ByScalar(string name, VectorByScalar f) =>
        Whole(name, f, (in s) => Bits.Of(f(s.First.Vector, s.Second.Low)));

    internal void ByByte(string name, ScalarByNumber2 f) =>
        Whole(name, f, (in s) => new(f(s.First.Low, s.Second.Low, s.Byte), 0));

    internal void Divide(string name, Dividing f) =>
        Add(
            new(
                name,
                MeaningKind.Dividing,
                (in s, ref _, out result) =>
                {
                    bool isDone = f(s.First.Low, s.Second.Low, out ulong low);
                    result = new(low, 0);
                    return isDone;
                },
                f.Method
            )
        );

    internal void Float(string name, MeaningKind kind, FloatScalar2 f) =>
        Add(OfFloat(name, kind, f));

    internal void Float3(string name, MeaningKind kind, FloatScalar3 f) =>
        Add(OfFloat(name, kind, f));

    internal void FloatVector(string name, MeaningKind kind, FloatVector2 f) =>
        Add(OfFloat(name, kind, f));

    internal void FloatVector3(string name, MeaningKind kind, FloatVector3 f) =>
        Add(OfFloat(name, kind, f));

    internal void FloatGather(string name, MeaningKind kind, FloatGathering f) =>
        Governed(name, kind, f, (in s, ref c) => new(f(s.First.Vector, s.Second.Vector, ref c), 0));

    internal void FloatSpread(string name, MeaningKind kind, FloatSpreading f) =>
        Governed(name, kind, f, (in s, ref c) => Bits.Of(f(s.First.Low, s.Second.Low, ref c)));

    internal static Meaning Of(string name, Scalar2 f) =>
        Made(name, f, (in s) => new(f(s.First.Low, s.Second.Low), 0));

    internal static Meaning Of(string name, Scalar3 f) =>
        Made(name, f, (in s) => new(f(s.First.Low, s.Second.Low, s.Third.Low), 0));

    internal static Meaning Of(string name, Choosing3 f) =>
        Made(name, f, (in s) => new(f(s.First.Low, s.Second.Low, s.Third.Low, s.Chosen), 0));

    internal static Meaning Of(string name, ScalarByNumber3 f, int number) =>
        Made(name, f, (in s) => new(f(s.First.Low, s.Second.Low, s.Third.Low, number), 0), number);

    internal static Meaning Of(string name, VectorByNumber3 f, int number) =>
        Made(
            name,
            f,
            (in s) => Bits.Of(f(s.First.Vector, s.Second.Vector, s.Third.Vector, number)),
            number
        );

    internal static Meaning Of(string name, SpreadingByNumber f, int number) =>
        Made(name, f, (in s) => Bits.Of(f(s.First.Low, s.Second.Low, number)), number);

    internal static Meaning OfFloat(string name, MeaningKind kind, FloatScalar2 f) =>
        Made(name, kind, f, (in s, ref c) => new(f(s.First.Low, s.Second.Low, ref c), 0));

    internal static Meaning OfFloat(string name, MeaningKind kind, FloatScalar3 f) =>
        Made(
            name,
            kind,
            f,
            (in s, ref c) => new(f(s.First.Low, s.Second.Low, s.Third.Low, ref c), 0)
        );

    internal static Meaning OfFloat(string name, MeaningKind kind, FloatVector2 f) =>
        Made(name, kind, f, (in s, ref c) => Bits.Of(f(s.First.Vector, s.Second.Vector, ref c)));

    internal static Meaning OfFloat(string name, MeaningKind kind, FloatVector3 f) =>
        Made(
            name,
            kind,
            f,
            (in s, ref c) => Bits.Of(f(s.First.Vector, s.Second.Vector, s.Third.Vector, ref c))
        );

    /// <summary>A function of the sources alone.</summary>
    internal delegate Bits Taking(in Sources sources);

    /// <summary>A function that rounds.</summary>
    internal delegate Bits Rounding(in Sources sources, ref FloatControl control);

    /// <summary>A function with no direct method: it moves whole registers or tags.</summary>
    internal void Moving(string name, Taking f) => Add(Made(name, f, null, null));

    private void Whole(string name, Delegate direct, Taking f) => Add(Made(name, direct, f));

    private void Governed(string name, MeaningKind kind, Delegate direct, Rounding f) =>
        Add(Made(name, kind, direct, f));

    private static Meaning Made(string name, Delegate direct, Taking f, int? constant = null) =>
        Made(name, f, direct.Method, constant);

    private static Meaning Made(string name, Taking f, MethodInfo? direct, int? constant) =>
        new(
            name,
            MeaningKind.Whole,
            (in s, ref _, out result) =>
            {
                result = f(in s);
                return true;
            },
            direct,
            constant
        );

    private static Meaning Made(string name, MeaningKind kind, Delegate direct, Rounding f) =>
        new(
            name,
            kind,
            (in s, ref c, out result) =>
            {
                result = f(in s, ref c);
                return true;
            },
            direct.Method
        );
}
