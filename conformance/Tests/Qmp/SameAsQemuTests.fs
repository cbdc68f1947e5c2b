/// The same commands to this server and to the machine's own qemu-storage-daemon: every refusal's
/// class and text, and what queries return (BLK-QMP-007, BLK-QMP-009, BLK-OBJ-004).
module Ashlar.Conformance.Tests.Qmp.SameAsQemuTests

open System.IO
open System.Text
open System.Text.Json.Nodes
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Qmp

let private version = QmpVersion(0, 1, 0, "test")

let private nothing (_: string) = ()

let private line (name: string) (arguments: string) =
    "{\"execute\":\"" + name + "\",\"arguments\":" + arguments + "}\n"

let private ours (commands: byte[]) : JsonObject list =
    let connector = Ashlar.Nbd.NbdConnector()
    let options = BlockGraphOptions(HostFiles = LinuxHostFiles(), RemoteExports = connector)
    use graph = new BlockGraph(options)
    use server = new StorageCommands(graph, version)

    SessionTests.talkWith (QmpDispatcher(server, version, null)) [
        Encoding.UTF8.GetBytes(line "qmp_capabilities" "{}")
        commands
    ]
    |> RealDaemon.repliesOf
    |> List.tail

/// What a reply says, with nothing in it that may differ.
let private essence (reply: JsonObject) : string =
    match RealDaemon.refusal reply with
    | null ->
        match RealDaemon.find "return" reply with
        | null -> "nothing"
        | value -> value.ToJsonString()
    | text -> text

/// A value with the members of objects in order, options as a file name read as well, and without
/// the numbers of nodes that nobody named.
let rec private normal (node: JsonNode | null) : string =
    match node with
    | null -> "null"
    | :? JsonObject as members ->
        members
        |> Seq.sortWith (fun a b -> System.String.CompareOrdinal(a.Key, b.Key))
        |> Seq.map (fun pair -> $"{pair.Key}: {normal pair.Value}")
        |> String.concat ", "
        |> sprintf "{%s}"
    | :? JsonArray as items -> items |> Seq.map normal |> String.concat ", " |> sprintf "[%s]"
    | value when value.GetValueKind() = System.Text.Json.JsonValueKind.String ->
        match value.GetValue<string>() with
        | text when text.StartsWith "json:" -> "json:" + normal (JsonNode.Parse text[5..])
        | text when text.StartsWith "#block" -> "#block"
        | text -> text
    | value -> value.ToJsonString()

let private details (reply: JsonObject) : string =
    match RealDaemon.refusal reply with
    | null -> normal (RealDaemon.find "return" reply)
    | text -> text

let private compareBy essence prepare (commands: (string * string) list) =
    Temporary.withDirectory "same" (fun directory ->
        prepare directory

        let lines = [
            for name, arguments in commands -> line name (arguments.Replace("DIR", directory))
        ]

        let bytes = Encoding.UTF8.GetBytes(String.concat "" lines)
        let theirs = RealDaemon.replies directory bytes |> List.map essence
        Expect.hasLength theirs lines.Length "the daemon answers every command"
        let mine = ours bytes |> List.map essence

        for line, mine, theirs in List.zip3 lines mine theirs do
            Expect.equal mine theirs line)

let private compare = compareBy essence nothing

