// Where sections begin. Spec: spec/e2k/assembly.md, E2K-ASM-020.

namespace Ashlar.E2k.Assembly;

/// <summary>The addresses of a plan's sections.</summary>
internal sealed class Placement
{
    private readonly long[] _addresses;

    internal Placement(Plan plan)
    {
        bool isWritable = plan.SizeOf(SectionKind.Data) + plan.SizeOf(SectionKind.Reserved) > 0;
        long text = Aligned(
            plan.AlignmentOf(SectionKind.Text),
            Assembler.FirstAddress + (long)ProgramWriter.HeadersSize(isWritable)
        );
        long behindText = text + plan.SizeOf(SectionKind.Text);
        long constants = Aligned(plan.AlignmentOf(SectionKind.Constants), behindText);
        long finish =
            plan.SizeOf(SectionKind.Constants) > 0
                ? constants + plan.SizeOf(SectionKind.Constants)
                : behindText;
        long page = (long)ProgramWriter.PageSize;

        (long Data, long Reserved, long End) Place(long start)
        {
            long data = Aligned(plan.AlignmentOf(SectionKind.Data), start);
            long reserved = Aligned(
                plan.AlignmentOf(SectionKind.Reserved),
                data + plan.SizeOf(SectionKind.Data)
            );
            return (data, reserved, Aligned(8, reserved + plan.SizeOf(SectionKind.Reserved)));
        }

        // At the same place in the next page, but from its start where that takes a page less.
        long next = Aligned(page, finish) + (finish & (page - 1));
        long last = Place(next).End;
        long head = -next & (page - 1);
        long tail = last & (page - 1);
        bool isShorter =
            head != 0 && tail != 0 && next / page != last / page && head + tail <= page;
        (long data, long reserved, _) = Place(isShorter ? Aligned(page, finish) : next);
        _addresses = [text, constants, data, reserved];
    }

    internal long AddressOf(SectionKind section) => _addresses[(int)section];

    private static long Aligned(long boundary, long value) =>
        (value + boundary - 1) & ~(boundary - 1);
}
