// The program `ashlar`: its first argument, or the name it is called by, says which tool it is.
using System;

namespace Ashlar.Tools;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        string tool = arguments.Length == 0 ? "" : arguments[0];
        Console.Error.WriteLine($"ashlar: there is no tool '{tool}'");
        return 1;
    }
}