/// Arguments that do not fit their types. Each command stands alone, so they can share a daemon.
let private misfits = [
    "block_resize", "{}"
    "block_resize", """{"size":"x"}"""
    "block_resize", """{"size":1}"""
    "block_resize", """{"size":1,"device":5}"""
    "block_resize", """{"size":1.5,"device":"a"}"""
    "block_resize", """{"size":18446744073709551615,"device":"a"}"""
    "block_resize", """{"size":1.0,"device":"a"}"""
    "block_resize", """{"size":1,"device":"a","node-name":"b"}"""
    "block_resize", """{"size":1,"device":"a","zz":"b"}"""
    "block_resize", """{"size":null}"""
    "blockdev-del", "{}"
    "blockdev-del", """{"node-name":1}"""
    "blockdev-del", """{"node-name":"n","id":"x"}"""
    "blockdev-snapshot", """{"overlay":"n"}"""
    "blockdev-snapshot", """{"node":"n","overlay":"x"}"""
    "blockdev-reopen", "{}"
    "blockdev-reopen", """{"options":{}}"""
    "blockdev-reopen", """{"options":[5]}"""
    "blockdev-reopen", """{"options":[{}],"x":1}"""
    "blockdev-reopen", """{"options":[{"driver":"null-co"}],"x":1}"""
    "blockdev-reopen", """{"options":[{"driver":"file"}]}"""
    "nbd-server-start", "{}"
    "nbd-server-start", """{"addr":5}"""
    "nbd-server-start", """{"addr":{}}"""
    "nbd-server-start", """{"addr":{"type":"foo"}}"""
    "nbd-server-start", """{"addr":{"type":"unix"}}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":{}}}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":5}}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":{"path":5}}}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":{"path":"a","x":1}}}"""
    "nbd-server-start", """{"addr":{"type":"unix","path":"/x","data":{"path":"a"}}}"""
    "nbd-server-start", """{"addr":{"type":"inet","data":{"host":"127.0.0.1"}}}"""
    "nbd-server-start", """{"addr":{"type":"inet","data":{"host":"h","port":5}}}"""
    "nbd-server-start", """{"addr":{"type":"inet","data":{"host":"h","port":"1","to":70000}}}"""
    "nbd-server-start", """{"addr":{"type":"inet","data":{"host":"h","port":"1","to":"x"}}}"""
    "nbd-server-start", """{"addr":{"type":"inet","data":{"host":"h","port":"1","to":-1}}}"""
    "nbd-server-start", """{"addr":{"type":"inet","data":{"host":"h","port":"1","ipv4":1}}}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":{"path":"a"}},"max-connections":-1}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":{"path":"a"}},"max-connections":"5"}"""
    "nbd-server-start",
    """{"addr":{"type":"unix","data":{"path":"a"}},"max-connections":18446744073709551615}"""
    "nbd-server-start",
    """{"addr":{"type":"unix","data":{"path":"a"}},"max-connections":4294967296}"""
    "nbd-server-add", "{}"
    "nbd-server-add", """{"device":"n"}"""
    "nbd-server-remove", """{"name":"n"}"""
    "nbd-server-remove", """{"name":"n","mode":"foo"}"""
    "nbd-server-stop", """{"name":"n"}"""
    "nbd-server-stop", "{}"
    "block-export-add", "{}"
    "block-export-add", """{"type":"foo"}"""
    "block-export-add", """{"type":5}"""
    "block-export-add", """{"type":"nbd"}"""
    "block-export-add", """{"type":"nbd","id":"a"}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n"}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n","writable":1}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n","name":1}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n","bitmaps":5}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n","bitmaps":[5]}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n","bitmaps":[{"node":"a"}]}"""
    "block-export-add", """{"type":"nbd","id":"a","node-name":"n","zz":1}"""
    "block-export-del", "{}"
    "block-export-del", """{"id":"n"}"""
    "block-export-del", """{"id":"n","mode":"x"}"""
    "object-add", "{}"
    "object-add", """{"qom-type":"foo","id":"x"}"""
    "object-add", """{"qom-type":"throttle-group"}"""
    "object-add", """{"qom-type":"throttle-group","id":"t","limits":5}"""
    "object-add", """{"qom-type":"throttle-group","id":"t","limits":{"iops-total":"a"}}"""
    "object-add", """{"qom-type":"throttle-group","id":"t","limits":{"zz":"a"}}"""
    "object-add", """{"qom-type":"throttle-group","id":"t","x-iops-total":"a"}"""
    "object-add", """{"qom-type":"iothread","id":"i","zz":1}"""
    "object-add", """{"qom-type":"secret","id":"s","data":"x","format":"foo"}"""
    "object-del", """{"id":"zz"}"""
    "object-del", "{}"
    "query-named-block-nodes", """{"flat":1}"""
    "query-version", """{"a":1}"""
    "query-block-exports", """{"a":1}"""
    "quit", """{"a":1}"""
    "no-such-command", "{}"
]

let private group (id: string) (limits: string) =
    "object-add", "{\"qom-type\":\"throttle-group\",\"id\":\"" + id + "\"," + limits + "}"

let private limits (id: string) (all: string) = group id ("\"limits\":{" + all + "}")

let private secret (id: string) (properties: string) =
    "object-add", "{\"qom-type\":\"secret\",\"id\":\"" + id + "\"" + properties + "}"

let private thread (id: string) (properties: string) =
    "object-add", "{\"qom-type\":\"iothread\",\"id\":\"" + id + "\"" + properties + "}"

