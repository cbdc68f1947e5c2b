// The program `ashlar`: the name it is called by, or else its first argument, says which tool it
// is.
// Spec: spec/block/storaged.md (BLK-SD-001).
using System;
using System.IO;
using System.Text;
using Ashlar.Tools.Img;
using Ashlar.Tools.Io;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools;

internal static class Program
{
    private const string StorageDaemonName = "qemu-storage-daemon";
    private const string ImageToolName = "qemu-img";
    private const string IoToolName = "qemu-io";

    private static int Main(string[] arguments)
    {
        string[] commandLine = ReadCommandLine();
        string name = Path.GetFileName(commandLine.Length == 0 ? "" : commandLine[0]);
        if (name == StorageDaemonName)
        {
            return StorageDaemon.Run(name, arguments, commandLine);
        }
        if (name == ImageToolName)
        {
            return ImgTool.Run(name, arguments);
        }
        if (name == IoToolName)
        {
            return IoTool.Run(name, arguments);
        }
        if (arguments is ["io", ..])
        {
            return IoTool.Run("ashlar io", arguments[1..]);
        }
        if (arguments is ["img", ..])
        {
            return ImgTool.Run("ashlar img", arguments[1..]);
        }
        if (arguments is ["storaged", ..])
        {
            return StorageDaemon.Run("ashlar storaged", arguments[1..], commandLine);
        }
        bool isHelp = arguments is ["--help" or "-h" or "help"];
        TextWriter output = isHelp ? Console.Out : Console.Error;
        output.Write(
            isHelp || arguments.Length == 0 ? "" : $"ashlar: there is no tool '{arguments[0]}'\n"
        );
        output.Write(
            "ashlar img COMMAND ...       images; see ashlar img --help\n"
                + "ashlar io [options] [image]  reading and writing; see ashlar io --help\n"
                + "ashlar storaged [options]    a storage daemon; see ashlar storaged --help\n"
        );
        return isHelp ? 0 : 1;
    }

    /// <summary>
    /// The words the process was started with. The runtime tells the program's file, not the name
    /// of the link that led to it.
    /// </summary>
    private static string[] ReadCommandLine()
    {
        // Each word ends with a zero byte; a last word may be empty.
        string words = Encoding.UTF8.GetString(File.ReadAllBytes("/proc/self/cmdline"));
        return words.Length == 0 ? [] : words[..^1].Split('\0');
    }
}
