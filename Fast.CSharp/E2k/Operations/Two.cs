// Two stages as one function: the second takes the third source and the result of the first.
// Spec: spec/e2k/semantics.md, E2K-SEM-010.
namespace Ashlar.E2k.Operations;

/// <summary>Both stages of whole numbers; the JIT makes one function of them.</summary>
internal static class Two<F, G>
    where F : IScalar
    where G : IScalar
{
    internal static ulong Apply(ulong a, ulong b, ulong c) => G.Apply(c, F.Apply(a, b));
}

/// <summary>A merge, then a second stage.</summary>
internal static class Merged<G>
    where G : IScalar
{
    internal static ulong Apply(ulong a, ulong b, ulong c, bool chosen) =>
        G.Apply(c, chosen ? b : a);
}
