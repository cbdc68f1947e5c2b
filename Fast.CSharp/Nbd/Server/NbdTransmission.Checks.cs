// What is wrong with a request, before the graph sees it, in QEMU's order and with its texts; the
// error numbers are the protocol's. Spec: spec/block/nbd.md (BLK-NBD-011).
namespace Ashlar.Nbd;

internal sealed partial class NbdTransmission
{
    private NbdError Check(NbdRequest request, out string? text)
    {
        text = null;
        bool hasLimit = request.Command is NbdCommand.Read or NbdCommand.Write or NbdCommand.Cache;
        if (hasLimit && request.LengthBytes > NbdLimits.PayloadBytes)
        {
            text =
                $"len ({request.LengthBytes} ) is larger than max len ({NbdLimits.PayloadBytes})";
            return NbdError.Invalid;
        }
        bool isChange =
            request.Command is NbdCommand.Write or NbdCommand.WriteZeroes or NbdCommand.Trim;
        if (isChange && !_export.IsWritable)
        {
            text = "Export is read-only";
            return NbdError.NotPermitted;
        }
        ulong size = (ulong)_export.SizeBytes;
        if (request.Offset > size || request.LengthBytes > size - request.Offset)
        {
            text =
                $"operation past EOF; From: {request.Offset}, Len: {request.LengthBytes}, "
                + $"Size: {size}";
            return request.Command is NbdCommand.Write or NbdCommand.WriteZeroes
                ? NbdError.NoSpace
                : NbdError.Invalid;
        }
        if ((request.Flags & ~FlagsOf(request.Command)) != 0)
        {
            text =
                $"unsupported flags for command {TitleOf(request.Command)} "
                + $"(got 0x{(uint)request.Flags:x})";
            return NbdError.Invalid;
        }
        return CheckCommand(request, out text);
    }

    private NbdError CheckCommand(NbdRequest request, out string? text)
    {
        text = request.Command switch
        {
            > NbdCommand.BlockStatus => $"invalid request type ({(uint)request.Command}) received",
            NbdCommand.BlockStatus when request.LengthBytes == 0 => "need non-zero length",
            NbdCommand.BlockStatus when !_hasAllocation => "CMD_BLOCK_STATUS not negotiated",
            _ => null,
        };
        return text is null ? NbdError.None : NbdError.Invalid;
    }

    private NbdCommandFlags FlagsOf(NbdCommand command)
    {
        NbdCommandFlags flags = command switch
        {
            NbdCommand.Read when _hasStructuredReplies => NbdCommandFlags.DontFragment,
            NbdCommand.WriteZeroes => NbdCommandFlags.NoHole | NbdCommandFlags.FastZero,
            NbdCommand.BlockStatus => NbdCommandFlags.RequestOne,
            _ => NbdCommandFlags.None,
        };
        return flags | NbdCommandFlags.ForceUnitAccess;
    }

    private static string TitleOf(NbdCommand command) =>
        command switch
        {
            NbdCommand.Read => "read",
            NbdCommand.Write => "write",
            NbdCommand.Disconnect => "disconnect",
            NbdCommand.Flush => "flush",
            NbdCommand.Trim => "trim",
            NbdCommand.Cache => "cache",
            NbdCommand.WriteZeroes => "write zeroes",
            NbdCommand.BlockStatus => "block status",
            _ => "<unknown>",
        };
}
