// The secret that an encrypted image's option names. Spec: spec/formats/luks.md (FMT-LUKS-017).
using System;

namespace Ashlar.Block;

internal static class EncryptionSecrets
{
    /// <summary>The passphrase, or what is wrong with the option.</summary>
    /// <param name="graph">Whose secrets.</param>
    /// <param name="id">The option's value; null when it is missing.</param>
    /// <param name="option">The option's name.</param>
    /// <param name="passphrase">What the secret keeps.</param>
    public static BlockError? TryFind(
        BlockGraph graph,
        string? id,
        string option,
        out ReadOnlyMemory<byte> passphrase
    )
    {
        passphrase = default;
        return id is null
            ? new BlockError(
                BlockErrorKind.InvalidArgument,
                $"Parameter '{option}' is required for cipher"
            )
            : graph.TryFindPassphrase(id, out passphrase);
    }
}
