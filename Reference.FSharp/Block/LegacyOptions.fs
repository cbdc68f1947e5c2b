/// Options as QEMU 3.1 held them: one flat dictionary, members of an inline child under its
/// name and a dot (BLK-OPEN-030, BLK-REOPEN-031).
namespace Ashlar.Reference.Block

/// Flat options and what an inline child takes over.
module LegacyOptions =
    /// The switches that are always present in the effective options.
    let switches = [ "cache.direct"; "cache.no-flush"; "read-only"; "auto-read-only" ]

    /// All of them off, for what nobody said.
    let switchesOff = switches |> List.map (fun key -> key, Value.Bool false) |> Map.ofList

    let rec private flattenInto (path: string) (flat: Map<string, Value>) (value: Value) =
        let under key = if path = "" then key else path + "." + key

        match value with
        | Value.Dict members when not members.IsEmpty || path = "" ->
            members |> List.fold (fun flat (key, v) -> flattenInto (under key) flat v) flat
        | Value.List items when not items.IsEmpty ->
            items
            |> List.indexed
            |> List.fold (fun flat (i, v) -> flattenInto (under (string i)) flat v) flat
        | _ -> flat.Add(path, value)

    /// The flat form of nested options.
    let flatten (options: Value) : Map<string, Value> = flattenInto "" Map.empty options

    /// Whether a switch is on, given as a boolean or, by inheritance and qemu-io, as a word.
    let isOn (key: string) (options: Map<string, Value>) : bool =
        match options.TryFind key with
        | Some(Value.Bool on) -> on
        | Some(Value.Str word) -> word = "on"
        | _ -> false

    /// The string of that name, if it is one.
    let text (key: string) (options: Map<string, Value>) : string option =
        match options.TryFind key with
        | Some(Value.Str text) -> Some text
        | _ -> None

    /// The integer of that name, if it is one.
    let number (key: string) (options: Map<string, Value>) : int64 option =
        match options.TryFind key with
        | Some(Value.Int number) -> Some number
        | _ -> None

    /// The options of a child, without its name, and what remains.
    let split (child: string) (options: Map<string, Value>) =
        let prefix = child + "."
        let isOf (key: string) = key.StartsWith(prefix, System.StringComparison.Ordinal)
        let own, rest = Map.partition (fun key _ -> isOf key) options

        let shortened =
            own |> Map.toSeq |> Seq.map (fun (k, v) -> k.Substring prefix.Length, v) |> Map.ofSeq

        shortened, rest

    /// The options without those of a child and without the reference to it.
    let forget (child: string) (options: Map<string, Value>) =
        (split child options |> snd).Remove child

    /// Adds what is absent.
    let complete (defaults: Map<string, Value>) (options: Map<string, Value>) =
        Map.fold
            (fun (all: Map<string, Value>) key value ->
                if all.ContainsKey key then all else all.Add(key, value))
            options
            defaults

    let private orElse key value options = complete (Map.ofList [ key, value ]) options

    /// What an inline child takes over from the effective options of its parent (BLK-OPEN-004).
    let inheritFrom (parent: Map<string, Value>) (role: Role) (options: Map<string, Value>) =
        let take keys options =
            complete (parent |> Map.filter (fun key _ -> List.contains key keys)) options

        let options = take [ "cache.direct"; "cache.no-flush"; "force-share" ] options

        if Role.has Role.Cow role then
            options
            |> orElse "read-only" (Value.Str "on")
            |> orElse "auto-read-only" (Value.Str "off")
        else
            options
            |> take [ "read-only"; "auto-read-only" ]
            |> orElse "discard" (Value.Str "unmap")

    /// The options in the order of QEMU's dictionary (BLK-REOPEN-016).
    let inHashOrder (options: Map<string, Value>) : (string * Value) list =
        options |> Map.toList |> List.sortBy (fun (key, _) -> struct (QemuOrder.bucket key, key))
