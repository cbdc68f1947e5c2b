// Bytes between memory and what is open. Spec: spec/e2k/linux.md, E2K-SYS-006, E2K-SYS-012,
// E2K-SYS-013 and E2K-SYS-014.
using System;
using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.E2k;

public sealed partial class Outside
{
    /// <summary>Parts of one call by vector (E2K-SYS-014).</summary>
    private const ulong VectorMax = 1024;
    private const int VectorBytes = 16;

    private const int AccessMode = 3;
    private const int WriteOnly = 1;

    // fcntl (E2K-SYS-012).
    private const int GetDescriptorFlags = 1;
    private const int SetDescriptorFlags = 2;
    private const int GetFlags = 3;
    private const int SetFlags = 4;
    private const int DuplicateCloseOnExec = 1030;

    private long Read(ulong descriptor, ulong address, ulong count, long? offset)
    {
        if (_files[descriptor] is not { } file || (file.Flags & AccessMode) == WriteOnly)
        {
            return ErrorNumber.BadDescriptor;
        }
        count = Math.Min(count, TransferMax);
        if (!_memory.AllowsWriteRange(address, count))
        {
            return ErrorNumber.BadAddress;
        }
        long taken = Take(file, (int)count, offset, out byte[] bytes);
        if (taken > 0)
        {
            _memory.CopyIn(address, bytes.AsSpan(0, (int)taken));
        }
        return taken;
    }

    private long Write(ulong descriptor, ulong address, ulong count, long? offset)
    {
        if (_files[descriptor] is not { } file || (file.Flags & AccessMode) == 0)
        {
            return ErrorNumber.BadDescriptor;
        }
        byte[] bytes = new byte[Math.Min(count, TransferMax)];
        return _memory.TryCopyOut(address, bytes)
            ? Bring(file, bytes, offset)
            : ErrorNumber.BadAddress;
    }

    private long ReadVector(ulong descriptor, ulong address, ulong count)
    {
        if (_files[descriptor] is not { } file || (file.Flags & AccessMode) == WriteOnly)
        {
            return ErrorNumber.BadDescriptor;
        }
        long wrong = TryParts(address, count, out (ulong At, int Bytes)[] parts, out int all);
        if (wrong != 0)
        {
            return wrong;
        }
        foreach ((ulong at, int bytes) in parts)
        {
            if (!_memory.AllowsWriteRange(at, (ulong)bytes))
            {
                return ErrorNumber.BadAddress;
            }
        }
        long taken = Take(file, all, null, out byte[] found);
        int given = 0;
        foreach ((ulong at, int bytes) in parts)
        {
            int part = (int)Math.Min(bytes, Math.Max(0, taken - given));
            _memory.CopyIn(at, found.AsSpan(given, part));
            given += part;
        }
        return taken;
    }

    private long WriteVector(ulong descriptor, ulong address, ulong count)
    {
        if (_files[descriptor] is not { } file || (file.Flags & AccessMode) == 0)
        {
            return ErrorNumber.BadDescriptor;
        }
        long wrong = TryParts(address, count, out (ulong At, int Bytes)[] parts, out int all);
        if (wrong != 0)
        {
            return wrong;
        }
        byte[] bytes = new byte[all];
        int filled = 0;
        foreach ((ulong at, int part) in parts)
        {
            if (!_memory.TryCopyOut(at, bytes.AsSpan(filled, part)))
            {
                return ErrorNumber.BadAddress;
            }
            filled += part;
        }
        return Bring(file, bytes, null);
    }

