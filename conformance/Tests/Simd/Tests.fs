/// The loops over bytes, once as this machine runs them, and again in processes that see less of
/// it.
module Ashlar.Conformance.Tests.Simd.Tests

open System
open System.Diagnostics
open System.Reflection
open System.Runtime.Intrinsics
open Expecto
open Ashlar.Conformance.Tests

/// Instruction sets that can be switched off, and what is gone then.
let private switches = [
    "DOTNET_EnableAVX512", (fun () -> Vector512.IsHardwareAccelerated)
    "DOTNET_EnableAVX2", (fun () -> Vector256.IsHardwareAccelerated)
    "DOTNET_EnableAES", (fun () -> X86.Aes.IsSupported)
    "DOTNET_EnableHWIntrinsic", (fun () -> Vector128.IsHardwareAccelerated)
]

let private isOff (switch: string) = Environment.GetEnvironmentVariable switch = "0"

/// What is run in each of the processes.
let private laws =
    testList "laws" [
        BufferTests.tests
        AesTests.tests
        test "what was switched off is off" {
            for switch, isThere in switches do
                Expect.isFalse (isOff switch && isThere ()) switch
        }
    ]

let private again (switch: string) =
    let info =
        ProcessStartInfo(
            "dotnet",
            [
                Assembly.GetExecutingAssembly().Location
                "--filter"
                "ashlar.simd.laws"
                "--no-spinner"
                "--colours"
                "0"
            ],
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    info.Environment[switch] <- "0"
    Programs.finish "dotnet" info

/// Nothing is run again by what was itself run again.
let private less =
    testList "with less" [
        if not (List.exists (fst >> isOff) switches) then
            for switch, _ in switches do
                test $"the laws hold with {switch}=0" {
                    let code, output, errors = again switch
                    Expect.equal code 0 $"{output}{errors}"
                    Expect.stringContains output " 0 failed" "every law was looked at"
                    Expect.isFalse (output.Contains " 0 passed") "some law was looked at"
                }
    ]

let tests = testList "simd" [ laws; less ]
