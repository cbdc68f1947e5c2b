// file: a host file through two descriptors, a reader always and a writer while it is wanted.
// Spec: spec/block/file.md, read-only.md, open.md (BLK-OPEN-017, BLK-OPEN-024).
namespace Ashlar.Block;

/// <summary>The protocol driver <c>file</c> (BLK-FILE-001 to -021).</summary>
public sealed partial class FileDriver : BlockDriver
{
    private const BlockPermissions Writing =
        BlockPermissions.Write | BlockPermissions.WriteUnchanged | BlockPermissions.Resize;

    // A writer that a change in flight has opened (BLK-FILE-004), and whether it wants one at all.
    private HostFile? _pendingWriter;
    private bool _isDirect;
    private bool _isWriterWanted;
    private bool _isWriterWantedAfter;

    internal FileDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The path as given (BLK-FILE-020).</summary>
    public string Path { get; private set; } = "";

    /// <summary>True while the read-only descriptor is open: all the node's life.</summary>
    public bool HasReader => Reader is not null;

    /// <summary>
    /// True while the writable descriptor is open, and is writable by its own mode.
    /// </summary>
    public bool HasWriter => Writer is { IsWritable: true };

    /// <summary>
    /// The lock bytes held, as the driver knows it: bit i for byte 100 + i, bit 4 + i for byte 200
    /// + i (BLK-FILE-010).
    /// </summary>
    public int HeldLockMask => _held;

    /// <summary>The file the descriptors lead to.</summary>
    public FileIdentity Identity => Reader.Identity;

    /// <summary>
    /// The read-only descriptor, which also holds the locks; never null while the node lives.
    /// </summary>
    internal HostFile Reader { get; private set; } = null!;

    /// <summary>The writable descriptor, exactly while BLK-FILE-002 wants it.</summary>
    internal HostFile? Writer { get; private set; }

    /// <summary>Bytes the host keeps for the file; null when it does not tell.</summary>
    internal long? AllocatedBytes =>
        HasReader && Reader.AllocatedBytes is >= 0 and long bytes ? bytes : null;

    /// <inheritdoc/>
    public override long LengthBytes
    {
        // BLK-DATA-011
        get
        {
            // A closed node may still be asked by whoever kept it.
            long length = HasReader ? long.Max(0, Reader.Length) : 0;
            return length > long.MaxValue - SectorMask
                ? length
                : (length + SectorMask) & ~SectorMask;
        }
    }

