/// `ashlar-prove`: verifies everything, and says what is proved and what it cost.
module Ashlar.Conformance.Proofs.Prove

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open Ashlar.Conformance.Proofs

/// The project file that a person's editor and this program both go by.
let project = "dfyconfig.toml"

/// What Dafny's auditor says, to be compared.
let audit = "audit.md"

/// Above this share of the limit a proof is too near to failing by chance.
let percentMax = 70L

/// The limit that the project file sets for each obligation.
let limitOf (directory: string) : int64 =
    let text = File.ReadAllText(Path.Combine(directory, project))
    let found = Regex.Match(text, @"^resource-limit\s*=\s*(\d+)\s*$", RegexOptions.Multiline)

    if found.Success then
        int64 found.Groups[1].Value
    else
        raise (Unfit $"{project} sets no resource-limit")

let private millions (resources: int64) = $"{float resources / 1e6:F1} M"
let private percent (limit: int64) (resources: int64) = resources * 100L / limit

/// One line of the table.
let private row (file: string) (theorems: int) (steps: int) (obligations: Obligation list) limit =
    let largest = obligations |> List.map _.LargestPart |> List.fold max 0L

    Console.WriteLine(
        String.Format(
            "{0,-32}{1,9}{2,8}{3,13}{4,11}{5,9}",
            file,
            theorems,
            steps,
            obligations.Length,
            obligations |> List.sumBy _.Resources |> millions,
            $"{percent limit largest} %%"
        )
    )

let private table directory (lemmas: Lemma list) (proved: Verification) limit =
    let head = [| "file"; "theorems"; "steps"; "obligations"; "resources"; "largest" |]
    Console.WriteLine(String.Format("{0,-32}{1,9}{2,8}{3,13}{4,11}{5,9}", head |> Array.map box))

    for file in Theorems.files directory do
        let here = lemmas |> List.filter (fun lemma -> lemma.File = file)
        let theorems = here |> List.filter (fun lemma -> not lemma.Cites.IsEmpty)
        let obligations = proved.Obligations |> List.filter (fun o -> o.File = file)
        row file theorems.Length (here.Length - theorems.Length) obligations limit

/// A fault as `file:line:column: what`, with the theorem it breaks and what that cites.
let describe (directory: string) (lemmas: Lemma list) (fault: Fault) : string =
    let place = $"{Path.Combine(directory, fault.File)}:{fault.Line}:{fault.Column}"

    match Theorems.at lemmas fault.File fault.Line with
    | None -> $"{place}: {fault.Text}"
    | Some lemma when lemma.Cites.IsEmpty -> $"{place}: {lemma.Name}: {fault.Text}"
    | Some lemma ->
        let ids = String.concat ", " lemma.Cites
        $"{place}: {lemma.Name} ({ids}): {fault.Text}"

/// What is wrong with a run, a line each: what Dafny complains about, and what is too near the
/// limit.
let complaintsOf directory (lemmas: Lemma list) (proved: Verification) (limit: int64) = [
    for fault in List.distinct proved.Faults do
        describe directory lemmas fault

    if proved.Errors > 0 && proved.Faults.IsEmpty then
        proved.Output.Trim()

    for obligation in proved.Obligations do
        let share = percent limit obligation.LargestPart

        if share > percentMax then
            $"{obligation.File}: {obligation.Name} needs {share} %% of the resource limit; "
            + $"{percentMax} %% is the most that leaves room"
]

/// A further question to Dafny: what it is called, and whether the answer is as it has to be.
let private ask (what: string) (arguments: string list) (repair: string) : string list =
    match Toolchain.dafny arguments with
    | 0, _ -> []
    | _, output -> [ $"{what}: {repair}"; output.Trim() ]

let private others (directory: string) =
    let project = Path.Combine(directory, project)

    ask
        "format"
        [ "format"; "--check"; project ]
        $"a file is not laid out as `dotnet dafny format {project}` does it"
    @ ask
        "audit"
        [ "audit"; project; "--report-file"; Path.Combine(directory, audit); "--compare-report" ]
        $"{audit} is not what `dafny audit` says; an assumption came or went"

/// Verifies the folder; the exit code is 0 when all of it holds.
let run (directory: string) : int =
    let limit = limitOf directory
    let z3 = Toolchain.z3 ()
    let watch = Stopwatch.StartNew()
    let lemmas = Theorems.all directory
    Console.WriteLine $"Dafny {Toolchain.dafnyVersion ()}, Z3 {Toolchain.z3Version} ({z3})"

    let proved =
        Verification.run directory project [ "--cores"; string (max 1 Environment.ProcessorCount) ]

    let theorems = lemmas |> List.filter (fun lemma -> not lemma.Cites.IsEmpty)
    let requirements = theorems |> List.collect _.Cites |> List.distinct
    table directory lemmas proved limit

    let complaints = complaintsOf directory lemmas proved limit @ others directory

    for line in complaints do
        eprintfn "%s" line

    let costliest = proved.Obligations |> List.tryHead

    let largest =
        match costliest with
        | Some o -> $", the largest part {percent limit o.LargestPart} %% of the limit ({o.Name})"
        | None -> ""

    Console.WriteLine
        $"{theorems.Length} theorems on {requirements.Length} requirements, \
          {lemmas.Length - theorems.Length} steps; {proved.Verified} verified, \
          {proved.Errors} errors; \
          {millions (proved.Obligations |> List.sumBy _.Resources)} resources{largest}; \
          {watch.Elapsed.TotalSeconds:F0} s"

    if complaints.IsEmpty && proved.Errors = 0 && proved.Verified > 0 then
        0
    else
        1
