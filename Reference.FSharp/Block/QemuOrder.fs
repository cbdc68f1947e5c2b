/// The order in which QEMU's dictionaries list their keys: by bucket of a hash. Only the choice
/// of the option that a refusal names depends on it (BLK-REOPEN-012, BLK-REOPEN-016).
namespace Ashlar.Reference.Block

/// The hash of QEMU's option dictionaries, as observed; tested against recorded refusals.
module QemuOrder =
    let private buckets = 512u

    /// The bucket of a key; keys of one bucket are rare, but for the items of one list.
    let bucket (key: string) : int =
        let bytes = System.Text.Encoding.UTF8.GetBytes key
        let mutable sum = 0x238F13AFu * uint32 bytes.Length

        for i in 0 .. bytes.Length - 1 do
            sum <- sum + (uint32 bytes[i] <<< (i * 5 % 24))

        int ((1103515243u * sum + 12345u) % buckets)

    /// The list that an item such as `a.0` is of.
    let private listOf (key: string) = key.TrimEnd([| '0' .. '9' |])

    /// The first of some keys. Items of one list share a bucket, where the order turns round with
    /// each copy of the dictionary: then any number is allowed in the text.
    let first (keys: string list) : string =
        let least = keys |> List.map bucket |> List.min

        match List.filter (fun key -> bucket key = least) keys with
        | key :: (_ :: _ as others) when
            listOf key <> key && others |> List.forall (fun other -> listOf other = listOf key)
            ->
            listOf key + "*"
        | among -> List.head among