let private objects = [
    limits "t" ""
    limits "t" ""
    limits "t" "\"iops-total\":-5"
    limits "t" "\"iops-total-max-length\":4294967296"
    limits "0t" "\"iops-total-max-length\":4294967296"
    limits "a/b" ""
    limits "" ""
    group "t" "\"x-iops-total\":-5"
    thread "t" ",\"poll-max-ns\":-1"
    thread "t" ",\"thread-pool-min\":5,\"thread-pool-max\":2"
    secret "t" ""
    limits "a1" "\"iops-total\":-5"
    limits "a2" "\"iops-total\":5,\"iops-read\":5"
    limits "a3" "\"iops-total-max\":5"
    limits "a4" "\"iops-total\":500,\"iops-total-max\":5"
    limits "a5" "\"iops-total\":5,\"iops-total-max-length\":0"
    limits "a6" "\"iops-total\":5,\"iops-total-max-length\":5"
    limits "a7" "\"iops-total\":1000000000000001"
    limits "a8" "\"iops-size\":5"
    limits "a9" "\"iops-size\":5,\"bps-total\":1"
    limits "b1" "\"iops-size\":-5,\"iops-total\":1"
    limits "b2" "\"bps-total-max\":5,\"bps-read-max\":1"
    limits "b3" "\"bps-read\":5,\"bps-write-max\":1"
    limits "b4" "\"iops-total\":5,\"iops-total-max\":20,\"iops-total-max-length\":4"
    limits "b5" "\"iops-total\":5,\"iops-total-max\":20,\"iops-total-max-length\":-1"
    limits "b6" "\"bps-total\":1,\"bps-total-max\":1000000000000000,\"bps-total-max-length\":2"
    limits "b7" "\"iops-read\":-1,\"iops-total\":1"
    limits "b8" "\"iops-total\":5,\"iops-total-max\":1000000000000001"
    group "c1" "\"x-iops-size\":-1"
    group "c2" "\"x-iops-total-max-length\":4294967296"
    group "c3" "\"x-iops-total\":1,\"x-iops-total-max-length\":0"
    group "c4" "\"x-iops-total\":5,\"x-iops-total-max\":10,\"x-iops-total-max-length\":9"
    thread "i1" ""
    thread "i2" ",\"poll-max-ns\":1,\"poll-grow\":2,\"poll-shrink\":2,\"aio-max-batch\":4"
    thread "i3" ",\"aio-max-batch\":-2"
    thread "i4" ",\"thread-pool-min\":70,\"thread-pool-max\":2"
    thread "i5" ",\"thread-pool-min\":-1"
    thread "i6" ",\"thread-pool-max\":0"
    thread "i7" ",\"thread-pool-max\":2147483648"
    thread "i8" ",\"thread-pool-min\":1,\"thread-pool-max\":3"
    secret "s1" ""
    secret "s2" ",\"data\":\"x\",\"file\":\"y\""
    secret "s3" ",\"file\":\"/nonexistent\""
    secret "s4" ",\"file\":\"/\""
    secret "s5" ",\"data\":\"x!!\",\"format\":\"base64\""
    secret "s6" ",\"data\":\"YWJ\",\"format\":\"base64\""
    secret "s7" ",\"data\":\"YWJj\\n\",\"format\":\"base64\",\"iv\":\"!!\""
    secret "s8" ",\"data\":\"x\",\"keyid\":\"i1\""
    secret "s8" ",\"data\":\"x\",\"keyid\":\"no\""
    secret "s9" ",\"data\":\"x\",\"loaded\":true"
    secret "sa" ",\"data\":\"\""
    "object-del", """{"id":"s6"}"""
    "object-del", """{"id":"s6"}"""
    "object-del", """{"id":"t"}"""
    limits "t" ""
]

let private export (id: string) (more: string) =
    "block-export-add", "{\"type\":\"nbd\",\"id\":\"" + id + "\",\"node-name\":\"f\"" + more + "}"

let private long = System.String('x', 4097)

