// The array unit: descriptors, indices, increments, store indices, and programs of fetch
// instructions. Spec: spec/e2k/state.md, E2K-ST-014.
namespace Ashlar.E2k;

/// <summary>A fetch instruction of the array unit.</summary>
/// <param name="Descriptor">Of 32.</param>
/// <param name="Format">log2 of the element's bytes, more one; 0 is none.</param>
/// <param name="Increment">Register of the increment; 0 is one element.</param>
/// <param name="Index">Register of the index; 0 is none.</param>
/// <param name="Area">Where its elements begin in the buffer; moves name it.</param>
/// <param name="Displacement">In bytes.</param>
public readonly record struct Fetch(
    int Descriptor,
    int Format,
    int Increment,
    int Index,
    int Area,
    long Displacement
);

/// <summary>The fetch instructions of one half, and how far each has got.</summary>
public sealed class FetchProgram(Fetch[] fetches)
{
    /// <summary>In the order of the program.</summary>
    public Fetch[] Fetches { get; } = fetches;

    /// <summary>Bytes that each has advanced.</summary>
    public ulong[] Positions { get; } = new ulong[fetches.Length];

    /// <summary>The first instruction whose elements are in an area; -1 if there is none.</summary>
    public int Find(int area)
    {
        for (int index = 0; index < Fetches.Length; index++)
        {
            if (Fetches[index].Area == area)
            {
                return index;
            }
        }
        return -1;
    }
}

/// <summary>Registers of the array unit.</summary>
public sealed class ArrayUnit
{
    public ulong[] Descriptors { get; } = new ulong[32];

    public ulong[] Indices { get; } = new ulong[16];

    public ulong[] Increments { get; } = new ulong[16];

    public ulong[] StoreIndices { get; } = new ulong[16];

    /// <summary>The registers of a kind; null for those that keep nothing here.</summary>
    internal ulong[]? Registers(ArrayRegister kind) =>
        kind switch
        {
            ArrayRegister.Descriptor => Descriptors,
            ArrayRegister.Index => Indices,
            ArrayRegister.Increment => Increments,
            ArrayRegister.StoreIndex => StoreIndices,
            _ => null,
        };

    /// <summary>Elements by which an increment register advances; 0 is one (E2K-ARR-004).</summary>
    internal ulong Increment(int number) => number == 0 ? 1 : Increments[number];

    /// <summary>Where the next element of an instruction is (E2K-ARR-003).</summary>
    internal ulong AddressOf(in Fetch fetch, ulong position) =>
        Descriptors[fetch.Descriptor]
        + (fetch.Index == 0 ? 0 : Indices[fetch.Index])
        + (ulong)fetch.Displacement
        + position;
}
