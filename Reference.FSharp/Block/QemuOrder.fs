/// The order in which QEMU's dictionaries list their keys: by bucket of a hash. Only the choice
/// of the option that a refusal names depends on it (BLK-REOPEN-012, BLK-REOPEN-016).
namespace Ashlar.Reference.Block

/// The hash of QEMU's option dictionaries, as observed; tested against recorded refusals.
module QemuOrder =
    let private buckets = 512u

    /// The bucket of a key; keys of one bucket are rare and not ordered here.
    let bucket (key: string) : int =
        let bytes = System.Text.Encoding.UTF8.GetBytes key
        let mutable sum = 0x238F13AFu * uint32 bytes.Length

        for i in 0 .. bytes.Length - 1 do
            sum <- sum + (uint32 bytes[i] <<< (i * 5 % 24))

        int ((1103515243u * sum + 12345u) % buckets)
