/// The storage daemon's commands in this process: arguments, queries, what it tells of itself
/// (BLK-QMP-007 to BLK-QMP-009).
module Ashlar.Conformance.Tests.Qmp.CommandTests

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.Json
open Expecto
open Ashlar.Block
open Ashlar.Qmp

let private version = QmpVersion(0, 1, 0, "test")

/// The replies to these commands, in one conversation over an empty graph without files.
let private talk (commands: (string * string) list) : JsonElement list =
    use graph = new BlockGraph(BlockGraphOptions(HostFiles = LinuxHostFiles()))
    use commands' = new StorageCommands(graph, version)
    let dispatcher = QmpDispatcher(commands', version, null)

    let text =
        ("qmp_capabilities", "{}") :: commands
        |> List.map (fun (name, arguments) ->
            "{\"execute\":\"" + name + "\",\"arguments\":" + arguments + "}")
        |> String.concat ""

    use output = new MemoryStream()

    QmpSession(dispatcher, new MemoryStream(Encoding.UTF8.GetBytes text), output)
        .RunAsync(dispatcher.Quit)
        .Wait()

    Encoding.UTF8.GetString(output.ToArray()).Split("\r\n")
    |> Seq.filter ((<>) "")
    |> Seq.map (fun line -> JsonDocument.Parse(line).RootElement)
    |> Seq.skip 2
    |> List.ofSeq

let private answer (name: string) (arguments: string) = talk [ name, arguments ] |> List.exactlyOne

let private refusal (reply: JsonElement) : string =
    match reply.TryGetProperty "error" with
    | true, error -> string (error.GetProperty("desc").GetString())
    | _ -> "no error"

let private returned (reply: JsonElement) : JsonElement =
    match reply.TryGetProperty "return" with
    | true, value -> value
    | _ -> failtest (refusal reply)

let private argumentTests = [
    for name, arguments, text in
        [
            "blockdev-del", "{}", "Parameter 'node-name' is missing"
            "blockdev-del",
            """{"node-name":1}""",
            "Invalid parameter type for 'node-name', expected: string"
            "blockdev-del", """{"node-name":"a","x":1}""", "Parameter 'x' is unexpected"
            "query-version", """{"x":1}""", "Parameter 'x' is unexpected"
            "query-named-block-nodes",
            """{"flat":1}""",
            "Invalid parameter type for 'flat', expected: boolean"
            "block_resize",
            """{"node-name":"a","size":"1"}""",
            "Invalid parameter type for 'size', expected: integer"
            "block_resize",
            """{"node-name":"a","size":18446744073709551615}""",
            "Invalid parameter type for 'size', expected: integer"
            "block_resize", """{"size":1}""", "Cannot find device='' nor node-name=''"
            "nbd-server-start", """{"addr":{"type":"unix"}}""", "Parameter 'addr.data' is missing"
            "nbd-server-start",
            """{"addr":{"type":"unix","data":{"path":5}}}""",
            "Invalid parameter type for 'addr.data.path', expected: string"
            "nbd-server-start",
            """{"addr":{"type":"unix","data":{"path":"a","host":"b"}}}""",
            "Parameter 'addr.data.host' is unexpected"
            "nbd-server-start",
            """{"addr":{"type":"carrier-pigeon"}}""",
            "Parameter 'type' does not accept value 'carrier-pigeon'"
            "nbd-server-start",
            """{"addr":5}""",
            "Invalid parameter type for 'addr', expected: object"
            "nbd-server-start",
            """{"addr":{"type":"unix","data":{"path":"a"}},"max-connections":-1}""",
            "Parameter 'max-connections' expects uint32_t"
            "block-export-add", """{"type":"nbd","id":"e"}""", "Parameter 'node-name' is missing"
            "block-export-del",
            """{"id":"e","mode":"soft"}""",
            "Parameter 'mode' does not accept value 'soft'"
            "object-add", """{"qom-type":"iothread"}""", "Parameter 'id' is missing"
            "object-add",
            """{"qom-type":"secret","id":"s","limits":{}}""",
            "Parameter 'limits' is unexpected"
            "blockdev-reopen", "{}", "Parameter 'options' is missing"
            "blockdev-reopen",
            """{"options":{}}""",
            "Invalid parameter type for 'options', expected: array"
            "blockdev-add",
            """{"driver":"null-co","node-name":"n","size":1.5}""",
            "Invalid parameter type for 'size', expected: integer"
        ] do
        test $"{name} {arguments} (BLK-QMP-007)" {
            Expect.equal (refusal (answer name arguments)) text ""
        }
]

/// Every type an entity refers to.
let private references (entity: JsonElement) : string list =
    let named (name: string) (of': JsonElement) =
        match of'.TryGetProperty name with
        | true, value -> [ string (value.GetString()) ]
        | _ -> []

    let listed (name: string) =
        match entity.TryGetProperty name with
        | true, items -> [
            for item in items.EnumerateArray() do
                yield! named "type" item
          ]
        | _ -> []

    List.concat [
        named "arg-type" entity
        named "ret-type" entity
        named "element-type" entity
        listed "members"
        listed "variants"
    ]

let private schema =
    lazy ([ for entity in (returned (answer "query-qmp-schema" "{}")).EnumerateArray() -> entity ])

let private nameOf (entity: JsonElement) = string (entity.GetProperty("name").GetString())
let private kindOf (entity: JsonElement) = string (entity.GetProperty("meta-type").GetString())

let private schemaTests = [
    test "every type that is referred to is told of, once (BLK-QMP-008)" {
        let names = schema.Value |> List.map nameOf
        Expect.equal (List.distinct names) names "no name twice"
        let known = HashSet names

        for entity in schema.Value do
            let isWord = kindOf entity = "enum"

            for reference in (if isWord then [] else references entity) do
                Expect.isTrue (known.Contains reference) $"{nameOf entity} refers to {reference}"
    }

    test "query-commands lists what the schema tells of (BLK-QMP-008)" {
        let listed = [
            for command in (returned (answer "query-commands" "{}")).EnumerateArray() ->
                nameOf command
        ]

        let told = schema.Value |> List.filter (kindOf >> (=) "command") |> List.map nameOf
        Expect.containsAll listed told ""
        Expect.containsAll told listed ""
        Expect.contains listed "qmp_capabilities" ""
    }

    test "every driver is a variant of blockdev-add's arguments (BLK-QMP-008)" {
        let find name = schema.Value |> List.find (nameOf >> (=) name)
        let add = find "blockdev-add"
        let arguments = find (string (add.GetProperty("arg-type").GetString()))

        let told = [
            for variant in arguments.GetProperty("variants").EnumerateArray() ->
                string (variant.GetProperty("case").GetString())
        ]

        let drivers = [ for driver in DriverRegistry.Drivers.ToArray() -> driver.Name ]
        Expect.equal (List.sort told) (List.sort drivers) ""
    }
]

let private queryTests = [
    test "the graph is told with its users and permissions (BLK-QMP-009)" {
        let replies =
            talk [
                "blockdev-add", """{"driver":"null-co","node-name":"n","size":1000}"""
                "blockdev-add", """{"driver":"raw","node-name":"r","file":"n"}"""
                "x-debug-query-block-graph", "{}"
                "query-named-block-nodes", """{"flat":true}"""
            ]

        let graph = returned replies[2]

        let ids = [
            for node in graph.GetProperty("nodes").EnumerateArray() ->
                nameOf node, node.GetProperty("id").GetInt64()
        ]

        let edge = graph.GetProperty("edges").EnumerateArray() |> Seq.exactlyOne
        let idOf name = ids |> List.find (fst >> (=) name) |> snd
        Expect.equal (edge.GetProperty("parent").GetInt64()) (idOf "r") ""
        Expect.equal (edge.GetProperty("child").GetInt64()) (idOf "n") ""
        Expect.equal (edge.GetProperty("perm").GetArrayLength()) 0 "no user, no permission"
        Expect.equal (edge.GetProperty("shared-perm").GetArrayLength()) 4 ""

        let nodes = [ for node in (returned replies[3]).EnumerateArray() -> node ]
        let names = nodes |> List.map (fun n -> string (n.GetProperty("node-name").GetString()))
        Expect.equal names [ "r"; "n" ] "the newest first"
        let size = nodes[1].GetProperty("image").GetProperty("virtual-size").GetInt64()
        Expect.equal size 1024L "in sectors"
        let file = string (nodes[1].GetProperty("file").GetString())
        Expect.stringStarts file "json:{" ""
        use parsed = JsonDocument.Parse(file.Substring 5)
        Expect.equal (parsed.RootElement.GetProperty("size").GetInt64()) 1000L ""
    }

    test "a long chain has a name of bounded length (BLK-QMP-009)" {
        let filter (n: int) =
            "blockdev-add",
            "{\"driver\":\"throttle\",\"throttle-group\":\"g\",\"node-name\":\"f"
            + string n
            + "\",\"file\":\"f"
            + string (n - 1)
            + "\"}"

        let below = [
            "blockdev-add", """{"driver":"null-co","node-name":"f0"}"""
            "object-add", """{"qom-type":"throttle-group","id":"g"}"""
        ]

        let chain = below @ List.map filter [ 1..300 ]
        let replies = talk (chain @ [ "query-named-block-nodes", """{"flat":true}""" ])

        for node in (returned (List.last replies)).EnumerateArray() do
            let file = string (node.GetProperty("file").GetString())
            Expect.isLessThanOrEqual file.Length 4095 ""
    }
]

let tests =
    testList "qmp commands" [
        testList "arguments" argumentTests
        testList "schema" schemaTests
        testList "queries" queryTests
    ]
