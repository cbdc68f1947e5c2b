// A system call as a line: its customary name, its arguments, its result. Spec: spec/e2k/linux.md,
// E2K-SYS-019.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Ashlar.E2k;

/// <summary>Writes lines about system calls.</summary>
internal static class CallText
{
    /// <summary>Characters of a text in memory that are shown.</summary>
    private const int ShownMax = 64;

    /// <summary>
    /// The name, and a letter for each argument: a number, a hexadecimal number, an octal number,
    /// a folder's descriptor, or the text that it points to.
    /// </summary>
    private static readonly Dictionary<CallNumber, (string Name, string Arguments)> Forms = new()
    {
        [CallNumber.Exit] = ("exit", "n"),
        [CallNumber.Read] = ("read", "nxn"),
        [CallNumber.Write] = ("write", "nxn"),
        [CallNumber.Open] = ("open", "txo"),
        [CallNumber.Close] = ("close", "n"),
        [CallNumber.Create] = ("creat", "to"),
        [CallNumber.Unlink] = ("unlink", "t"),
        [CallNumber.Seconds] = ("time", "x"),
        [CallNumber.Seek] = ("lseek", "nnn"),
        [CallNumber.Process] = ("getpid", ""),
        [CallNumber.UserNumber] = ("getuid", ""),
        [CallNumber.Access] = ("access", "to"),
        [CallNumber.Kill] = ("kill", "nn"),
        [CallNumber.Rename] = ("rename", "tt"),
        [CallNumber.MakeFolder] = ("mkdir", "to"),
        [CallNumber.RemoveFolder] = ("rmdir", "t"),
        [CallNumber.Duplicate] = ("dup", "n"),
        [CallNumber.ProcessTimes] = ("times", "x"),
        [CallNumber.Break] = ("brk", "x"),
        [CallNumber.GroupNumber] = ("getgid", ""),
        [CallNumber.EffectiveUser] = ("geteuid", ""),
        [CallNumber.EffectiveGroup] = ("getegid", ""),
        [CallNumber.Device] = ("ioctl", "nxx"),
        [CallNumber.Control] = ("fcntl", "nnx"),
        [CallNumber.DuplicateTo] = ("dup2", "nn"),
        [CallNumber.ParentProcess] = ("getppid", ""),
        [CallNumber.ProcessGroup] = ("getpgrp", ""),
        [CallNumber.SetLimit] = ("setrlimit", "nx"),
        [CallNumber.OldLimit] = ("getrlimit", "nx"),
        [CallNumber.Use] = ("getrusage", "nx"),
        [CallNumber.TimeOfDay] = ("gettimeofday", "xx"),
        [CallNumber.ReadLink] = ("readlink", "txn"),
        [CallNumber.Map] = ("mmap", "xnxxnx"),
        [CallNumber.Unmap] = ("munmap", "xn"),
        [CallNumber.Status] = ("stat", "tx"),
        [CallNumber.StatusOfLink] = ("lstat", "tx"),
        [CallNumber.StatusOfFile] = ("fstat", "nx"),
        [CallNumber.SystemFacts] = ("sysinfo", "x"),
        [CallNumber.SystemName] = ("uname", "x"),
        [CallNumber.Protect] = ("mprotect", "xnx"),
        [CallNumber.GroupOf] = ("getpgid", "n"),
        [CallNumber.ReadVector] = ("readv", "nxn"),
        [CallNumber.WriteVector] = ("writev", "nxn"),
        [CallNumber.Session] = ("getsid", "n"),
        [CallNumber.Yield] = ("sched_yield", ""),
        [CallNumber.Sleep] = ("nanosleep", "xx"),
        [CallNumber.Remap] = ("mremap", "xnnxx"),
        [CallNumber.SignalReturn] = ("rt_sigreturn", ""),
        [CallNumber.SignalAction] = ("rt_sigaction", "nxxn"),
        [CallNumber.SignalMask] = ("rt_sigprocmask", "nxxn"),
        [CallNumber.SignalsPending] = ("rt_sigpending", "xn"),
        [CallNumber.PositionedRead] = ("pread", "nxnn"),
        [CallNumber.PositionedWrite] = ("pwrite", "nxnn"),
        [CallNumber.CurrentFolder] = ("getcwd", "xn"),
        [CallNumber.SignalStack] = ("sigaltstack", "xx"),
        [CallNumber.Limit] = ("ugetrlimit", "nx"),
        [CallNumber.Status64] = ("stat64", "tx"),
        [CallNumber.StatusOfLink64] = ("lstat64", "tx"),
        [CallNumber.StatusOfFile64] = ("fstat64", "nx"),
        [CallNumber.User32] = ("getuid32", ""),
        [CallNumber.Group32] = ("getgid32", ""),
        [CallNumber.EffectiveUser32] = ("geteuid32", ""),
        [CallNumber.EffectiveGroup32] = ("getegid32", ""),
        [CallNumber.Advise] = ("madvise", "xnn"),
        [CallNumber.ReadFolder] = ("getdents64", "nxn"),
        [CallNumber.Control64] = ("fcntl64", "nnx"),
        [CallNumber.StatusAt] = ("newfstatat", "ftxx"),
        [CallNumber.Thread] = ("gettid", ""),
        [CallNumber.ThreadKill] = ("tkill", "nn"),
        [CallNumber.Processors] = ("sched_getaffinity", "nnx"),
        [CallNumber.HardwareStacks] = ("access_hw_stacks", "nxxnx"),
        [CallNumber.ThreadAddress] = ("set_tid_address", "x"),
        [CallNumber.ClockTime] = ("clock_gettime", "nx"),
        [CallNumber.ClockResolution] = ("clock_getres", "nx"),
        [CallNumber.ClockSleep] = ("clock_nanosleep", "nxxx"),
        [CallNumber.ExitGroup] = ("exit_group", "n"),
        [CallNumber.GroupKill] = ("tgkill", "nnn"),
        [CallNumber.Processor] = ("getcpu", "xxx"),
        [CallNumber.OpenAt] = ("openat", "ftxo"),
        [CallNumber.MakeFolderAt] = ("mkdirat", "fto"),
        [CallNumber.UnlinkAt] = ("unlinkat", "ftx"),
        [CallNumber.RenameAt] = ("renameat", "ftft"),
        [CallNumber.ReadLinkAt] = ("readlinkat", "ftxn"),
        [CallNumber.AccessAt] = ("faccessat", "fto"),
        [CallNumber.DuplicateTo3] = ("dup3", "nnx"),
        [CallNumber.StatusAt64] = ("fstatat64", "ftxx"),
        [CallNumber.RobustList] = ("set_robust_list", "xn"),
        [CallNumber.ProcessLimit] = ("prlimit64", "nnxx"),
        [CallNumber.Draw] = ("getrandom", "xnx"),
        [CallNumber.StatusExtended] = ("statx", "ftxxx"),
        [CallNumber.AccessAt2] = ("faccessat2", "ftox"),
    };

