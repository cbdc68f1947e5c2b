/// The key=value form of command line options (BLK-SD-030 to BLK-SD-035), and that the machine's
/// own qemu-storage-daemon says the same of the same arguments.
module Ashlar.Conformance.Tests.Storaged.KeyvalTests

open System.Diagnostics
open Expecto
open FsCheck.FSharp
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Storaged.OptionTrees

let private parse (text: string) : Result<OptionValue, string> =
    let mutable options: OptionValue | null = null

    match KeyvalParser.Parse(text, "driver", &options) with
    | null -> Ok(nonNull options)
    | error -> Error error.Text

let private read (text: string) : Result<OptionValue, string> =
    parse text
    |> Result.bind (fun tree ->
        let mutable typed: OptionValue | null = null

        match KeyvalReader.Read(tree, KeyvalForm.Node, &typed) with
        | null -> Ok(nonNull typed)
        | error -> Error error.Text)

let private long = System.String('a', 128)

/// Arguments of --blockdev that are wrong, each with its text.
let private refused = [
    "", "Parameter 'driver' is missing"
    ",", "Invalid parameter ''"
    "=c", "Invalid parameter ''"
    "a..b=c", "Invalid parameter 'a..b'"
    ".a=c", "Invalid parameter '.a'"
    "a.=c", "Invalid parameter 'a.'"
    "1=2", "Invalid parameter '1'"
    "a.0x=2", "Invalid parameter 'a.0x'"
    "__org.foo=2", "Invalid parameter '__org.foo'"
    "null-co,node-name=a,=", "Invalid parameter ''"
    "a,b", "Expected '=' after parameter 'b'"
    "help,foo", "Expected '=' after parameter 'foo'"
    "help", "Help is not available for this option"
    "foo,?", "Help is not available for this option"
    // BLK-SD-033: a value and a level.
    "a.b=c,a=d", "Parameters 'a.*' used inconsistently"
    "a=d,a.b=c", "Parameters 'a.*' used inconsistently"
    "a=1,a.b", "Parameters 'a.*' used inconsistently"
    "a.b.c.d=2,a.b=3", "Parameters 'a.b.*' used inconsistently"
    // BLK-SD-032: numbers and names, and gaps.
    "a.0=x,a.b=c", "Parameters 'a.*' used inconsistently"
    "a.0=x,a.2=c", "Parameter 'a.1' missing"
    "a.99999999999999999999=2", "Parameter 'a.0' missing"
    "a.0=1,a.00=2,a.2=3", "Parameter 'a.1' missing"
    $"{long}=2", $"Parameter '{long}' is too long"
    $"x.{long}=2", $"Parameter fragment '{long}' is too long"
    "driver=help", "Parameter 'driver' does not accept value 'help'"
    " {}", "Parameter 'driver' does not accept value ' {}'"
    "driver.x=null-co", "Parameters 'driver.*' are unexpected"
    "null-co,read-only=maybe", "Parameter 'read-only' expects 'on' or 'off'"
    "null-co,read-only=1", "Parameter 'read-only' expects 'on' or 'off'"
    "null-co,read-only=ON", "Parameter 'read-only' expects 'on' or 'off'"
    "null-co,read-only.0=on", "Parameters 'read-only.*' are unexpected"
    "null-co,size=1M", "Parameter 'size' expects integer"
    "null-co,size=5.", "Parameter 'size' expects integer"
    "null-co,size=", "Parameter 'size' expects integer"
    "null-co,size=089", "Parameter 'size' expects integer"
    "null-co,size=9223372036854775808", "Parameter 'size' expects integer"
    "null-co,cache=on", "Invalid parameter type for 'cache', expected: object"
    "null-co,cache.0=on", "Invalid parameter type for 'cache', expected: object"
    "null-co,cache.direct=1", "Parameter 'cache.direct' expects 'on' or 'off'"
    "null-co,cache.x.y=1", "Parameter 'cache.x' is unexpected"
    "null-co,discard=foo,read-only=maybe", "Parameter 'discard' does not accept value 'foo'"
    "null-co,x.0=1", "Parameter 'x' is unexpected"
    "raw,node-name=a", "Parameter 'file' is missing"
    "raw,file.0=1", "Invalid parameter type for 'file', expected: BlockdevRef"
    "raw,file.driver=null-co,file.discard.x=1", "Parameters 'file.discard.*' are unexpected"
    "quorum,vote-threshold=x,children=b", "Invalid parameter type for 'children', expected: array"
    "quorum,vote-threshold=1,children.0.driver=null-co,children.0.size=k",
    "Parameter 'children.0.size' expects integer"
    "quorum,vote-threshold=1,children.0.driver=null-co,children.0.foo=k",
    "Parameter 'children.0.foo' is unexpected"
    "quorum,vote-threshold=1,children.0.0=a",
    "Invalid parameter type for 'null', expected: BlockdevRef"
    "blkdebug,image.driver=null-co,take-child-perms.0=foo",
    "Parameter 'null' does not accept value 'foo'"
    "blkdebug,image.driver=null-co,take-child-perms=foo",
    "Invalid parameter type for 'take-child-perms', expected: array"
    "blkdebug,image.driver=null-co,take-child-perms.0.x=foo",
    "Parameters 'take-child-perms.0.*' are unexpected"
]