    /// <summary>The parts of a vector, together at most what one call moves.</summary>
    private long TryParts(
        ulong address,
        ulong count,
        out (ulong At, int Bytes)[] parts,
        out int all
    )
    {
        parts = [];
        all = 0;
        if (count > VectorMax)
        {
            return ErrorNumber.BadArgument;
        }
        byte[] vector = new byte[(int)count * VectorBytes];
        if (!_memory.TryCopyOut(address, vector))
        {
            return ErrorNumber.BadAddress;
        }
        parts = new (ulong, int)[count];
        for (int index = 0; index < parts.Length; index++)
        {
            ReadOnlySpan<byte> entry = vector.AsSpan(index * VectorBytes);
            ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
            if ((long)bytes < 0)
            {
                return ErrorNumber.BadArgument;
            }
            int part = (int)Math.Min(bytes, (ulong)(TransferMax - all));
            parts[index] = (BinaryPrimitives.ReadUInt64LittleEndian(entry), part);
            all += part;
        }
        return 0;
    }

    private long Take(OpenFile file, int count, long? offset, out byte[] bytes)
    {
        bytes = new byte[count];
        if (file.Handle is not { } handle)
        {
            return offset is not null ? ErrorNumber.CannotSeek : _host.Read(bytes);
        }
        long taken;
        do
        {
            taken = offset is { } at
                ? HostLibrary.ReadAt(handle, bytes, at)
                : HostLibrary.Read(handle, bytes);
        } while (taken == ErrorNumber.Interrupted);
        return taken;
    }

    private long Bring(OpenFile file, byte[] bytes, long? offset)
    {
        if (file.Handle is not { } handle)
        {
            return offset is not null ? ErrorNumber.CannotSeek : _host.Write(bytes, file.Stream);
        }
        long brought;
        do
        {
            brought = offset is { } at
                ? HostLibrary.WriteAt(handle, bytes, at)
                : HostLibrary.Write(handle, bytes);
        } while (brought == ErrorNumber.Interrupted);
        return brought;
    }

    private long Seek(ulong descriptor, long offset, int origin) =>
        _files[descriptor] is not { } file ? ErrorNumber.BadDescriptor
        : file.Handle is { } handle ? HostLibrary.Seek(handle, offset, origin)
        : ErrorNumber.CannotSeek;

    private OpenFile? Copied(OpenFile file, bool closesOnExec, out int error)
    {
        error = 0;
        SafeFileHandle? copy = file.Handle is { } handle
            ? HostLibrary.Duplicate(handle, out error)
            : null;
        return error < 0
            ? null
            : file with
            {
                Handle = copy,
                DescriptorFlags = closesOnExec ? 1 : 0,
            };
    }

    private long Duplicate(ulong descriptor, int first, bool closesOnExec) =>
        _files[descriptor] is not { } file ? ErrorNumber.BadDescriptor
        : Copied(file, closesOnExec, out int error) is { } copy ? _files.Add(copy, first)
        : error;

    private long DuplicateTo(ulong from, ulong to, bool closesOnExec) =>
        _files[from] is not { } file || to >= Descriptors.Max ? ErrorNumber.BadDescriptor
        : Copied(file, closesOnExec, out int error) is { } copy ? _files.Put(copy, to)
        : error;

    private long Control(ulong descriptor, int command, ulong argument)
    {
        if (_files[descriptor] is not { } file)
        {
            return ErrorNumber.BadDescriptor;
        }
        switch (command)
        {
            case 0:
            case DuplicateCloseOnExec:
                return argument >= Descriptors.Max
                    ? ErrorNumber.BadArgument
                    : Duplicate(descriptor, (int)argument, command == DuplicateCloseOnExec);
            case GetDescriptorFlags:
                return file.DescriptorFlags;
            case SetDescriptorFlags:
                file.DescriptorFlags = (int)argument & 1;
                return 0;
            case GetFlags:
                return file.Flags;
            case SetFlags:
                // Streams of the host are not this program's to change.
                const int Changeable = HostLibrary.OpenAppend | HostLibrary.OpenNonBlocking;
                int wanted = (int)argument & Changeable;
                long wrong =
                    file.Handle is { } handle ? HostLibrary.SetFlags(handle, wanted)
                    : wanted == 0 ? 0
                    : ErrorNumber.BadArgument;
                file.Flags = wrong == 0 ? (file.Flags & ~Changeable) | wanted : file.Flags;
                return wrong;
            default:
                return ErrorNumber.BadArgument;
        }
    }
}
