// What of the state a trace is made for: with it every register has a fixed place. Spec:
// spec/e2k/step.md, E2K-RUN-004.
namespace Ashlar.E2k;

/// <summary>The window's size and the areas that turn.</summary>
internal readonly record struct Shape(int Size, int Parameters, Rotation Based, Rotation Turning)
{
    /// <summary>A place that no register has.</summary>
    internal const int Nowhere = int.MinValue;

    internal static Shape Of(in Control control) =>
        new(control.Window.Size, control.Window.Parameters, control.Based, control.Turning);

    /// <summary>Whether a state has this shape.</summary>
    internal bool Fits(ref readonly Control control) =>
        control.Window.Size == Size
        && control.Window.Parameters == Parameters
        && control.Based.First == Based.First
        && control.Based.Pairs == Based.Pairs
        && control.Based.Turn == Based.Turn
        && control.Turning.Pairs == Turning.Pairs
        && control.Turning.Turn == Turning.Turn;

    /// <summary>
    /// A register's place: from the window's base on, or of a global -1 and down; where a new
    /// window is set beside it, in that.
    /// </summary>
    internal int PlaceOf(Operand operand, int size)
    {
        int number = operand.Number;
        switch (operand.Place)
        {
            case Place.Global:
                return number < RegisterFile.Globals ? -1 - number : Nowhere;
            case Place.Based when Based.Pairs == 0:
                return Nowhere;
            case Place.Based:
                number = Based.First + ((number + (2 * Based.Turn)) % (2 * Based.Pairs));
                break;
        }
        return number < size ? number : Nowhere;
    }

    /// <summary>Where a predicate is in the file.</summary>
    internal int PredicatePlace(int number) =>
        number < Turning.Pairs ? (number + Turning.Turn) % Turning.Pairs : number;
}
