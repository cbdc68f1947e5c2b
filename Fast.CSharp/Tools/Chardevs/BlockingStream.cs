// One stream out of two, whose asynchronous calls run on the caller's thread. Each monitor has a
// thread of its own: a switch of threads for each command would cost more than most commands do.
using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Tools.Chardevs;

/// <summary>Reads from one stream, writes to another; never buffers.</summary>
/// <param name="input">Where what is read comes from.</param>
/// <param name="output">Where what is written goes.</param>
/// <param name="abort">Ends a call that blocks, when its token is cancelled.</param>
internal sealed class BlockingStream(Stream input, Stream output, Action abort) : Stream
{
    // One registration serves all calls: a conversation uses one token.
    private CancellationTokenRegistration _aborting;
    private CancellationToken _watched;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        input.Read(buffer, offset, count);

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer) => input.Read(buffer);

    /// <inheritdoc/>
    public override Task<int> ReadAsync(
        byte[] buffer,
        int offset,
        int count,
        CancellationToken cancellationToken
    ) => Task.FromResult(input.Read(buffer, offset, count));

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(
        Memory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        Watch(cancellationToken);
        return new(input.Read(buffer.Span));
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) =>
        output.Write(buffer, offset, count);

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer) => output.Write(buffer);

    /// <inheritdoc/>
    public override Task WriteAsync(
        byte[] buffer,
        int offset,
        int count,
        CancellationToken cancellationToken
    )
    {
        output.Write(buffer, offset, count);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        Watch(cancellationToken);
        output.Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public override void Flush() => output.Flush();

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        output.Flush();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _aborting.Dispose();
            input.Dispose();
            output.Dispose();
        }
        base.Dispose(disposing);
    }

    private void Watch(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (_watched != cancellation)
        {
            _aborting.Dispose();
            _watched = cancellation;
            _aborting = cancellation.UnsafeRegister(
                static abort => ((Action)abort!).Invoke(),
                abort
            );
        }
    }
}
