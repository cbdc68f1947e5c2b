// The open files of a program by number. Spec: spec/e2k/linux.md, E2K-SYS-006 and E2K-SYS-012.
using System;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.E2k;

/// <summary>An open file: a standard stream, or a file of the host.</summary>
/// <param name="Stream">0 to 2; meaningless where there is a handle.</param>
/// <param name="Handle">Of the host; none for standard streams.</param>
/// <param name="Path">From the root on, a character for each byte; empty for streams.</param>
internal sealed record OpenFile(int Stream, SafeFileHandle? Handle, string Path) : IDisposable
{
    /// <summary>What F_GETFL and F_SETFL see; two bits say for what it is open.</summary>
    internal int Flags { get; set; }

    /// <summary>What F_GETFD and F_SETFD see.</summary>
    internal int DescriptorFlags { get; set; }

    public void Dispose() => Handle?.Dispose();
}

/// <summary>A table of bounded size; at first it has the standard streams.</summary>
internal sealed class Descriptors : IDisposable
{
    /// <summary>Files that may be open at once (E2K-SYS-012).</summary>
    internal const int Max = 256;

    private readonly OpenFile?[] _files = new OpenFile?[Max];

    internal Descriptors()
    {
        for (int stream = 0; stream <= 2; stream++)
        {
            _files[stream] = new(stream, null, "") { Flags = stream == 0 ? 0 : 1 };
        }
    }

    internal OpenFile? this[ulong number] => number < Max ? _files[number] : null;

    /// <summary>The lowest free number from one on; EMFILE, with the file closed.</summary>
    internal long Add(OpenFile file, int first = 0)
    {
        int number = first < Max ? Array.FindIndex(_files, first, one => one is null) : -1;
        if (number < 0)
        {
            file.Dispose();
            return ErrorNumber.TooManyFiles;
        }
        _files[number] = file;
        return number;
    }

    /// <summary>In place of what is open under a number.</summary>
    internal long Put(OpenFile file, ulong number)
    {
        _files[number]?.Dispose();
        _files[number] = file;
        return (long)number;
    }

    internal long Close(ulong number)
    {
        if (this[number] is not { } file)
        {
            return ErrorNumber.BadDescriptor;
        }
        file.Dispose();
        _files[number] = null;
        return 0;
    }

    public void Dispose()
    {
        foreach (OpenFile? file in _files)
        {
            file?.Dispose();
        }
    }
}
