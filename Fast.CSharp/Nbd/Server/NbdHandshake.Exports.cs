// The options that name an export: INFO, GO and the metadata contexts.
// Spec: spec/block/nbd.md (BLK-NBD-005, BLK-NBD-006, BLK-NBD-007).
using System;
using System.Text;

namespace Ashlar.Nbd;

internal sealed partial class NbdHandshake
{
    // Names longer than this are cut where a text repeats them.
    private const int ShownNameBytes = 80;

    private const uint PreferredBlockBytes = 4096;

    // INFO and GO; a session only after a GO that was accepted.
    private NbdSession? Describe()
    {
        if (!TryTakeName(out byte[] name) || !TryTakeWishes(out bool wantsName))
        {
            return null;
        }
        ServedExport? export = _server.Find(name);
        if (export is null)
        {
            RefuseUnknown(name);
            return null;
        }
        if (wantsName)
        {
            ReplyInfo(NbdInfo.Name, name);
        }
        if (export.Description.Length > 0)
        {
            ReplyInfo(NbdInfo.Description, export.Description);
        }
        Span<byte> fields = stackalloc byte[12];
        NbdWriter sizes = new(fields);
        // Requests of any length at any offset are served, so one byte is the truth.
        sizes.Put(1u);
        sizes.Put(PreferredBlockBytes);
        sizes.Put((uint)NbdLimits.PayloadBytes);
        ReplyInfo(NbdInfo.BlockSize, fields);
        NbdWriter writer = new(fields);
        writer.Put((ulong)export.SizeBytes);
        writer.Put((ushort)FlagsOf(export));
        ReplyInfo(NbdInfo.Export, fields[..writer.LengthBytes]);
        Reply(NbdReply.Ack, []);
        return _option == NbdOption.Go ? Settle(export) : null;
    }

    private bool TryTakeWishes(out bool wantsName)
    {
        wantsName = false;
        bool isWhole = _payload.TryTake(out ushort count);
        for (int index = 0; index < count && isWhole; index++)
        {
            isWhole = _payload.TryTake(out ushort wish);
            wantsName |= isWhole && wish == (ushort)NbdInfo.Name;
        }
        if (!isWhole)
        {
            RefuseInconsistent();
        }
        else if (_payload.LeftBytes > 0)
        {
            RefuseLength();
            return false;
        }
        return isWhole;
    }

    // LIST_META_CONTEXT and SET_META_CONTEXT (BLK-NBD-007).
    private void AnswerContexts()
    {
        bool isSetting = _option == NbdOption.SetMetaContext;
        if (isSetting && !_hasStructuredReplies)
        {
            Refuse(
                NbdReply.ErrorInvalid,
                $"request option '{Title}' when structured reply is not negotiated"
            );
            return;
        }
        if (isSetting)
        {
            _allocationOf = null;
        }
        if (!TryTakeName(out byte[] name))
        {
            return;
        }
        ServedExport? export = _server.Find(name);
        if (export is null)
        {
            RefuseUnknown(name);
            return;
        }
        if (!_payload.TryTake(out uint count) || !TryTakeQueries(count, isSetting, out bool wants))
        {
            RefuseInconsistent();
            return;
        }
        wants |= count == 0 && !isSetting;
        if (wants)
        {
            byte[] context = new byte[sizeof(uint) + NbdAllocation.Context.Length];
            NbdWriter writer = new(context);
            writer.Put(NbdAllocation.ContextId);
            writer.Put(Encoding.ASCII.GetBytes(NbdAllocation.Context));
            Reply(NbdReply.MetaContext, context);
        }
        _allocationOf = isSetting && wants ? export : _allocationOf;
        Reply(NbdReply.Ack, []);
    }

    private bool TryTakeQueries(uint count, bool isSetting, out bool wantsAllocation)
    {
        wantsAllocation = false;
        Span<byte> query = stackalloc byte[NbdLimits.NameBytes];
        for (uint index = 0; index < count; index++)
        {
            if (!_payload.TryTake(out uint length))
            {
                return false;
            }
            // What is too long for a name names nothing that is here.
            bool isLong = length > NbdLimits.NameBytes;
            if (isLong ? !_payload.TrySkip(length) : !_payload.TryTake(query[..(int)length]))
            {
                return false;
            }
            ReadOnlySpan<byte> asked = isLong ? default : query[..(int)length];
            wantsAllocation |=
                asked.SequenceEqual("base:allocation"u8)
                // Listing takes a namespace for all that is in it.
                || (!isSetting && asked.SequenceEqual("base:"u8));
        }
        return true;
    }

    private bool TryTakeName(out byte[] name)
    {
        name = [];
        if (!_payload.TryTake(out uint length))
        {
            RefuseInconsistent();
            return false;
        }
        if (length > NbdLimits.NameBytes)
        {
            Refuse(NbdReply.ErrorInvalid, $"Invalid name length: {length}");
            return false;
        }
        name = new byte[length];
        if (!_payload.TryTake(name))
        {
            RefuseInconsistent();
            return false;
        }
        if (name.AsSpan().Contains((byte)0))
        {
            Refuse(NbdReply.ErrorInvalid, $"Unexpected embedded NUL in option {Title}");
            return false;
        }
        return true;
    }

    private void RefuseUnknown(byte[] name)
    {
        bool isShort = name.Length < ShownNameBytes;
        string shown = Encoding.UTF8.GetString(
            name.AsSpan(0, isShort ? name.Length : ShownNameBytes)
        );
        string rest = isShort ? "" : "...";
        Refuse(NbdReply.ErrorUnknown, $"export '{shown}{rest}' not present");
    }

    private void ReplyInfo(NbdInfo info, ReadOnlySpan<byte> value)
    {
        byte[] payload = new byte[sizeof(ushort) + value.Length];
        NbdWriter writer = new(payload);
        writer.Put((ushort)info);
        writer.Put(value);
        Reply(NbdReply.Info, payload);
    }
}
