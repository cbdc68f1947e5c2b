// The file that says which process the daemon is. Its lock, not its contents, says that the daemon
// lives. Spec: spec/block/storaged.md (BLK-SD-012).
using System;
using System.Globalization;
using System.IO;
using System.Text;
using Ashlar.Block;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.Tools.Storaged;

/// <summary>A pidfile that is written and locked for as long as the process lives.</summary>
internal sealed class PidFile
{
    private const int WriteOnly = 1;
    private const int WriteOnlyCreate = 0x41;
    private const int TryAgain = 11;
    private const int OwnerOnly = 0x180;

    private readonly FileName? _name;

    // Closing any descriptor of the file would let go of the lock, so this one stays open.
    private readonly SafeFileHandle _file;

    private PidFile(string path, SafeFileHandle file)
    {
        _name = FileName.Of(path);
        _file = file;
    }

    /// <summary>
    /// Refuses a start while the daemon of that file lives, before the start takes that daemon's
    /// sockets away.
    /// </summary>
    public static void RefuseIfHeld(string path)
    {
        int descriptor = Posix.Open(path, WriteOnly | Posix.CloseOnExec, 0);
        if (descriptor < 0)
        {
            return;
        }
        using SafeFileHandle file = new(descriptor, ownsHandle: true);
        FileLock whole = new() { Type = Libc.WriteLock };
        if (Libc.Control(file, Posix.GetLock, ref whole) == 0 && whole.Type != Libc.NoLock)
        {
            throw Failed($"Cannot lock pid file: {Posix.ErrorText(TryAgain)}");
        }
    }

    /// <summary>Creates, locks and writes the file, or says why not.</summary>
    public static PidFile Write(string path)
    {
        while (true)
        {
            int descriptor = Posix.Open(path, WriteOnlyCreate | Posix.CloseOnExec, OwnerOnly);
            if (descriptor < 0)
            {
                throw Failed($"Could not create '{path}': {Posix.LastErrorText()}");
            }
            SafeFileHandle file = new(descriptor, ownsHandle: true);
            FileLock whole = new() { Type = Libc.WriteLock };
            if (Libc.Control(file, Posix.SetLock, ref whole) != 0)
            {
                string reason = Posix.LastErrorText();
                file.Dispose();
                throw Failed($"Cannot lock pid file: {reason}");
            }
            string real = RealPath(path);
            if (IsStillAt(file, real))
            {
                WriteNumber(file, real);
                return new PidFile(real, file);
            }
            // Another daemon has just removed or replaced it: what we locked is nobody's file.
            file.Dispose();
        }
    }

    /// <summary>Removes the file unless somebody has put another one there.</summary>
    public void Remove()
    {
        _name?.Remove();
        GC.KeepAlive(_file);
    }

    private static bool IsStillAt(SafeFileHandle file, string path) =>
        Libc.TryStatus(file, out FileStatus status) == HostErrno.None
        && FileName.Of(path)?.Identity == status.Identity;

    private static void WriteNumber(SafeFileHandle file, string path)
    {
        string number = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        byte[] text = Encoding.ASCII.GetBytes(number + "\n");
        if (
            Libc.Truncate(file, 0) != 0
            || Libc.Write(file, ref text[0], text.Length, 0) != text.Length
        )
        {
            _ = Libc.Unlink(path);
            throw Failed("Failed to write pid file");
        }
    }

    /// <summary>
    /// The path that stays true after the daemon has changed its directory, links followed.
    /// </summary>
    private static string RealPath(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (IOException error)
        {
            throw Failed($"cannot resolve PID file path: {path}: {error.Message}");
        }
    }

    private static StartException Failed(string reason) => new($"cannot create PID file: {reason}");
}
