/// What a test needs from the machine. A test that lacks it is skipped and counted, by name.
module Ashlar.Conformance.Tests.Needs

open System
open System.IO
open Expecto

let private isOnPath (program: string) =
    (string (Environment.GetEnvironmentVariable "PATH")).Split Path.PathSeparator
    |> Array.exists (fun directory -> File.Exists(Path.Combine(directory, program)))

/// Skips the running test when the program is not on the PATH.
let program name package =
    if not (isOnPath name) then
        skiptest $"needs {name} (apt-get install {package})"

/// The image tool of QEMU.
let qemuImg () = program "qemu-img" "qemu-utils"

/// The I/O tool of QEMU, which takes locks as a running QEMU does.
let qemuIo () = program "qemu-io" "qemu-utils"
