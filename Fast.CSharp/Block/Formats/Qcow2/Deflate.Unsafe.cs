// The framework's own deflate, called below its streams: those have no say over the window, and
// readers of qcow2 keep one of 4 KiB only. Spec: spec/formats/qcow2/compressed.md (FMT-QCOW2-203).
using System;
using System.Runtime.InteropServices;

namespace Ashlar.Block;

/// <summary>Deflate streams without a header, whole buffers at a time.</summary>
internal static partial class Deflate
{
    private const string Library = "libSystem.IO.Compression.Native";

    // Without a header, and no match reaches back further than 2 to the power of 12 bytes.
    private const int WindowBits = -12;
    private const int Method = 8;

    /// <summary>What the C library takes for its usual balance of time and size.</summary>
    private const int Level = 6;
    private const int MemoryLevel = 9;
    private const int Finish = 4;
    private const int Done = 0;
    private const int Ended = 1;
    private const int NoRoom = -5;

    /// <summary>The length of the stream in bytes; 0 when it does not fit.</summary>
    internal static unsafe int Pack(ReadOnlySpan<byte> bytes, Span<byte> packed)
    {
        Stream stream = default;
        if (DeflateInit2(&stream, Level, Method, WindowBits, MemoryLevel, 0) != Done)
        {
            return 0;
        }
        fixed (byte* source = bytes)
        fixed (byte* target = packed)
        {
            stream.Source = source;
            stream.SourceBytes = (uint)bytes.Length;
            stream.Target = target;
            stream.TargetBytes = (uint)packed.Length;
            int result = DeflateNext(&stream, Finish);
            int length = packed.Length - (int)stream.TargetBytes;
            _ = DeflateEnd(&stream);
            return result == Ended ? length : 0;
        }
    }

    /// <summary>
    /// True when the stream gives all the bytes asked for; what follows is not looked at.
    /// </summary>
    internal static unsafe bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> bytes)
    {
        Stream stream = default;
        if (InflateInit2(&stream, WindowBits) != Done)
        {
            return false;
        }
        fixed (byte* source = packed)
        fixed (byte* target = bytes)
        {
            stream.Source = source;
            stream.SourceBytes = (uint)packed.Length;
            stream.Target = target;
            stream.TargetBytes = (uint)bytes.Length;
            int result = InflateNext(&stream, Finish);
            bool isWhole = stream.TargetBytes == 0;
            _ = InflateEnd(&stream);
            return isWhole && result is (Ended or NoRoom or Done);
        }
    }

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateInit2_")]
    private static unsafe partial int DeflateInit2(
        Stream* stream,
        int level,
        int method,
        int windowBits,
        int memoryLevel,
        int strategy
    );

    [LibraryImport(Library, EntryPoint = "CompressionNative_Deflate")]
    private static unsafe partial int DeflateNext(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateEnd")]
    private static unsafe partial int DeflateEnd(Stream* stream);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateInit2_")]
    private static unsafe partial int InflateInit2(Stream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Inflate")]
    private static unsafe partial int InflateNext(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateEnd")]
    private static unsafe partial int InflateEnd(Stream* stream);

    // As the library lays it out.
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Stream
    {
        internal byte* Source;
        internal byte* Target;
        internal byte* Message;
        internal void* State;
        internal uint SourceBytes;
        internal uint TargetBytes;
    }
}