    private bool IsStatic => Node.Graph.Options.AutoReadOnlyPolicy == AutoReadOnlyPolicy.Static;

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        Path = Node.Effective.Find(OptionSchema.Filename)!.AsString;
        _isDirect = Node.Effective.IsOn(CommonFlags.CacheDirect);
        UsesLocks = Node.Effective.Find(OptionSchema.Locking) is not { AsString: "off" };
        HostErrno errno = Node.Graph.Options.HostFiles.Open(
            Path,
            Mode(false),
            out HostFile? reader
        );
        if (errno != HostErrno.None)
        {
            return Refused(errno);
        }
        Reader = reader!;
        _isWriterWanted = IsWanted(Node.Writable, Node.AutoReadOnly, BlockPermissions.None);
        return (_isWriterWanted ? OpenFirstWriter() : null) ?? PrepareEngine();
    }

    internal override BlockError? CheckPermissions(
        GraphTransaction transaction,
        BlockPermissions perm,
        BlockPermissions shared
    )
    {
        if (!IsInTransaction)
        {
            transaction.Enlist(this);
            _isWriterWantedAfter = _isWriterWanted;
            _lockedPermAfter = _lockedPerm;
            _lockedSharedAfter = _lockedShared;
        }
        _isWriterWantedAfter = IsWanted(Node.WritableAfter, Node.AutoReadOnlyAfter, perm);
        if (_isWriterWantedAfter && Writer is null && _pendingWriter is null)
        {
            // BLK-RO-011, BLK-FILE-004
            HostErrno errno = OpenWriter(out _pendingWriter);
            if (errno != HostErrno.None)
            {
                return Refused(errno);
            }
        }
        return UsesLocks ? PrepareLocks(perm, shared) : null;
    }

    internal override void CommitPermissions()
    {
        _isWriterWanted = _isWriterWantedAfter;
        if (_isWriterWanted)
        {
            Writer ??= _pendingWriter;
        }
        else
        {
            // BLK-FILE-006: a close, which nobody can refuse.
            if (!Planted.Is(Bug.WriterKeptAfterLastWriter))
            {
                Writer?.Dispose();
                Writer = null;
            }
            _pendingWriter?.Dispose();
        }
        _pendingWriter = null;
        if (UsesLocks)
        {
            CommitLocks();
        }
    }

    internal override void AbortPermissions()
    {
        if (!Planted.Is(Bug.PendingWriterKeptAfterAbort))
        {
            _pendingWriter?.Dispose();
        }
        else if (_pendingWriter is not null)
        {
            Writer ??= _pendingWriter;
        }
        _pendingWriter = null;
        if (UsesLocks && Reader is not null)
        {
            AbortLocks();
        }
    }

    internal override bool IsMutable(string option) =>
        string.Equals(option, OptionSchema.CheckCacheDropped);

    internal override BlockError? PrepareReopen(ReopenEntry entry)
    {
        BlockError? error = SetDirect(entry.Effective.IsOn(CommonFlags.CacheDirect));
        bool mayDegrade = IsStatic && entry.Writable && entry.AutoReadOnly && Writer is null;
        if (error is not null || !mayDegrade)
        {
            return error;
        }
        // BLK-RO-015: whether the node will be read-write must be known before the refresh.
        if (_pendingWriter is null)
        {
            HostErrno errno = OpenWriter(out _pendingWriter);
            if (errno != HostErrno.None && !IsDegrading(errno))
            {
                return Refused(errno);
            }
            entry.Writable = errno == HostErrno.None;
        }
        return null;
    }

    internal override void AbortReopen(ReopenEntry entry)
    {
        // What was there before can be had again.
        _ = SetDirect(Node.Effective.IsOn(CommonFlags.CacheDirect));
        _pendingWriter?.Dispose();
        _pendingWriter = null;
    }

    internal override void Close()
    {
        _pendingWriter?.Dispose();
        Writer?.Dispose();
        Reader?.Dispose();
        _pendingWriter = null;
        Writer = null;
        Reader = null!;
        _held = 0;
    }

    // BLK-FILE-002
    private bool IsWanted(bool isWritable, bool isAutoReadOnly, BlockPermissions perm)
    {
        BlockPermissions writing = Planted.Is(Bug.WriteUnchangedNeedsNoWriter)
            ? Writing & ~BlockPermissions.WriteUnchanged
            : Writing;
        return isWritable && (!isAutoReadOnly || IsStatic || (perm & writing) != 0);
    }

    private BlockError? OpenFirstWriter()
    {
        HostErrno errno = OpenWriter(out HostFile? writer);
        Writer = writer;
        if (errno != HostErrno.None && Node.AutoReadOnly && IsDegrading(errno))
        {
            // BLK-RO-015; the dynamic policy does not come here, it wants no writer yet.
            Node.Writable = Planted.Is(Bug.DegradedNodeStaysReadWrite);
            _isWriterWanted = false;
            return null;
        }
        return errno == HostErrno.None ? null : Refused(errno);
    }

    // BLK-OPEN-017, BLK-IO-001
    private BlockError? PrepareEngine()
    {
        AioEngine engine = EngineOf(Node.Effective);
        if (engine == AioEngine.Threads)
        {
            return null;
        }
        return engine == AioEngine.Native && !_isDirect
            ? new BlockError(
                BlockErrorKind.NotSupported,
                "aio=native was specified, but it requires cache.direct=on, which was not "
                    + "specified."
            )
            : IoThread.Shared.TryPrepare(engine);
    }

    // BLK-FILE-004, BLK-FILE-005: by name, and it must be the file the reader holds.
    private HostErrno OpenWriter(out HostFile? writer)
    {
        HostErrno errno = Node.Graph.Options.HostFiles.Open(Path, Mode(true), out writer);
        if (
            errno == HostErrno.None
            && writer!.Identity != Reader.Identity
            && !Planted.Is(Bug.WriterMayBeAnotherFile)
        )
        {
            writer.Dispose();
            writer = null;
            errno = HostErrno.Stale;
        }
        return errno;
    }

    // BLK-IO-001, BLK-IO-008
    private HostFileMode Mode(bool writable) => new(writable, _isDirect, EngineOf(Node.Effective));

    // BLK-IO-008: both descriptors, and a writer that comes later; no request is in flight.
    private BlockError? SetDirect(bool direct)
    {
        if (direct == _isDirect)
        {
            return null;
        }
        HostErrno errno = Reader.SetDirect(direct);
        if (errno == HostErrno.None && Writer is not null)
        {
            errno = Writer.SetDirect(direct);
            _ = errno == HostErrno.None ? errno : Reader.SetDirect(!direct);
        }
        if (errno != HostErrno.None)
        {
            return Refused(errno, isDirect: direct);
        }
        _isDirect = direct;
        return null;
    }

    private static AioEngine EngineOf(in OptionSet options) =>
        options.Find(OptionSchema.Aio)?.AsString switch
        {
            "native" => AioEngine.Native,
            "io_uring" => AioEngine.IoUring,
            _ => AioEngine.Threads,
        };

    // BLK-FILE-003
    private BlockError Refused(HostErrno errno) => Refused(errno, _isDirect);

    // BLK-IO-008
    private BlockError Refused(HostErrno errno, bool isDirect) =>
        new(
            BlockErrorKind.Host,
            isDirect && errno == HostErrno.Invalid && IsOpenedThroughCache()
                ? $"Could not open '{Path}': filesystem does not support O_DIRECT"
                : $"Could not open '{Path}': {HostErrnoText.Of(errno)}"
        )
        {
            Errno = errno,
            Path = Path,
            NodeName = Node.Name,
        };

    // The kernel has one word for many mistakes; this tells which one it is.
    private bool IsOpenedThroughCache()
    {
        HostFileMode mode = new(Writable: false);
        HostErrno errno = Node.Graph.Options.HostFiles.Open(Path, mode, out HostFile? file);
        file?.Dispose();
        return errno == HostErrno.None;
    }

    private static bool IsDegrading(HostErrno errno) =>
        errno is HostErrno.AccessDenied or HostErrno.NotPermitted or HostErrno.ReadOnlyFileSystem;
}
