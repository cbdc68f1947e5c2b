// The numbers of the NBD protocol, and nothing else. Source: the public description of the protocol
// (doc/proto.md of the NBD project). Spec: spec/block/nbd.md.
using System;

namespace Ashlar.Nbd;

/// <summary>Magic numbers of the handshake and of the transmission phase.</summary>
internal static class NbdMagic
{
    /// <summary><c>NBDMAGIC</c>, the first eight bytes of a server.</summary>
    public const ulong Init = 0x4e42444d41474943;

    /// <summary><c>IHAVEOPT</c>, before each option.</summary>
    public const ulong Option = 0x49484156454f5054;

    public const ulong OptionReply = 0x0003e889045565a9;
    public const uint Request = 0x25609513;
    public const uint SimpleReply = 0x67446698;
    public const uint StructuredReply = 0x668e33ef;
}

/// <summary>Limits that both sides keep, in bytes unless named otherwise (BLK-NBD-010).</summary>
internal static class NbdLimits
{
    /// <summary>The longest name or description.</summary>
    public const int NameBytes = 4096;

    /// <summary>The longest payload of a request, and of an option.</summary>
    public const int PayloadBytes = 32 * 1024 * 1024;

    /// <summary>Requests of one connection that are served at a time.</summary>
    public const int RequestsInFlight = 16;

    /// <summary>Extents in one answer about the block status.</summary>
    public const int Extents = 128 * 1024;

    public const int RequestBytes = 28;
    public const int SimpleReplyBytes = 16;
    public const int ChunkBytes = 20;
    public const int OptionBytes = 16;
    public const int OptionReplyBytes = 20;

    /// <summary>The zeroes after the answer to the oldest way to choose an export.</summary>
    public const int ReservedBytes = 124;
}

[Flags]
internal enum NbdHandshakeFlags : ushort
{
    FixedNewstyle = 1,
    NoZeroes = 2,
}

/// <summary>What the client asks for during the handshake.</summary>
internal enum NbdOption : uint
{
    ExportName = 1,
    Abort = 2,
    List = 3,
    PeekExport = 4,
    StartTls = 5,
    Info = 6,
    Go = 7,
    StructuredReply = 8,
    ListMetaContext = 9,
    SetMetaContext = 10,
}

/// <summary>What the server answers to an option; errors have the highest bit set.</summary>
internal enum NbdReply : uint
{
    Ack = 1,
    Server = 2,
    Info = 3,
    MetaContext = 4,
    ErrorUnsupported = 0x80000001,
    ErrorPolicy = 0x80000002,
    ErrorInvalid = 0x80000003,
    ErrorPlatform = 0x80000004,
    ErrorTlsRequired = 0x80000005,
    ErrorUnknown = 0x80000006,
    ErrorShutdown = 0x80000007,
    ErrorBlockSizeRequired = 0x80000008,
    ErrorTooBig = 0x80000009,
}

internal enum NbdInfo : ushort
{
    Export = 0,
    Name = 1,
    Description = 2,
    BlockSize = 3,
}

/// <summary>What an export can do.</summary>
[Flags]
internal enum NbdExportFlags : ushort
{
    HasFlags = 1 << 0,
    ReadOnly = 1 << 1,
    Flush = 1 << 2,
    ForceUnitAccess = 1 << 3,
    Rotational = 1 << 4,
    Trim = 1 << 5,
    WriteZeroes = 1 << 6,
    DontFragment = 1 << 7,
    MultiConnection = 1 << 8,
    Resize = 1 << 9,
    Cache = 1 << 10,
    FastZero = 1 << 11,
}

internal enum NbdCommand : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    Cache = 5,
    WriteZeroes = 6,
    BlockStatus = 7,
}

[Flags]
internal enum NbdCommandFlags : ushort
{
    None = 0,
    ForceUnitAccess = 1 << 0,
    NoHole = 1 << 1,
    DontFragment = 1 << 2,
    RequestOne = 1 << 3,
    FastZero = 1 << 4,
}

/// <summary>The kinds of chunks; errors have the highest bit set.</summary>
internal enum NbdChunk : ushort
{
    None = 0,
    OffsetData = 1,
    OffsetHole = 2,
    BlockStatus = 5,
    Error = 0x8001,
    ErrorOffset = 0x8002,
}

/// <summary>The error numbers that may go over the wire.</summary>
internal enum NbdError : uint
{
    None = 0,
    NotPermitted = 1,
    Io = 5,
    NoMemory = 12,
    Invalid = 22,
    NoSpace = 28,
    Overflow = 75,
    NotSupported = 95,
    Shutdown = 108,
}

/// <summary>The one metadata context that is offered (BLK-NBD-007).</summary>
internal static class NbdAllocation
{
    public const string Context = "base:allocation";
    public const uint ContextId = 0;
    public const uint Hole = 1;
    public const uint Zero = 2;
}
