/// `ashlar-e2k asm` and `dis` as commands: files, messages and exit codes. Requirements:
/// spec/e2k/assembly.md, E2K-ASM-031 and E2K-DIS-001.
module Ashlar.Conformance.Tests.E2k.Engine.CommandTests

open System
open System.Diagnostics
open System.IO
open Expecto
open Ashlar.Conformance.E2k

/// What a command ended with, wrote, and said of errors.
type private Ending = { Code: int; Output: string; Errors: string }

/// The program stands beside the tests, built the same way.
let private tool =
    Path.Combine(
        AppContext.BaseDirectory.Replace("conformance/E2kTests", "Fast.CSharp/Tools.E2k"),
        "ashlar-e2k.dll"
    )

/// The runtime that runs the tests, where it is one.
let private runtime =
    match Environment.ProcessPath with
    | NonNull path when Path.GetFileName path = "dotnet" -> path
    | _ -> "dotnet"

/// Far longer than any of the commands takes.
let private patience = TimeSpan.FromMinutes 2.0

let private run (folder: string) (arguments: string list) : Ending =
    let start =
        ProcessStartInfo(
            runtime,
            tool :: arguments,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    match Process.Start start with
    | null -> failtest "the command does not start"
    | started ->
        use running = started

        let output, errors =
            running.StandardOutput.ReadToEndAsync(), running.StandardError.ReadToEndAsync()

        if not (running.WaitForExit patience) then
            running.Kill true
            failtest "the command does not end"

        { Code = running.ExitCode; Output = output.Result; Errors = errors.Result }

let private source =
    "#include \"n.inc\"\n_start: { nop N ; addd,0 0, 5, %r1 }\n.data\n.dword _start\n"

let private write folder name (text: string) = File.WriteAllText(Path.Combine(folder, name), text)

let tests =
    testList "commands" [
        test "asm writes what the reference writes, and dis its source" {
            Calls.inFolder (fun folder ->
                write folder "a.S" source
                write folder "n.inc" "#ifndef N\n#define N 2\n#endif\n"

                let made = run folder [ "asm"; "a.S"; "-o"; "a.elf"; "--cpu"; "v5"; "-D"; "N=3" ]
                Expect.equal made { Code = 0; Output = ""; Errors = "" } "asm"

                let file = File.ReadAllBytes(Path.Combine(folder, "a.elf"))

                let wanted =
                    EngineAssembly.wanted {
                        Version = 5
                        Files = [ "a.S", source; "n.inc", "" ]
                        Defined = [ "N", "3" ]
                    }

                Expect.equal (Ok file) wanted "the file"

                let text = run folder [ "dis"; "a.elf" ]
                Expect.equal (text.Code, text.Errors) (0, "") "dis"
                Expect.equal text.Output (EngineAssembly.disassembled file) "the source")
        }

        test "E2K-ASM-031 asm says where an error is and ends with 1" {
            Calls.inFolder (fun folder ->
                write folder "a.S" "\n{ adde,0 %r1, %r2, %r3 }\n"
                let ending = run folder [ "asm"; "a.S"; "-o"; "a.elf" ]
                Expect.equal ending.Code 1 "refused"
                Expect.equal ending.Errors "a.S:2:3: there is no operation adde (E2K-OPS-001)\n" ""
                Expect.isFalse (File.Exists(Path.Combine(folder, "a.elf"))) "nothing is written")
        }

        test "asm and dis end with 2 where they are used wrongly" {
            Calls.inFolder (fun folder ->
                write folder "a.S" "{ nop 1 }\n"

                for arguments in
                    [
                        [ "asm"; "a.S"; "-o"; "a.elf"; "--cpu"; "v9" ]
                        [ "dis" ]
                        [ "dis"; "a.S"; "--hex"; "0" ]
                        [ "dis"; "--hex"; "zz" ]
                        [ "dis"; "--cpu"; "v1"; "--hex"; "0" ]
                        [ "dis"; "none.elf" ]
                        [ "dis"; "a.S" ]
                    ] do
                    let ending = run folder arguments
                    let said = String.concat " " arguments
                    Expect.equal (ending.Code, ending.Output) (2, "") said
                    Expect.stringStarts ending.Errors "ashlar-e2k: " said)
        }

        test "dis writes words" {
            Calls.inFolder (fun folder ->
                let words = [ "04000001"; "10a3a184,00000180"; "0"; "ffffffff" ]
                let ending = run folder ("dis" :: "--cpu" :: "v5" :: "--hex" :: words)
                let wanted = "{ adds,0 %r35, %r33, %r4 }\n{ nop 3 }\n.word 0xffffffff\n"
                Expect.equal ending { Code = 0; Output = wanted; Errors = "" } "words")
        }
    ]
