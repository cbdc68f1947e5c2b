// A request's memory: aligned for transfers past the page cache, or on purpose not.
using System;
using System.Collections.Generic;
using System.IO;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal sealed class IoBuffer : IDisposable
{
    // What -m adds to every address.
    private const int MisalignmentBytes = 16;

    // The shelves of aligned buffers end here.
    private const long LargestAlignedBytes = 1 << 30;

    private readonly AlignedBuffer? _memory;

    public IoBuffer(IoSession session, long bytes, byte pattern)
    {
        int shift = session.IsMisaligned ? MisalignmentBytes : 0;
        _memory =
            bytes + shift <= LargestAlignedBytes ? AlignedBuffer.Rent((int)bytes + shift) : null;
        Memory<byte> memory = _memory?.Memory ?? new byte[bytes + shift];
        Memory = memory.Slice(shift, (int)bytes);
        Memory.Span.Fill(pattern);
    }

    public Memory<byte> Memory { get; }

    /// <summary>
    /// Fills it with a file's bytes, again and again; false after telling what is wrong.
    /// </summary>
    public bool TryFill(string fileName)
    {
        try
        {
            using FileStream file = File.OpenRead(fileName);
            int length = file.ReadAtLeast(Memory.Span, Memory.Length, throwOnEndOfStream: false);
            if (length == 0)
            {
                Console.Error.Write($"{fileName}: file is empty\n");
                return false;
            }
            for (int place = length; place < Memory.Length; place += length)
            {
                int part = Math.Min(length, Memory.Length - place);
                Memory.Span[..part].CopyTo(Memory.Span[place..]);
            }
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Console.Error.Write($"{fileName}: {HostErrnoText.Of(ErrnoOf(error))}\n");
            return false;
        }
    }

    /// <summary>Reads the lines of a file.</summary>
    public static HostErrno TryReadLines(string fileName, out string[] lines)
    {
        try
        {
            lines = File.ReadAllLines(fileName);
            return HostErrno.None;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            lines = [];
            return ErrnoOf(error);
        }
    }

    private static HostErrno ErrnoOf(Exception error) =>
        error switch
        {
            FileNotFoundException or DirectoryNotFoundException => HostErrno.NoEntry,
            UnauthorizedAccessException => HostErrno.AccessDenied,
            _ => HostErrno.Io,
        };

    /// <summary>
    /// The sum of the lengths of a vector; false after telling what is wrong.
    /// </summary>
    public static bool TryReadVector(IReadOnlyList<string> lengths, out long bytes)
    {
        bytes = 0;
        foreach (string text in lengths)
        {
            if (!Amounts.TryReadBytes(text, out long length))
            {
                return false;
            }
            if (length > Amounts.LargestRequestBytes)
            {
                Console.Out.Write(
                    $"Argument '{text}' exceeds maximum size {Amounts.LargestRequestBytes}\n"
                );
                return false;
            }
            bytes += length;
            if (bytes > Amounts.LargestRequestBytes)
            {
                Console.Out.Write(
                    "The total number of bytes exceed the maximum size "
                        + $"{Amounts.LargestRequestBytes}\n"
                );
                return false;
            }
        }
        return true;
    }

    public void Dispose() => _memory?.Dispose();
}
