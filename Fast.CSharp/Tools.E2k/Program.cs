// The program `ashlar-e2k`.
using System.CommandLine;
using Ashlar.Tools.E2k;

RootCommand root = new("Runs, assembles and disassembles e2k (Elbrus) programs.")
{
    RunCommand.Create(),
    AsmCommand.Create(),
    DisCommand.Create(),
};
return root.Parse(args).Invoke();