let private exports = [
    "blockdev-add", """{"driver":"null-co","node-name":"n","size":1048576}"""
    "blockdev-add", """{"driver":"raw","node-name":"f","file":"n","read-only":true}"""
    export "e" ""
    "nbd-server-start", """{"addr":{"type":"unix","data":{"path":"DIR/nbd.sock"}}}"""
    "nbd-server-start", """{"addr":{"type":"unix","data":{"path":"DIR/other.sock"}}}"""
    export "e" ",\"writable\":true"
    export "0" ",\"iothread\":\"no\""
    export "e" ",\"writable\":true,\"iothread\":\"no\""
    export "e" ",\"iothread\":\"no\",\"bitmaps\":[\"b\"]"
    export "e" ",\"bitmaps\":[\"b\"]"
    export "e" ",\"bitmaps\":[{\"node\":\"zz\",\"name\":\"b\"}]"
    export "e" ",\"bitmaps\":[{\"node\":\"n\",\"name\":\"b\"}]"
    export "e" (",\"name\":\"" + long + "\"")
    export "e" (",\"description\":\"" + long + "\"")
    export "e" ",\"description\":\"d\",\"bitmaps\":[]"
    export "e" ",\"iothread\":\"no\""
    export "g" ""
    export "g" ",\"name\":\"g\",\"allocation-depth\":true,\"writethrough\":true"
    "query-block-exports", "{}"
    "nbd-server-add", """{"device":"f","name":"q","bitmap":"b"}"""
    "nbd-server-add", """{"device":"f","name":"q","writable":true}"""
    "query-block-exports", "{}"
    "nbd-server-remove", """{"name":"zz"}"""
    "blockdev-del", """{"node-name":"f"}"""
    "block_resize", """{"node-name":"n","size":2097152}"""
    "block_resize", """{"node-name":"f","size":-1}"""
    "block_resize", """{"device":"zz","node-name":"n","size":2097152}"""
]

/// Addresses of servers where nobody listens: TCP port 1 belongs to a service that nobody runs.
let private addresses =
    [
        "{}"
        """{"type":"inet"}"""
        """{"type":"inet","host":"h"}"""
        """{"type":"inet","port":"1"}"""
        """{"type":"inet","host":"127.0.0.1","port":1}"""
        """{"type":"inet","host":"127.0.0.1","port":"1"}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","path":"x"}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","numeric":true,"to":65535}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","to":65536}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","to":-1}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","to":"2"}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","ipv4":true}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","ipv4":false}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","ipv6":true}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","ipv4":true,"ipv6":true}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","ipv4":false,"ipv6":false}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","keep-alive":true}"""
        """{"type":"inet","host":"127.0.0.1","port":"1","mptcp":false}"""
        """{"type":"inet","host":"::1","port":"1","ipv4":true}"""
        """{"type":"inet","host":"::1","port":"1","ipv6":false}"""
        """{"type":"inet","host":"","port":"1"}"""
        """{"type":"inet","host":"127.0.0.1","port":""}"""
        """{"type":"inet","host":"127.0.0.1","port":"nowhere"}"""
        """{"type":"inet","host":"127.0.0.1","port":"-1"}"""
        """{"type":"unix"}"""
        """{"type":"unix","path":"/nonexist","host":"h"}"""
        """{"type":"unix","path":"/nonexist","abstract":false,"tight":true}"""
        """{"type":"unix","path":"/nonexist","abstract":1}"""
        """{"type":"vsock"}"""
        """{"type":"vsock","cid":"2"}"""
        """{"type":"fd"}"""
        """{"type":"fd","str":"0"}"""
        """{"type":"fd","str":"0","x":1}"""
        """{"type":"other"}"""
        """{"type":1}"""
        """{"host":"x"}"""
    ]
    |> List.map (fun server ->
        "blockdev-add", "{\"driver\":\"nbd\",\"node-name\":\"n\",\"server\":" + server + "}")

/// Names that lead nowhere, in a directory with an empty file and a directory.
let private names =
    let secret file =
        "object-add", "{\"qom-type\":\"secret\",\"id\":\"s\",\"file\":\"" + file + "\"}"

    let free = "object-del", """{"id":"s"}"""
    let long = System.String('x', 2000)

    let remote more = "blockdev-add", "{\"driver\":\"nbd\",\"node-name\":\"n\"," + more + "}"

    [
        secret ""
        free
        secret "missing"
        secret "DIR"
        free
        secret "DIR/empty/x"
        secret long
        secret "DIR/empty"
        secret ""
        free
        "nbd-server-start",
        "{\"addr\":{\"type\":\"inet\",\"data\":{\"host\":\"" + long + "\",\"port\":\"1\"}}}"
        remote ("\"server\":{\"type\":\"inet\",\"host\":\"" + long + "\",\"port\":\"1\"}")
        remote (
            "\"export\":\""
            + System.String('e', 5000)
            + "\",\"server\":{\"type\":\"unix\",\"path\":\"missing\"}"
        )
    ]

