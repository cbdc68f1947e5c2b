// All commands, in the order of help. Spec: spec/block/iotool.md (BLK-IOT-004).
using System;

namespace Ashlar.Tools.Io;

internal static class IoCommands
{
    public static readonly IoCommand[] All =
    [
        ProgramCommands.Abort,
        AioCommands.Flush,
        AioCommands.Read,
        AioCommands.Write,
        RangeCommands.Alloc,
        BreakCommands.Break,
        ImageCommands.Close,
        RangeCommands.Discard,
        ImageCommands.Flush,
        ProgramCommands.Help,
        ImageCommands.Info,
        ImageCommands.Length,
        RangeCommands.Map,
        ImageCommands.Open,
        ProgramCommands.Quit,
        ReadCommands.Read,
        ReadCommands.ReadVector,
        BreakCommands.RemoveBreak,
        ReopenCommand.Reopen,
        BreakCommands.Resume,
        ProgramCommands.SigRaise,
        ProgramCommands.Sleep,
        ImageCommands.Truncate,
        BreakCommands.WaitBreak,
        WriteCommands.Write,
        WriteCommands.WriteVector,
    ];

    /// <summary>The command of a name or a shorter name; null for none.</summary>
    public static IoCommand? Find(string name) =>
        Array.Find(All, one => one.Name == name || one.Alias == name);
}
