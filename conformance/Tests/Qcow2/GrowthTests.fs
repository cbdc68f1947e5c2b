/// Tables that must move or multiply: more refcount blocks, a larger refcount table, a larger
/// first-level table, tables in clusters that were something else before (FMT-QCOW2-903).
module internal Ashlar.Conformance.Tests.Qcow2.GrowthTests

open System
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images

let private expectClean (image: Qcow2Image) (file: HostFile) =
    image.WriteBackAsync() |> wait |> orFail "write back"
    Soundness.expectClean "the file" (bytesOf file)

let private options size cluster version refcountBits =
    Qcow2CreationOptions(
        SizeBytes = size,
        ClusterBytes = cluster,
        Version = version,
        RefcountBits = refcountBits
    )

let private pattern (seed: int) length =
    let bytes = Array.zeroCreate<byte> length
    Random(seed).NextBytes bytes
    bytes

let private fill chunk (image: Qcow2Image) size =
    for at in 0..chunk .. size - 1 do
        write image (int64 at) (pattern at (min chunk (size - at)))

let private expectFilled chunk (image: Qcow2Image) size =
    for at in 0..chunk .. size - 1 do
        let length = min chunk (size - at)
        Expect.equal (read image (int64 at) length) (pattern at length) $"bytes at {at}"

let private moving =
    testList "the refcount table moves when all its blocks are full" [
        for version, refcountBits, size in [ 3, 64, 5; 3, 32, 5; 3, 16, 9; 2, 16, 17 ] do
            let size = size * 1024 * 1024

            test $"version {version}, {refcountBits} bits, {size} bytes" {
                let _, file = newImage (options (int64 size) 512 version refcountBits)
                let image = openOn file
                let tablePlace () = Array.sub (bytesOf file) 48 8
                let before = tablePlace ()
                fill 65536 image size
                expectClean image file
                Expect.notEqual (tablePlace ()) before "the table's place"
                image.Dispose()
                expectFilled 65536 (openOn file) size
            }
    ]

let private l1 =
    test "the first-level table moves when the guest grows (BLK-SIZE-004)" {
        let _, file = newImage (options 65536L 512 3 16)
        let image = openOn file
        let mutable size = 65536
        fill 4096 image size

        while size < 24 * 1024 * 1024 do
            size <- size * 2
            image.TruncateAsync(int64 size) |> wait |> orFail "grow"
            expectClean image file

        expectFilled 4096 image 65536
        write image (int64 size - 512L) (pattern 7 512)
        expectClean image file
        Expect.equal (read image (int64 size - 512L) 512) (pattern 7 512) "the last bytes"
        image.TruncateAsync 1024L |> wait |> orFail "shrink"
        expectClean image file
        Expect.equal (read image 0L 1024) (Array.take 1024 (pattern 0 4096)) "the first bytes"
    }

let private recycled =
    test "a table in a cluster that held data begins empty" {
        let cluster = 8192
        let _, file = newImage (options (64L * 1024L * 1024L) cluster 3 16)
        let image = openOn file
        let covered = int64 (cluster / 8 * cluster)
        // Data everywhere in the first table, freed again, so that later tables recycle its
        // clusters.
        write image 0L (Array.create (64 * cluster) 0xFFuy)
        image.WriteZeroesAsync(0L, int64 (64 * cluster), true) |> wait |> orFail "free"
        image.WriteBackAsync() |> wait |> orFail "write back"

        for table in 1L .. 7L do
            write image (table * covered) (pattern 1 512)

        expectClean image file

        for table in 1L .. 7L do
            let rest = read image (table * covered + 512L) (int covered - 512)

            Expect.isTrue
                (rest |> Array.forall ((=) 0uy))
                $"what table {table} maps reads as zeroes"
    }

let private limits =
    testList "limits" [
        test "a first-level table above 32 MiB is refused (BLK-SIZE-007)" {
            let _, file = newImage (options 65536L 512 3 16)
            let image = openOn file
            let refusal = image.TruncateAsync(1L <<< 38) |> wait
            let text = refusal |> Option.map _.Text
            Expect.equal text (Some "Failed to grow the L1 table: File too large") "text"
            Expect.equal image.GuestLengthBytes 65536L "length"
            expectClean image file
        }
        test "a length that is not a multiple of 512 is refused (BLK-SIZE-003)" {
            let _, file = newImage (options 65536L 512 3 16)
            let refusal = (openOn file).TruncateAsync 1000L |> wait
            let text = refusal |> Option.map _.Text
            Expect.equal text (Some "The new size must be a multiple of 512") "text"
        }
        test "growing over a longer backing shows zeroes, in both versions (BLK-SIZE-005)" {
            for version in [ 2; 3 ] do
                let _, below = newImage (options 65536L 4096 3 16)
                let backing = openOn below
                write backing 0L (Array.create 65536 0x11uy)
                let _, file = newImage (options 6144L 4096 version 16)
                let image = openOn file
                image.Backing <- BackingStorage backing
                image.TruncateAsync 131072L |> wait |> orFail "grow"

                let expected = Array.init 131072 (fun at -> if at < 6144 then 0x11uy else 0uy)

                Expect.equal (read image 0L 131072) expected "content"
                expectClean image file
        }
    ]

let tests = testList "growth" [ moving; l1; recycled; limits ]
