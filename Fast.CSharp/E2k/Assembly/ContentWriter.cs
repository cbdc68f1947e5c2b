// The bytes of sections, when addresses are known. Spec: spec/e2k/assembly.md, E2K-ASM-012,
// E2K-ASM-015 and E2K-ASM-022.
using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>Writes what a plan says.</summary>
internal sealed class ContentWriter(Plan plan, Placement placement, CodeWriter writer)
{
    /// <summary>The bytes of each section that the file holds.</summary>
    internal Dictionary<SectionKind, byte[]> Write()
    {
        Dictionary<SectionKind, byte[]> sections = [];
        foreach (SectionKind section in Sections.All)
        {
            if (section != SectionKind.Reserved)
            {
                sections.Add(section, new byte[plan.SizeOf(section)]);
            }
        }
        foreach (Item item in plan.Items)
        {
            if (sections.TryGetValue(item.Section, out byte[]? bytes))
            {
                Write(item, bytes.AsSpan((int)item.Offset));
            }
        }
        return sections;
    }

    private void Write(Item item, Span<byte> target)
    {
        switch (item.Content)
        {
            case Content.Bytes content:
                content.Values.CopyTo(target);
                break;
            case Content.Repeated content:
                Repeat(content, target);
                break;
            case Content.Numbers content:
                foreach (Segment value in content.Values)
                {
                    Write(value, content.Width, item.Standing, target);
                    target = target[content.Width..];
                }
                break;
            case Content.Code content:
                Write(content, item.Standing, target);
                break;
        }
    }

    private static void Repeat(Content.Repeated content, Span<byte> target)
    {
        if (content.Value == 0)
        {
            return;
        }
        Span<byte> one = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(one, content.Value);
        for (long count = 0; count < content.Count; count++)
        {
            one[..content.Width].CopyTo(target);
            target = target[content.Width..];
        }
    }

    /// <summary>
    /// A number as bytes, where it fits with or without a sign (E2K-ASM-012).
    /// </summary>
    private void Write(Segment value, int width, Standing standing, Span<byte> target)
    {
        long number = Expressions.Number(placement.AddressOf, plan.Names, standing, value);
        int bits = 8 * width;
        if (width < sizeof(long) && (number < -(1L << (bits - 1)) || number >= 1L << bits))
        {
            throw value.Problem(0, "E2K-ASM-012", $"{number} does not fit in {width} bytes");
        }
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        bytes[..width].CopyTo(target);
    }

    private void Write(Content.Code content, Standing standing, Span<byte> target)
    {
        long? Find(string name) => plan.Names.Find(standing, name)?.NumberAt(placement.AddressOf);

        foreach (string name in content.Operations.SelectMany(LabelsOf))
        {
            if (Find(name) is null)
            {
                throw content.Brace.Problem(0, "E2K-ASM-015", $"{name} is not defined");
            }
        }
        long here = standing.Here.NumberAt(placement.AddressOf);
        long Resolve(Quantity value) =>
            value.Offset + (value.Label is { } label ? Find(label) ?? 0 : 0);

        if (writer.TryWrite(content.Operations, Resolve, here, out uint[] words) is { } wrong)
        {
            throw content.Brace.Problem(0, wrong.Rule, wrong.Reason);
        }
        MemoryMarshal.AsBytes<uint>(words).CopyTo(target);
    }

    /// <summary>Names of labels in an operation.</summary>
    private static IEnumerable<string> LabelsOf(Operation operation) =>
        operation
            .Arguments.SelectMany(ValuesOf)
            .Concat(operation.Settings.Select(setting => setting.Value))
            .Select(value => value.Label)
            .OfType<string>();

    private static IEnumerable<Quantity> ValuesOf(Argument argument) =>
        argument switch
        {
            Argument.Number number => [number.Value],
            Argument.Literal literal => [literal.Value],
            Argument.Address { Index: null } address => ValuesOf(address.Base),
            Argument.Address address => ValuesOf(address.Base).Concat(ValuesOf(address.Index)),
            _ => [],
        };
}
