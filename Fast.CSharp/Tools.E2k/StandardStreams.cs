// The standard streams of this process as those of a guest. Spec: spec/e2k/linux.md, E2K-SYS-006.
using System;
using System.IO;
using Ashlar.E2k;

namespace Ashlar.Tools.E2k;

/// <summary>Streams without buffers, so that what a guest writes is there when it dies.</summary>
internal sealed class StandardStreams : IHost, IDisposable
{
    private const int BrokenPipe = -32;
    private const int InputOutputError = -5;

    private readonly Stream _input = Console.OpenStandardInput();
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Stream _error = Console.OpenStandardError();

    public int Read(Span<byte> bytes)
    {
        try
        {
            return _input.Read(bytes);
        }
        catch (IOException)
        {
            return InputOutputError;
        }
    }

    public int Write(ReadOnlySpan<byte> bytes, int stream)
    {
        try
        {
            Stream target = stream == 1 ? _output : _error;
            target.Write(bytes);
            target.Flush();
            return bytes.Length;
        }
        catch (IOException)
        {
            return BrokenPipe;
        }
    }

    public void Dispose()
    {
        _input.Dispose();
        _output.Dispose();
        _error.Dispose();
    }
}
