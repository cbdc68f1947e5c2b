/// Discards and the block status over real files (BLK-DATA-015, BLK-DATA-016).
module internal Ashlar.Conformance.Tests.Data.DiscardTests

open System.IO
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Data.Stacks

let private kib = 1024
let private size = 512 * kib

let private withFile body =
    Temporary.withDirectory "discard" (fun directory ->
        let path = Path.Combine(directory, "a.raw")
        File.WriteAllBytes(path, Array.create size 7uy)
        use stack = new Stack(LinuxHostFiles(), null)
        body stack directory path)

let private unmap = [ "discard", text "unmap" ]
let private open' name path = node "file" name ([ "filename", text path ] @ unmap)

let private discard (user: BlockBackend) offset length =
    user.TryDiscardAsync(offset, length).AsTask().Result |> Option.ofObj |> Option.map _.Text

/// Extents as (offset, length, flags) over the whole node.
let private extents (user: BlockBackend) =
    let rec more offset found =
        if offset = user.LengthBytes then
            List.rev found
        else
            let extent = user.TryStatusAsync(offset, user.LengthBytes - offset).AsTask().Result
            Expect.isNull extent.Error "status"
            Expect.isGreaterThan extent.LengthBytes 0L "BLK-DATA-016: an extent is not empty"

            let found =
                match found with
                | (start, flags) :: rest when flags = extent.Flags -> (start, flags) :: rest
                | _ -> (offset, extent.Flags) :: found

            more (offset + extent.LengthBytes) found

    more 0L []

let private data, zero = BlockExtentFlags.Data, BlockExtentFlags.Zero