let private images (directory: string) =
    Needs.qemuImg ()
    let at name = Path.Combine(directory, name)
    File.WriteAllBytes(at "base.raw", Array.init 1048576 (fun at -> byte (at / 65536)))
    Directory.CreateDirectory(at "sub") |> ignore

    for name, options in
        [
            "top.qcow2", [ "-b"; "base.raw"; "-F"; "raw" ]
            "chain.qcow2", [ "-b"; "top.qcow2"; "-F"; "qcow2" ]
            "absolute.qcow2", [ "-b"; at "top.qcow2"; "-F"; "qcow2" ]
            "remote.qcow2", [ "-u"; "-b"; "nbd://h:1/e"; "-F"; "raw"; "-o"; "size=1M" ]
            "sub/relative.qcow2", [ "-u"; "-b"; "../top.qcow2"; "-F"; "qcow2"; "-o"; "size=1M" ]
            "old.qcow2", [ "-o"; "compat=0.10,size=4M" ]
            "small.qcow2", [ "-o"; "lazy_refcounts=on,cluster_size=4k,refcount_bits=64,size=4M" ]
            "zstd.qcow2", [ "-o"; "compression_type=zstd,size=4M" ]
        ] do
        Programs.run "qemu-img" ([ "create"; "-q"; "-f"; "qcow2" ] @ options @ [ at name ])
        |> ignore

/// Graphs of which query-named-block-nodes tells, as options of nodes.
let private graphs =
    let file name path =
        "{\"driver\":\"file\",\"node-name\":\"" + name + "\",\"filename\":\"DIR/" + path + "\"}"

    let image path more =
        "{\"driver\":\"qcow2\",\"node-name\":\"q\",\"file\":" + file "f" path + more + "}"

    let over = """{"driver":"copy-on-read","node-name":"c","file":"q"}"""

    [
        "a file", [ file "f" "base.raw" ]
        "null-co",
        [
            """{"driver":"null-co","node-name":"n","size":1048576}"""
            """{"driver":"null-co","node-name":"m"}"""
        ]
        "raw with and without a window",
        [
            "{\"driver\":\"raw\",\"node-name\":\"r\",\"file\":" + file "f" "base.raw" + "}"
            """{"driver":"raw","node-name":"w","file":"f","offset":512,"size":512}"""
        ]
        "filters over raw",
        [
            "{\"driver\":\"raw\",\"node-name\":\"q\",\"file\":" + file "f" "base.raw" + "}"
            over
            """{"driver":"blkdebug","node-name":"b","image":"c"}"""
        ]
        "filters over qcow2",
        [
            image "small.qcow2" ""
            over
            """{"driver":"raw","node-name":"r","file":"q","read-only":true}"""
            """{"driver":"copy-on-read","node-name":"d","file":"r"}"""
        ]
        "quorum",
        [
            file "f" "base.raw"
            """{"driver":"raw","node-name":"r","file":"f"}"""
            """{"driver":"null-co","node-name":"n","size":1048576}"""
            """{"driver":"quorum","node-name":"v","children":["r","n"],"vote-threshold":1}"""
        ]
        "a backing that the header names", [ image "top.qcow2" "" ]
        "a chain that headers name", [ image "chain.qcow2" "" ]
        "no backing though the header names one", [ image "top.qcow2" ",\"backing\":null" ]
        "another backing than the header's",
        [
            """{"driver":"null-co","node-name":"n","size":1048576}"""
            image "top.qcow2" ",\"backing\":\"n\""
        ]
        "a backing at an absolute path", [ image "absolute.qcow2" ",\"backing\":null" ]
        "a backing at a server", [ image "remote.qcow2" ",\"backing\":null" ]
        "a backing in another directory", [ image "sub/relative.qcow2" ",\"backing\":null" ]
        "version 2", [ image "old.qcow2" "" ]
        "zstd", [ image "zstd.qcow2" "" ]
    ]

let tests =
    testList "same as QEMU" [
        for name, nodes in graphs do
            test $"query-named-block-nodes of {name} (BLK-QMP-009)" {
                let add = nodes |> List.map (fun options -> "blockdev-add", options)

                [ """{"flat":true}"""; "{}" ]
                |> List.map (fun arguments -> "query-named-block-nodes", arguments)
                |> List.append add
                |> compareBy details images
            }

        test "addresses of servers (BLK-OPEN-015, BLK-OPEN-020)" { compare addresses }
        test "refusals of arguments (BLK-QMP-007)" { compare misfits }
        test "objects and their properties (BLK-OBJ-002, BLK-OBJ-004)" { compare objects }
        test "names that lead nowhere (BLK-OBJ-004, BLK-NBD-001, BLK-NBD-021)" {
            let prepare directory = File.WriteAllBytes(Path.Combine(directory, "empty"), [||])
            compareBy essence prepare names
        }

        test "exports and the server (BLK-EXPORT-001, BLK-EXPORT-005)" { compare exports }
    ]
