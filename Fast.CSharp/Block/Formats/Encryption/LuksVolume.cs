// An open volume: its header, and its cipher if it was unlocked.
// Spec: spec/formats/luks.md (FMT-LUKS-001 to FMT-LUKS-008, FMT-LUKS-017).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>A volume in a storage that begins with its header.</summary>
internal sealed class LuksVolume : IDisposable
{
    private LuksVolume(LuksHeader header, SectorCipher? cipher)
    {
        Header = header;
        Cipher = cipher;
    }

    public LuksHeader Header { get; }

    /// <summary>Null while the volume is locked.</summary>
    public SectorCipher? Cipher { get; }

    /// <summary>Reads the header, and unlocks the volume if there is a passphrase.</summary>
    public static async ValueTask<(LuksVolume? Volume, BlockError? Error)> OpenAsync(
        ImageStorage storage,
        ReadOnlyMemory<byte>? passphrase
    )
    {
        byte[] bytes = new byte[LuksHeader.Bytes];
        BlockError? error = await storage.ReadAsync(0, bytes).ConfigureAwait(false);
        if (error is not null)
        {
            return (null, error.WithPrefix("Could not read encryption header: "));
        }
        error = LuksHeader.TryRead(bytes, out LuksHeader? header);
        if (error is not null)
        {
            return (null, error);
        }
        if (passphrase is not { } given)
        {
            return (new LuksVolume(header!, null), null);
        }
        (SectorCipher? cipher, error) = await LuksKeys
            .UnlockAsync(header!, storage, given)
            .ConfigureAwait(false);
        return error is null ? (new LuksVolume(header!, cipher), null) : (null, error);
    }

    /// <inheritdoc/>
    public void Dispose() => Cipher?.Dispose();
}
