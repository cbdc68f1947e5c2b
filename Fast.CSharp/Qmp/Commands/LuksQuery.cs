// What is told of an encrypted image's header; nothing of its keys.
// Spec: spec/formats/luks.md (FMT-LUKS-017).
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>QCryptoBlockInfoLUKS.</summary>
internal static class LuksQuery
{
    /// <summary>The header's members, in QEMU's order.</summary>
    /// <param name="header">The header.</param>
    /// <param name="format">The member format, which an encrypted qcow2 image has; or null.</param>
    public static OptionValue Describe(LuksHeader header, string? format = null)
    {
        CipherSpec cipher = header.Cipher;
        List<(string, OptionValue)> members =
        [
            ("ivgen-alg", OptionValue.Of(CipherNames.NameOf(cipher.Numbering))),
            ("hash-alg", OptionValue.Of(cipher.Hash)),
            ("cipher-alg", OptionValue.Of(CipherNames.CipherOf(cipher))),
            ("uuid", OptionValue.Of(header.Uuid)),
        ];
        // Another numbering takes no hash, whatever the header names.
        if (cipher.Numbering == SectorNumbering.Essiv)
        {
            members.Add(("ivgen-hash-alg", OptionValue.Of(cipher.NumberingHash!)));
        }
        if (format is not null)
        {
            members.Add(("format", OptionValue.Of(format)));
        }
        members.Add(("cipher-mode", OptionValue.Of(CipherNames.NameOf(cipher.Chaining))));
        members.Add(("slots", Slots(header)));
        members.Add(("payload-offset", OptionValue.Of(header.PayloadBytes)));
        members.Add(("master-key-iters", OptionValue.Of((long)header.DigestIterations)));
        return OptionValue.Dictionary([.. members]);
    }

    private static OptionValue Slots(LuksHeader header)
    {
        OptionValue[] slots = new OptionValue[header.Slots.Length];
        for (int index = 0; index < slots.Length; index++)
        {
            LuksSlot slot = header.Slots[index];
            (string, OptionValue) offset = ("key-offset", OptionValue.Of(slot.OffsetBytes));
            slots[index] = slot.IsActive
                ? OptionValue.Dictionary(
                    ("active", OptionValue.True),
                    ("iters", OptionValue.Of((long)slot.Iterations)),
                    offset,
                    ("stripes", OptionValue.Of((long)slot.Stripes))
                )
                : OptionValue.Dictionary(("active", OptionValue.False), offset);
        }
        return OptionValue.List(slots);
    }
}
