/// Compressed clusters to bytes. The codecs are libraries; their streams are the one thing of
/// System.IO here. Requirements: spec/formats/qcow2/compressed.md.
module Ashlar.Reference.Formats.Qcow2.Codec

open System.IO
open System.IO.Compression
open ZstdSharp

/// FMT-QCOW2-205: exactly so many bytes from a stream; what follows them is left alone.
let private exactly (count: int) (stream: Stream) : byte[] option =
    let result = Array.zeroCreate<byte> count
    let found = stream.ReadAtLeast(System.Span result, count, false)
    if found = count then Some result else None

/// FMT-QCOW2-203, FMT-QCOW2-204: the bytes of a cluster, or None where the codec refuses what it
/// is given. Whatever the bytes are, no more than a cluster comes out of them.
let unpack (kind: Compression) (count: int) (packed: byte[]) : byte[] option =
    use source = new MemoryStream(packed)

    // A codec tells of damaged input by exceptions only, of several kinds.
    try
        match kind with
        | Zlib ->
            use stream = new DeflateStream(source, CompressionMode.Decompress)
            exactly count stream
        | Zstd ->
            use stream = new DecompressionStream(source, checkEndOfStream = false)
            exactly count stream
    with _ ->
        None

/// Of 0 (none) to 9.
let private deflateLevel = 6

let private deflate (strategy: ZLibCompressionStrategy) (bytes: byte[]) =
    use target = new MemoryStream()
    let options = ZLibCompressionOptions()
    options.CompressionLevel <- deflateLevel
    options.CompressionStrategy <- strategy

    do
        use stream = new DeflateStream(target, options, true)
        stream.Write(bytes, 0, bytes.Length)

    target.ToArray()

/// FMT-QCOW2-203, FMT-QCOW2-204: compressed bytes that every reader takes. Deflate refers back one
/// byte at most, because readers keep a window of 4,096 bytes only.
let pack (kind: Compression) (bytes: byte[]) : byte[] =
    match kind with
    | Zlib -> deflate ZLibCompressionStrategy.RunLengthEncoding bytes
    | Zstd ->
        use codec = new Compressor(3)
        codec.Wrap(bytes).ToArray()
