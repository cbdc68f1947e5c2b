// The one gate to files of the host: where a name leads, and what may be done there. Spec:
// spec/e2k/linux.md, E2K-SYS-010 and E2K-SYS-011.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.E2k;

/// <summary>Which files of the host a program may reach (E2K-SYS-010).</summary>
/// <param name="Folder">The folder whose files may be read, and where names begin.</param>
/// <param name="AllowsHost">Whether all files may be reached, also to be changed.</param>
public sealed record FilePolicy(string Folder, bool AllowsHost = false);

/// <summary>Where a name leads: a folder of the host, and a name in it.</summary>
/// <param name="Error">Why it leads nowhere; 0 where it does.</param>
internal sealed record FoundName(SafeFileHandle? Owned, int Folder, byte[] Name, int Error)
    : IDisposable
{
    internal bool IsFound => Error == 0;

    public void Dispose() => Owned?.Dispose();

    internal static FoundName Nowhere(long error) => new(null, 0, [], (int)error);
}

/// <summary>Follows names component by component; never out of the folder, never a link.</summary>
internal sealed class Gate : IDisposable
{
    private readonly FilePolicy _policy;
    private readonly string[] _folder;
    private SafeFileHandle? _root;

    internal Gate(FilePolicy policy)
    {
        _policy = policy;
        CurrentFolder = FromHost(Path.GetFullPath(policy.Folder));
        _folder = [.. Components(CurrentFolder)];
    }

    /// <summary>The folder where names begin, one character for each byte.</summary>
    internal string CurrentFolder { get; }

    internal bool AllowsHost => _policy.AllowsHost;

    /// <summary>Characters for the bytes of a text of the host.</summary>
    private static string FromHost(string text) =>
        Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    /// <summary>A name as the C library takes it.</summary>
    internal static byte[] Named(string name) => [.. Encoding.Latin1.GetBytes(name), 0];

    /// <summary>A name in full, without `.` and `..`.</summary>
    internal string FullName(OpenFile? from, string path) =>
        "/" + string.Join('/', Normal(from, path));

    /// <summary>Where a name leads that begins at an open folder, or at the current one.</summary>
    internal FoundName Find(OpenFile? from, string path)
    {
        if (path.Length == 0)
        {
            return FoundName.Nowhere(ErrorNumber.NoEntry);
        }
        if (AllowsHost)
        {
            int folder = from?.Handle is { } handle
                ? (int)handle.DangerousGetHandle()
                : HostLibrary.CurrentFolder;
            return new(null, folder, Named(path), 0);
        }
        string[] names = [.. Normal(from, path)];
        return
            names.Length >= _folder.Length && names.AsSpan(0, _folder.Length).SequenceEqual(_folder)
            ? Walk(names.AsSpan(_folder.Length), path[^1] == '/')
            : FoundName.Nowhere(ErrorNumber.NotPermitted);
    }

    public void Dispose() => _root?.Dispose();

    private static IEnumerable<string> Components(string path) =>
        path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private List<string> Normal(OpenFile? from, string path)
    {
        List<string> names = path[0] == '/' ? [] : [.. Components(from?.Path ?? CurrentFolder)];
        foreach (string name in Components(path))
        {
            if (name != "." && name != "..")
            {
                names.Add(name);
            }
            else if (name == ".." && names.Count > 0)
            {
                names.RemoveAt(names.Count - 1);
            }
        }
        return names;
    }

    /// <summary>Each folder on the way is opened in the one before it, and is no link.</summary>
    private FoundName Walk(ReadOnlySpan<string> names, bool asFolder)
    {
        int error = 0;
        _root ??= HostLibrary.Open(
            HostLibrary.CurrentFolder,
            [.. Encoding.UTF8.GetBytes(_policy.Folder), 0],
            HostLibrary.OpenPathOnly | HostLibrary.OpenFolder,
            0,
            out error
        );
        if (_root is null)
        {
            return FoundName.Nowhere(error);
        }
        SafeFileHandle? last = null;
        int folder = (int)_root.DangerousGetHandle();
        for (int index = 0; index + 1 < names.Length; index++)
        {
            SafeFileHandle? next = HostLibrary.Open(
                folder,
                Named(names[index]),
                HostLibrary.OpenPathOnly | HostLibrary.OpenFolder | HostLibrary.OpenNoFollow,
                0,
                out error
            );
            last?.Dispose();
            if (next is null)
            {
                return FoundName.Nowhere(error);
            }
            last = next;
            folder = (int)next.DangerousGetHandle();
        }
        // A slash at the end asks for a folder, which `.` behind the name does for all calls; the
        // name itself is then one of the way, which no link is.
        string name = names.IsEmpty ? "." : names[^1];
        FoundName place = new(last, folder, Named(name), 0);
        return asFolder && !names.IsEmpty ? IntoFolder(place) : place;
    }

    private static FoundName IntoFolder(FoundName place)
    {
        using FoundName before = place;
        SafeFileHandle? folder = HostLibrary.Open(
            place.Folder,
            place.Name,
            HostLibrary.OpenPathOnly | HostLibrary.OpenFolder | HostLibrary.OpenNoFollow,
            0,
            out int error
        );
        return folder is null
            ? FoundName.Nowhere(error)
            : new(folder, (int)folder.DangerousGetHandle(), Named("."), 0);
    }
}