let private taken = [
    "driver=qcow2,file.driver=file,file.filename=a,,b.img",
    "{driver: \"qcow2\", file: {driver: \"file\", filename: \"a,b.img\"}}"
    "null-co,size=0x10,read-zeroes=yes", "{driver: \"null-co\", size: 16, read-zeroes: True}"
    "null-co,size= +010,read-only=n", "{driver: \"null-co\", read-only: False, size: 8}"
    "null-co,size=-5", "{driver: \"null-co\", size: -5}"
    "null-co,size=-0x8000000000000000", "{driver: \"null-co\", size: -9223372036854775808}"
    "null-co,size=1,size=2,", "{driver: \"null-co\", size: 2}"
    "quorum,children.1=b,children.0=a,vote-threshold=1",
    "{driver: \"quorum\", children: [\"a\", \"b\"], vote-threshold: 1}"
    "quorum,children.00=b,children.0=a,vote-threshold=1",
    "{driver: \"quorum\", children: [\"a\"], vote-threshold: 1}"
    "file,filename=a=b,,", "{driver: \"file\", filename: \"a=b,\"}"
]

/// What the machine's own daemon says of an argument, without its prefix.
let private qemuSays (argument: string) =
    let info =
        ProcessStartInfo(
            "qemu-storage-daemon",
            [ "--blockdev"; argument ],
            RedirectStandardError = true
        )

    match Process.Start info with
    | null -> failtest "qemu-storage-daemon does not start"
    | child ->
        use child = child
        let text = child.StandardError.ReadToEnd()
        child.WaitForExit()
        text.TrimEnd('\n').Replace($"qemu-storage-daemon: --blockdev {argument}: ", "")

let tests =
    testList "key=value" [
        property 5_000 "BLK-SD-030 any text is options or refused" keyvalTexts (fun text ->
            match parse text with
            | Ok tree -> Expect.equal tree.Kind OptionKind.Dictionary text
            | Error error -> Expect.isNotEmpty error text)

        property
            500
            "BLK-SD-030 a value comes back with its commas doubled"
            keyvalTexts
            (fun value ->
                let text = "driver=" + value.Replace(",", ",,")

                Expect.equal
                    (parse text |> Result.map show)
                    (Ok(show (dict [ "driver", str value ])))
                    text)

        for argument, says in refused do
            test $"BLK-SD-035 --blockdev {argument} is refused" {
                Expect.equal (read argument |> Result.map show) (Error says) "refused"
            }

        for argument, typed in taken do
            test $"BLK-SD-034 --blockdev {argument}" {
                Expect.equal (read argument |> Result.map show) (Ok typed) "typed"
            }

        test "BLK-SD-031 many levels end with a refusal, in a key and in the file of a file" {
            let key levels = String.replicate levels "a." + "a=1"
            let tooDeep = Error "Options are nested deeper than 1024 levels"
            Expect.isOk (parse (key 1023)) "1024 levels"
            Expect.equal (parse (key 1024) |> Result.map show) tooDeep "1025 levels"
            Expect.equal (parse (key 60_000) |> Result.map show) tooDeep "what kills QEMU 7.2"

            let files =
                String.concat "," [ for n in 0..200 -> String.replicate n "file." + "driver=raw" ]

            Expect.equal
                (read files |> Result.map show)
                (Error "Options are nested deeper than 64 levels")
                "nodes"
        }

        test "BLK-SD-035 the machine's own daemon says the same" {
            Needs.program "qemu-storage-daemon" "qemu-system-common"

            for argument, says in refused do
                Expect.equal (qemuSays argument) says $"--blockdev {argument}"
        }
    ]
