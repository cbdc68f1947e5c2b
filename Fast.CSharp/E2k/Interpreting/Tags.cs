// Tags of widths. Spec: spec/e2k/state.md, E2K-ST-002.
namespace Ashlar.E2k;

/// <summary>Tags: four bits for each 64 of a register, two for each 32.</summary>
internal static class Tags
{
    private const int Invalid64 = 5;
    private const int Invalid32 = 1;

    /// <summary>The tag of an invalid value.</summary>
    internal static int Invalid(Width width) =>
        width switch
        {
            Width.Single => Invalid32,
            Width.Packed => Invalid64 | (Invalid64 << 4),
            _ => Invalid64,
        };

    /// <summary>The bits of a tag that a width has.</summary>
    internal static int Of(Width width, int tag) =>
        width switch
        {
            Width.Single => tag & 3,
            Width.Packed => tag,
            _ => tag & 15,
        };
}
