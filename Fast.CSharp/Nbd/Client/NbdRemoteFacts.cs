// What a handshake has found out about a server's export.
namespace Ashlar.Nbd;

internal sealed class NbdRemoteFacts
{
    internal long SizeBytes { get; set; }

    internal NbdExportFlags Flags { get; set; }

    /// <summary>Requests begin and end at multiples of it.</summary>
    internal uint MinimumBlockBytes { get; set; } = 1;

    /// <summary>No request has more data.</summary>
    internal uint MaximumBlockBytes { get; set; } = NbdLimits.PayloadBytes;

    internal bool HasStructuredReplies { get; set; }

    /// <summary>The id of base:allocation; null when the server has not got it.</summary>
    internal uint? AllocationId { get; set; }

    internal bool Can(NbdExportFlags flag) => (Flags & flag) != 0;
}
