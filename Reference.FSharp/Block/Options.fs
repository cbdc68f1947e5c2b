/// Questions to flat options, defaults and inheritance (BLK-OPEN-003, BLK-OPEN-004).
namespace Ashlar.Reference.Block

/// Reading and joining of options.
module Options =
    /// The value of an option.
    let inline find (name: string) (options: OptionList) : Value voption = Value.find name options

    /// Whether an option is there.
    let has (name: string) (options: OptionList) : bool = (find name options).IsSome

    /// A boolean option; absent means off (BLK-OPEN-003).
    let flag (name: string) (options: OptionList) : bool =
        match find name options with
        | ValueSome(Value.Bool b) -> b
        | _ -> false

    /// A string option.
    let text (name: string) (options: OptionList) : string voption =
        match find name options with
        | ValueSome(Value.Str s) -> ValueSome s
        | _ -> ValueNone

    /// An integer option.
    let number (name: string) (options: OptionList) : int64 voption =
        match find name options with
        | ValueSome(Value.Int i) -> ValueSome i
        | _ -> ValueNone

    /// The first options, and of the second what the first lack.
    let join (first: OptionList) (second: OptionList) : OptionList =
        List.fold
            (fun all (name, value) -> if has name all then all else (name, value) :: all)
            first
            second

    let private default' name value (options: OptionList) : OptionList =
        if has name options then
            options
        else
            (name, value) :: options

    let private copy (parent: OptionList) name (options: OptionList) : OptionList =
        match find name parent with
        | ValueSome value -> default' name value options
        | ValueNone -> options

    /// What an inline child takes over from its parent's options, by its role (BLK-OPEN-004).
    let inheritFrom (role: Role) (parent: OptionList) (options: OptionList) : OptionList =
        let options =
            options
            |> copy parent "cache.direct"
            |> copy parent "cache.no-flush"
            |> copy parent "force-share"

        let options =
            if Role.has Role.Cow role then
                options
                |> default' "read-only" (Value.Bool true)
                |> default' "auto-read-only" (Value.Bool false)
            else
                options |> copy parent "read-only" |> copy parent "auto-read-only"

        default' "discard" (Value.Str "unmap") options

    /// What a root gets that says nothing (BLK-OPEN-003).
    let withDefaults (options: OptionList) : OptionList =
        options
        |> default' "cache.direct" (Value.Bool false)
        |> default' "cache.no-flush" (Value.Bool false)
        |> default' "read-only" (Value.Bool false)
        |> default' "auto-read-only" (Value.Bool false)

    /// The flags these options ask for (BLK-RO-001, BLK-RO-002).
    let flags (options: OptionList) : Flags = {
        Writable = not (flag "read-only" options)
        AutoReadOnly = flag "auto-read-only" options
    }

    /// detect-zeroes=unmap needs discard=unmap (BLK-OPEN-023, BLK-REOPEN-018).
    let detectZeroesText (options: OptionList) : string voption =
        if
            text "detect-zeroes" options = ValueSome "unmap"
            && text "discard" options <> ValueSome "unmap"
        then
            ValueSome
                "setting detect-zeroes to unmap is not allowed without setting discard operation \
                 to unmap"
        else
            ValueNone

    /// The permissions of a flat list such as `take-child-perms.0` (BLK-PERM-024).
    let permList (prefix: string) (options: OptionList) : Perm =
        let add perm (name: string, value) =
            match value with
            | Value.Str word when name.StartsWith(prefix, System.StringComparison.Ordinal) ->
                match Perm.ofQapi word with
                | ValueSome bit -> perm ||| bit
                | ValueNone -> perm
            | _ -> perm

        List.fold add Perm.None options

    /// The child's spec of that name.
    let rec childSpec (name: string) (children: (string * ChildSpec) list) : ChildSpec voption =
        match children with
        | [] -> ValueNone
        | (n, spec) :: rest -> if n = name then ValueSome spec else childSpec name rest

    /// Inline children as flat options of their parent, `file.driver` and so on (BLK-REOPEN-004).
    let rec flatten (prefix: string) (spec: Spec) : OptionList =
        let own = spec.Own |> List.map (fun (name, value) -> prefix + "." + name, value)

        let below (name, child) =
            let name = prefix + "." + name

            match child with
            | ChildSpec.Inline spec -> flatten name spec
            | ChildSpec.Reference node -> [ name, Value.Str node ]
            | ChildSpec.Nothing -> [ name, Value.Null ]

        own @ List.collect below spec.Children
