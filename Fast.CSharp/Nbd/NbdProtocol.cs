// The numbers of the NBD protocol. Source: the public description of the protocol (doc/proto.md).
namespace Ashlar.Nbd;

/// <summary>Magic numbers of the newstyle handshake and of the transmission phase.</summary>
internal static class NbdMagic
{
    /// <summary><c>NBDMAGIC</c>, the first eight bytes of a server.</summary>
    public const ulong Init = 0x4e42444d41474943;

    /// <summary><c>IHAVEOPT</c>, before each option.</summary>
    public const ulong Option = 0x49484156454f5054;
}
