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

let private start (folder: string) (program: string) (arguments: string list) : Ending =
    let start =
        ProcessStartInfo(
            program,
            arguments,
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

let private run folder arguments = start folder runtime (tool :: arguments)

let private source =
    "#include \"n.inc\"\n_start: { nop N ; addd,0 0, 5, %r1 }\n.data\n.dword _start\n"

let private write folder name (text: string) = File.WriteAllText(Path.Combine(folder, name), text)

/// A program that writes for ever, and ends with the error number, if there is one.
let private writer =
    String.concat "\n" [
        "_start: { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"
        "again:"
        yield! Calls.making (Calls.call 4 [ "1"; "text"; "5" ])
        "    { disp %ctpr2, again ; cmpldb,0 %b[0], 0, %pred0 ; subd,1 0, %b[0], %r5 }"
        "    { ct %ctpr2 ? ~%pred0 }"
        yield! Calls.making (Calls.call 300 [ "%r5" ])
        "    .data"
        "text: .ascii \"text\\n\""
        ""
    ]

/// A program that writes its second argument and ends.
let private echo =
    String.concat "\n" [
        "_start: { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"
        "    { getsp,0 0, %r1 }"
        "    { ldd,0 [ %r1 + 16 ], %r2 ; nop 4 }"
        yield! Calls.making (Calls.call 4 [ "1"; "%r2"; "6" ])
        yield! Calls.making (Calls.call 300 [ "0" ])
        ""
    ]

/// A program whose only data are zeros: it keeps 9 there and ends with it.
let private zeros =
    String.concat "\n" [
        "_start: { setwd wsz = 32, nfx = 0 ; setbn rsz = 7, rbs = 16, rcur = 0 }"
        "    { addd,0 0, place, %r1 ; addd,1 0, 9, %r2 }"
        "    { stb,2 %r2, [ %r1 + 0 ] }"
        "    { ldb,0 [ %r1 + 0 ], %r3 ; nop 4 }"
        yield! Calls.making (Calls.call 300 [ "%r3" ])
        "    .bss"
        "    .space 20000"
        "place: .space 8"
        ""
    ]

/// A program in a folder, and a line of a shell that names the tool $1 and the program $2.
let private inShell (program: string) (line: string) : Ending =
    Calls.inFolder (fun folder ->
        File.WriteAllBytes(Path.Combine(folder, "a.elf"), Calls.assembled program)
        File.WriteAllText(Path.Combine(folder, "a.S"), program)

        let way =
            $"set -o pipefail; text() {{ '{runtime}' '{tool}' \"$@\"; }};"
            + $" run() {{ text run \"$@\"; }}; {line}"

        start folder "bash" [ "-c"; way ])

let private runTests = [
    test "E2K-SIG-008: who reads a program's output may go" {
        let ended = inShell writer "run a.elf | head -n 1; echo ${PIPESTATUS[0]} >&2"
        Expect.equal ended { Code = 0; Output = "text\n"; Errors = "141\n" } "SIGPIPE"
    }
    test "E2K-SYS-006: a full or closed output says why it takes nothing" {
        Expect.equal (inShell writer "run a.elf >/dev/full").Code 28 "ENOSPC"
        Expect.equal (inShell writer "run a.elf >&-").Code 9 "EBADF"
    }
    test "what stands behind the program is the program's" {
        let ended = inShell echo "run --tags off a.elf --stats"
        Expect.equal ended { Code = 0; Output = "--stat"; Errors = "" } "an option"
    }
    test "mistakes in the command line end with 2 and one line" {
        for line, wanted in
            [
                "run --bogus a.elf", "there is no option --bogus of run"
                "run --tags maybe a.elf", "--tags is on or off, not 'maybe'"
                "run --limit x a.elf", "--limit takes a number from 1 on, not 'x'"
                "run --limit 0 a.elf", "--limit takes a number from 1 on, not '0'"
                "run --memory 0 a.elf", "--memory takes 1 to 1048576 MiB, not '0'"
                "run", "Required argument missing for command: 'run'."
                "run /dev/zero", "/dev/zero cannot be read: it has more than 1073741824 bytes"
                "run none.elf", "none.elf cannot be read: there is no such file"
            ] do
            let said = $"ashlar-e2k: {wanted}\n"
            Expect.equal (inShell zeros line) { Code = 2; Output = ""; Errors = said } line
    }
    test "dis and asm that cannot write say so in a line and end with 1" {
        for line, wanted in
            [
                "text dis a.elf >/dev/full", "standard output takes no more of the text"
                "text dis a.elf >&-", "standard output takes no more of the text"
                "text asm a.S -o none/b.elf",
                "none/b.elf cannot be written: there is no such folder"
                "text asm a.S -o /dev/full", "/dev/full cannot be written: the system refuses it"
            ] do
            let said = $"ashlar-e2k: {wanted}\n"
            Expect.equal (inShell zeros line) { Code = 1; Output = ""; Errors = said } line
    }
    test "E2K-OPS-007: version 7 has the operations of version 6" {
        let line = "text asm --cpu v7 a.S -o b.elf && run b.elf seven!"
        Expect.equal (inShell echo line) { Code = 0; Output = "seven!"; Errors = "" } "the engine"
        Expect.equal (EngineAssembly.difference (EngineAssembly.alone 7 echo)) None "the reference"
    }
    test "asm writes a program into a pipe" {
        let ended = inShell zeros "text asm --cpu v5 a.S -o /dev/stdout | cmp - a.elf"
        Expect.equal ended { Code = 0; Output = ""; Errors = "" } "the same bytes"
    }
    test "what cannot be told does not change how a program ends" {
        for line in [ "run --stats a.elf 2>/dev/full"; "run --stats a.elf 2>&-" ] do
            Expect.equal (inShell zeros line).Code 9 line
    }
    test "E2K-ELF-003: a program may have zeros and no other data" {
        Expect.equal (Calls.ending Hosts.sandbox [||] zeros) "9" "on both"
    }
]

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
                        [ "dis"; "--hex"; "000000001" ]
                        [ "dis"; "--hex"; "," ]
                        [ "dis"; "/dev/zero" ]
                        [ "asm"; "a.S"; "-o"; "a.elf"; "-D"; "=3" ]
                        [ "asm"; "a.S"; "-o"; "a.elf"; "-D"; "X Y=3" ]
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
        yield! runTests
    ]