let private file (stack: Stack) _ path =
    stack.Add(open' "f" path)
    let user = stack.User("f", readsAndWrites)
    Expect.equal (extents user) [ 0L, data ] "BLK-DATA-016: all data"
    Expect.isNone (discard user 65536L 65536L) "discard"
    expectAll user 65536L 65536 0uy
    expectAll user 0L 65536 7uy
    expectAll user 131072L 65536 7uy

    Expect.equal (extents user) [ 0L, data; 65536L, zero; 131072L, data ] "BLK-DATA-016: a hole"
    Expect.equal (discard user (int64 size) 1L) (Some "Input/output error") "inside the node"
    stack.Detach user
    let reader = stack.User("f", BlockPermissions.ConsistentRead)

    Expect.stringContains
        (discard reader 0L 512L |> Option.defaultValue "")
        "lacks the write permission"
        "BLK-DATA-015: needs W"

let private ignored (stack: Stack) _ path =
    stack.Add(node "file" "f" [ "filename", text path ])
    stack.Add(node "raw" "r" ([ "file", text "f" ] @ unmap))
    stack.Add(node "raw" "top" [ "file", text "r" ])

    for name in [ "f"; "r"; "top" ] do
        let user = stack.User(name, readsAndWrites)
        Expect.isNone (discard user 0L (int64 size)) name
        expectAll user 0L size 7uy
        stack.Detach user

/// A hole in the file below a stack shows through it, at the window's offset.
let private through (stack: Stack) _ path =
    stack.Add(
        node
            "throttle"
            "t"
            ([
                "throttle-group", text "tg"
                "file", node "raw" "w" ([ "offset", number 65536L; "file", open' "f" path ] @ unmap)
             ]
             @ unmap)
    )

    let user = stack.User("t", readsAndWrites)
    Expect.isNone (discard user 0L 65536L) "discard"
    expectAll user 0L 65536 0uy
    Expect.equal (extents user) [ 0L, zero; 65536L, data ] "BLK-DATA-016"
    stack.Detach user
    let below = stack.User("f", BlockPermissions.ConsistentRead)
    expectAll below 0L 65536 7uy
    expectAll below 65536L 65536 0uy

let private overlay version (stack: Stack) directory path =
    Needs.qemuImg ()
    let top = Path.Combine(directory, "top.qcow2")
    let compat = if version = 3 then "compat=1.1" else "compat=0.10"

    Programs.run "qemu-img" [ "create"; "-q"; "-f"; "qcow2"; "-o"; compat; top; "1M" ]
    |> ignore

    stack.Add(
        node
            "qcow2"
            "q"
            ([ "file", node "file" "qf" [ "filename", text top ]; "backing", open' "base" path ]
             @ unmap)
    )

    let user = stack.User("q", readsAndWrites)
    writeBytes user 131072L (Array.create 65536 9uy)
    Expect.equal (extents user) [ 0L, data; int64 size, zero ] "BLK-DATA-016: of both"
    Expect.isNone (discard user 100000L 262144L) "discard"
    expectAll user 0L 131072 7uy

    if version = 3 then
        expectAll user 131072L 196608 0uy

        Expect.equal
            (extents user)
            [ 0L, data; 131072L, zero; 327680L, data; int64 size, zero ]
            "whole clusters are zero"
    else
        expectAll user 131072L 65536 9uy
        expectAll user 196608L 131072 7uy

    expectAll user 327680L 65536 7uy
    flush user
    Programs.run "qemu-img" [ "check"; "-q"; "-U"; "-f"; "qcow2"; top ] |> ignore

let private votes (stack: Stack) directory path =
    let other = Path.Combine(directory, "b.raw")
    File.WriteAllBytes(other, Array.create size 7uy)
    stack.Add(open' "a" path)
    stack.Add(open' "b" other)

    let both = [ stack.User("a", readsAndWrites); stack.User("b", readsAndWrites) ]
    Expect.isNone (discard both[0] 0L 131072L) "in one"
    Expect.isNone (discard both[1] 65536L 131072L) "and in the other"
    List.iter stack.Detach both

    stack.Add(
        node "quorum" "q" [ "vote-threshold", number 2L; "children", many [ text "a"; text "b" ] ]
    )

    let user = stack.User("q", BlockPermissions.ConsistentRead)

    Expect.equal
        (extents user)
        [ 0L, data; 65536L, zero; 131072L, data ]
        "BLK-DATA-016: zero where all say so"

let private zeroWith flags (user: BlockBackend) offset length =
    user.TryWriteZeroesAsync(offset, length, flags).AsTask().Result
    |> Option.ofObj
    |> Option.map _.Text

/// What the host keeps for the file under a file node.
let private allocated (stack: Stack) name =
    match (Qcow2.Images.there (stack.Graph.FindNode name)).Driver with
    | :? FileDriver as file -> file.AllocatedBytes.Value
    | _ -> failtest "a file node"

/// Zeroes take space away only where the node's option says so, at every node on the way.
let private unmapped (stack: Stack) _ path =
    stack.Add(node "file" "f" [ "filename", text path ])
    stack.Add(node "raw" "r" ([ "file", text "f" ] @ unmap))
    let user = stack.User("r", readsAndWrites)
    let before = allocated stack "f"
    Expect.isNone (zeroWith BlockWriteFlags.MayUnmap user 0L 65536L) "zeroes"
    expectAll user 0L 65536 0uy
    Expect.isGreaterThanOrEqual (allocated stack "f") before "BLK-DATA-017: discard=ignore"
    stack.Detach user
    Expect.isNull (stack.Graph.TryBlockdevDel "r") "r"
    Expect.isNull (stack.Graph.TryBlockdevDel "f") "f"
    stack.Add(open' "f" path)
    stack.Add(node "raw" "r" ([ "file", text "f" ] @ unmap))
    let user = stack.User("r", readsAndWrites)
    Expect.isNone (zeroWith BlockWriteFlags.None user 65536L 65536L) "zeroes that stay"
    Expect.isGreaterThanOrEqual (allocated stack "f") before "BLK-DATA-017: not asked for"
    Expect.isNone (zeroWith BlockWriteFlags.MayUnmap user 131072L 65536L) "zeroes that go"
    Expect.isLessThanOrEqual (allocated stack "f") (before - 65536L) "BLK-DATA-017: a hole"
    expectAll user 0L 196608 0uy
    expectAll user 196608L 65536 7uy

/// What cannot be zeroed without writing is not touched.
let private fast (stack: Stack) directory path =
    Needs.qemuImg ()

    let image name compat =
        let path = Path.Combine(directory, name)

        Programs.run "qemu-img" [ "create"; "-q"; "-f"; "qcow2"; "-o"; compat; path; "1M" ]
        |> ignore

        node "qcow2" name [ "file", node "file" (name + "-file") [ "filename", text path ] ]

    stack.Add(image "new" "compat=1.1")
    stack.Add(image "old" "compat=0.10")
    stack.Add(node "file" "f" [ "filename", text path ])
    stack.Add(node "quorum" "q" [ "vote-threshold", number 1L; "children", many [ text "f" ] ])

    for name, offset, isFast in
        [ "new", 65536L, true; "new", 131584L, false; "old", 65536L, false; "q", 65536L, false ] do
        let user = stack.User(name, readsAndWrites)
        writeBytes user offset (Array.create 65536 9uy)
        let refusal = zeroWith BlockWriteFlags.NoFallback user offset 65536L
        Expect.equal refusal.IsNone isFast $"BLK-DATA-017: {name} at {offset}"
        expectAll user offset 65536 (if isFast then 0uy else 9uy)
        stack.Detach user

let tests =
    testList "discard and block status" [
        test "zeroes leave holes where discard=unmap lets them" { withFile unmapped }
        test "zeroes that must be fast are, or are not written" { withFile fast }
        test "file punches holes and sees them" { withFile file }
        test "discard=ignore ignores, at every node" { withFile ignored }
        test "raw and filters pass both on" { withFile through }
        test "qcow2 gives whole clusters up" { withFile (overlay 3) }
        test "qcow2 of version 2 over a backing gives nothing up" { withFile (overlay 2) }
        test "quorum is sure of zeroes only when all are" { withFile votes }
    ]
