// The program `ashlar-e2k`.
using System.CommandLine;
using Ashlar.Tools.E2k;

Command run = RunCommand.Create();
RootCommand root = new("Runs, assembles and disassembles e2k (Elbrus) programs.")
{
    run,
    AsmCommand.Create(),
    DisCommand.Create(),
};
if (args is ["run", .. string[] rest])
{
    rest = GuestArguments.Separate(run, rest, out string? refusal);
    if (refusal is not null)
    {
        return Saying.Refuse(refusal);
    }
    args = ["run", .. rest];
}
ParseResult parsed = root.Parse(args);

// The first is the mistake; the others follow from it.
return parsed.Errors.Count > 0 ? Saying.Refuse(parsed.Errors[0].Message) : parsed.Invoke();
