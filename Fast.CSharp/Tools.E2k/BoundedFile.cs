// Files that a user names, read up to a bound: devices have no end.
using System;
using System.IO;

namespace Ashlar.Tools.E2k;

/// <summary>Reads files.</summary>
internal static class BoundedFile
{
    private const int ChunkBytes = 1 << 16;

    /// <summary>All bytes of a file; null where it is read, else why not.</summary>
    internal static string? TryRead(string path, long bytesMax, out byte[] bytes)
    {
        bytes = [];
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            using MemoryStream read = new();
            byte[] chunk = new byte[ChunkBytes];
            int count;
            while ((count = file.Read(chunk)) > 0)
            {
                read.Write(chunk, 0, count);
                if (read.Length > bytesMax)
                {
                    return $"it has more than {bytesMax} bytes";
                }
            }
            bytes = read.ToArray();
            return null;
        }
        catch (Exception wrong)
            when (wrong is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Reason(wrong);
        }
    }

    /// <summary>Why a file is not opened, in words that need no resources of the runtime.</summary>
    internal static string Reason(Exception wrong) =>
        wrong switch
        {
            FileNotFoundException => "there is no such file",
            DirectoryNotFoundException => "there is no such folder",
            UnauthorizedAccessException => "it is a folder, or permission is missing",
            ArgumentException => "this is no name of a file",
            _ => "the system refuses it",
        };
}
