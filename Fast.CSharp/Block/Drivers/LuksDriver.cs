// luks: a disk encrypted as a whole behind a header with its keys; the header and the ciphers are
// in Formats/Encryption. Spec: spec/formats/luks.md (FMT-LUKS-017, FMT-LUKS-018).
namespace Ashlar.Block;

/// <summary>The format driver <c>luks</c>.</summary>
public sealed partial class LuksDriver : BlockDriver
{
    private const BlockPermissions WriteAndResize =
        BlockPermissions.Write | BlockPermissions.Resize;

    // The volume behind another file child, while a reopen is in flight.
    private LuksVolume? _pending;
    private LuksVolume? _volume;

    internal LuksDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>What the header says; null before the open succeeded.</summary>
    internal LuksHeader? Header => _volume?.Header;

    /// <inheritdoc/>
    public override long LengthBytes
    {
        get
        {
            long behind = (Node.File?.Child.LengthBytes ?? 0) - (Header?.PayloadBytes ?? 0);
            // A host file that ends within a sector reads as zeroes to the sector's end.
            return behind <= 0 ? 0 : (behind + SectorMask) & ~SectorMask;
        }
    }

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition) =>
        opener.AttachFile(Node, ChildRoles.Image) ?? Read(out _volume);

    internal override void ChildPermissions(
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        // FMT-LUKS-018: the header is not written here, so that nothing is asked for its sake.
        ChildPermissionRules.ByRole(Node, roles, perm, shared, out childPerm, out childShared);
        childPerm = (childPerm & ~WriteAndResize) | (perm & WriteAndResize);
        childShared |= shared & WriteAndResize;
    }

    internal override BlockError? PrepareNewFile(ReopenEntry entry) => Read(out _pending);

    internal override void CommitReopen(ReopenEntry entry)
    {
        if (_pending is not null)
        {
            _volume?.Dispose();
            _volume = _pending;
            _pending = null;
        }
    }

    internal override void AbortReopen(ReopenEntry entry)
    {
        _pending?.Dispose();
        _pending = null;
    }

    internal override void Close()
    {
        _pending?.Dispose();
        _volume?.Dispose();
        _pending = null;
        _volume = null;
    }

    private BlockError? Read(out LuksVolume? volume)
    {
        volume = null;
        System.ReadOnlyMemory<byte>? passphrase = null;
        if (!Node.Graph.Options.LeavesLocked)
        {
            string? secret = Node.Effective.Find(OptionSchema.KeySecret)?.AsString;
            BlockError? error = EncryptionSecrets.TryFind(
                Node.Graph,
                secret,
                OptionSchema.KeySecret,
                out System.ReadOnlyMemory<byte> found
            );
            if (error is not null)
            {
                return error;
            }
            passphrase = found;
        }
        EdgeStorage storage = new(Node.File!);
        (volume, BlockError? refusal) = IoThread.Await(() =>
            LuksVolume.OpenAsync(storage, passphrase)
        );
        if (refusal is null && volume!.Header.PayloadBytes > storage.LengthBytes)
        {
            volume.Dispose();
            volume = null;
            refusal = new BlockError(
                BlockErrorKind.Corrupt,
                "Could not refresh total sector count: Input/output error"
            );
        }
        return refusal;
    }
}
