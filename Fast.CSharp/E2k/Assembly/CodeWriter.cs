// The words of bundles and of fetch instructions. Spec: spec/e2k/assembly.md, E2K-ASM-005.
using System.Collections.Generic;
using System.Linq;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>Encodes operations in braces.</summary>
internal sealed class CodeWriter(int version)
{
    private readonly BundleEncoder _encoder = new(version);

    /// <summary>
    /// The words with 0 for labels: no size depends on what a label is (E2K-LIT-006).
    /// </summary>
    internal Illegal? TrySize(List<Operation> operations, out uint[] words) =>
        TryWrite(operations, value => value.Label is null ? value.Offset : 0, 0, out words);

    internal Illegal? TryWrite(
        IReadOnlyList<Operation> operations,
        Resolver resolve,
        long here,
        out uint[] words
    ) =>
        operations.Any(operation => operation.Name == FetchPairs.Name)
            ? FetchPairs.TryEncode(operations, resolve, out words)
            : _encoder.TryEncode(operations, resolve, here, out words);
}