    /// <summary>A call before it is carried out: its name and its arguments.</summary>
    internal static string Of(IGuestBytes memory, ulong number, ReadOnlySpan<ulong> arguments)
    {
        (string name, string kinds) = Forms.TryGetValue((CallNumber)number, out var form)
            ? form
            : ($"call {number}", "xxxxxx");
        StringBuilder text = new(name);
        text.Append('(');
        for (int index = 0; index < kinds.Length; index++)
        {
            text.Append(index == 0 ? "" : ", ")
                .Append(Shown(memory, kinds[index], arguments[index]));
        }
        return text.Append(')').ToString();
    }

    /// <summary>What it came to.</summary>
    internal static string Result(long result) =>
        ErrorNumber.Is(result) ? $"{result} {ErrorNumber.NameOf(result)}".TrimEnd()
        : result is < 0 or > int.MaxValue ? $"0x{result:x}"
        : result.ToString(CultureInfo.InvariantCulture);

    private static string Shown(IGuestBytes memory, char kind, ulong value) =>
        kind switch
        {
            'n' => ((long)value).ToString(CultureInfo.InvariantCulture),
            'o' => "0" + Convert.ToString((long)(value & 0xffff), 8),
            'f' when (int)value == HostLibrary.CurrentFolder => "AT_FDCWD",
            'f' => ((int)value).ToString(CultureInfo.InvariantCulture),
            't' => Quoted(memory, value),
            _ => $"0x{value:x}",
        };

    /// <summary>A text in quotes, an address where none can be read.</summary>
    private static string Quoted(IGuestBytes memory, ulong address)
    {
        StringBuilder text = new("\"");
        Span<byte> one = stackalloc byte[1];
        for (int index = 0; index < ShownMax; index++)
        {
            if (!memory.TryCopyOut(address + (ulong)index, one))
            {
                return $"0x{address:x}";
            }
            if (one[0] == 0)
            {
                return text.Append('"').ToString();
            }
            text.Append(
                one[0] is >= 0x20 and < 0x7f and not (byte)'"' and not (byte)'\\'
                    ? ((char)one[0]).ToString()
                    : $"\\x{one[0]:x2}"
            );
        }
        return text.Append("\"...").ToString();
    }
}
