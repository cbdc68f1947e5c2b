// The engine's loops over bytes as native code has them, beside the library's: gigabytes a second.
// The program people run is native code for any machine of its kind, where vectors have 16 bytes
// and the library's loops are not those of the JIT that BenchmarkDotNet measures.
using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Ashlar.Block;

namespace Ashlar.Conformance.Native;

internal static class Program
{
    private const int Rounds = 5;
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(40);
    private static readonly byte[] Key = new byte[64];

    private static void Main()
    {
        string kind = RuntimeFeature.IsDynamicCodeSupported ? "compiled at run time" : "native";
        int widest =
            Vector512.IsHardwareAccelerated ? 512
            : Vector256.IsHardwareAccelerated ? 256
            : 128;
        Console.WriteLine($"{kind}, vectors of {widest} bits");
        foreach (int length in new[] { 4096, 1 << 21, 1 << 26 })
        {
            Measure(length);
        }
    }

    private static void Measure(int length)
    {
        // Touched, for what never was written is one page of the kernel's.
        byte[] one = new byte[length];
        byte[] other = new byte[length];
        Random.Shared.NextBytes(one);
        Array.Clear(one);
        Random.Shared.NextBytes(other);
        Array.Clear(other);
        byte[] starts = new byte[length / 32];
        using AesXts here = new(Key);
        using AesXts library = new(new LibraryAes(Key[..32]), new LibraryAes(Key[32..]));
        Console.WriteLine($"{length} bytes");
        Show("copy", length, () => one.CopyTo(other, 0));
        Show("zeroes", length, () => ZeroBytes.First(one));
        Show("zeroes by Span", length, () => one.AsSpan().IndexOfAnyExcept((byte)0));
        Show("zeroes by words", length, () => FirstWord(Words(one)));
        Show("last zeroes", length, () => ZeroBytes.Last(one));
        Show("last zeroes by Span", length, () => one.AsSpan().LastIndexOfAnyExcept((byte)0));
        Array.Clear(other);
        Show("equal", length, () => EqualBytes.CommonLength(one, other));
        Show("equal by Span", length, () => one.AsSpan().CommonPrefixLength(other));
        Show("equal by words", length, () => CommonWords(Words(one), Words(other)));
        Show("big-endian", length, () => BigEndianTable.Convert(Words(one), Words(other)));
        Show(
            "big-endian by Span",
            length,
            () => BinaryPrimitives.ReverseEndianness(Words(one), Words(other))
        );
        Show("big-endian by words", length, () => Turn(Words(one), Words(other)));
        Show("count", length, () => BitRuns.Count(one));
        Show("count by words", length, () => Count(Words(one)));
        Show("merge", length, () => BitRuns.Merge(other, one));
        Show("checksum", length, () => Crc32C.Append(0, one));
        Show("checksum by words", length, () => Sum(Words(one)));
        Show("xts", length, () => here.Encrypt(one, starts));
        Show("xts back", length, () => here.Decrypt(one, starts));
        Show("xts by the library's blocks", length, () => library.Encrypt(one, starts));
        using Aes aes = Aes.Create();
        aes.SetKey(Key.AsSpan(0, 32));
        Show("the library's blocks", length, () => aes.EncryptEcb(one, one, PaddingMode.None));
    }

    private static Span<ulong> Words(byte[] bytes) =>
        MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan());

    private static int FirstWord(ReadOnlySpan<ulong> words)
    {
        int index = 0;
        while (index < words.Length && words[index] == 0)
        {
            index++;
        }
        return index;
    }

    private static int CommonWords(ReadOnlySpan<ulong> one, ReadOnlySpan<ulong> other)
    {
        int index = 0;
        while (index < one.Length && index < other.Length && one[index] == other[index])
        {
            index++;
        }
        return index;
    }

    private static void Turn(ReadOnlySpan<ulong> source, Span<ulong> target)
    {
        for (int index = 0; index < source.Length; index++)
        {
            target[index] = BinaryPrimitives.ReverseEndianness(source[index]);
        }
    }

    private static long Count(ReadOnlySpan<ulong> words)
    {
        long sum = 0;
        foreach (ulong word in words)
        {
            sum += BitOperations.PopCount(word);
        }
        return sum;
    }

    private static uint Sum(ReadOnlySpan<ulong> words)
    {
        uint state = ~0u;
        foreach (ulong word in words)
        {
            state = BitOperations.Crc32C(state, word);
        }
        return ~state;
    }

    private static void Show<T>(string name, int length, Func<T> work) =>
        Show(name, length, new Action(() => work()));

    // The best of the rounds: whatever else the machine did made none of them faster.
    private static void Show(string name, int length, Action work)
    {
        double best = 0;
        for (int round = 0; round < Rounds; round++)
        {
            long begun = Stopwatch.GetTimestamp();
            long calls = 0;
            TimeSpan taken;
            do
            {
                work();
                calls++;
                taken = Stopwatch.GetElapsedTime(begun);
            } while (taken < Round);
            best = Math.Max(best, (double)calls * length / taken.TotalSeconds / 1e9);
        }
        string figure = best.ToString("F1", CultureInfo.InvariantCulture);
        Console.WriteLine($"  {name, -28} {figure, 6}");
    }
}
