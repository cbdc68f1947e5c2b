// What an embedder decides about a server once.
using System;

namespace Ashlar.Nbd;

/// <summary>The settings of an <see cref="NbdServer"/>.</summary>
public sealed class NbdServerOptions
{
    /// <summary>The default of <see cref="MaxConnections"/>.</summary>
    public const int DefaultMaxConnections = 100;

    /// <summary>
    /// Connections served at a time, whatever <see cref="MaxConnections"/> says: each has a thread,
    /// buffers and a descriptor, of which the process has no endless number (BLK-NBD-002).
    /// </summary>
    public const int ConnectionsMost = 1024;

    /// <summary>
    /// Connections that may be in their handshake at a time; one more, and the oldest of them is
    /// closed (BLK-NBD-002).
    /// </summary>
    public const int HandshakesMost = 64;

    /// <summary>
    /// Connections that have chosen an export and are served at a time, 0 for as many as there can
    /// be; more of them wait to be accepted (BLK-NBD-002). One connection holds at most about
    /// 32 MiB.
    /// </summary>
    public int MaxConnections { get; init; } = DefaultMaxConnections;

    /// <summary>How long a client may take to choose an export (BLK-NBD-002).</summary>
    public TimeSpan HandshakeLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Told of a defect: an exception that no client should be able to cause. The connection is
    /// closed, the others go on.
    /// </summary>
    public Action<Exception>? OnFault { get; init; }
}
