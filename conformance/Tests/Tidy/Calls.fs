/// Calls that would let the machine leak into a result: clock, shared randomness, sleep, threads
/// of unknown owner, and for the oracle any environment at all.
module Ashlar.Conformance.Tests.Tidy.Calls

open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Tests.Tidy.Repository

/// A banned call: where, how it looks, and which files may make it, each with the reason.
type private Ban = {
    Name: string
    Rooms: string list
    Pattern: string
    Allowed: (string * string) list
}

/// Servers and programs (Nbd, Qmp, Tools) live in time; the graph does not.
let private engine = "Fast.CSharp/Block/"
let private oracle = "Reference.FSharp/"
let private both = [ engine; oracle ]

let private bans = [
    {
        Name = "the engine and the oracle read no clock"
        Rooms = both
        Pattern = @"\b(DateTime|DateTimeOffset)\.(Now|UtcNow|Today)\b|\bTickCount(64)?\b"
        Allowed = []
    }
    {
        Name = "the engine and the oracle measure no time, except where listed"
        Rooms = both
        Pattern = @"\bStopwatch\b|\bTimeProvider\.System\b|\bPeriodicTimer\b"
        Allowed = [
            "Fast.CSharp/Block/Io/Engines/IoClock.cs",
            "event loops have timers, and what a request does depends on none"
        ]
    }
    {
        Name = "the engine and the oracle draw no randomness of their own"
        Rooms = both
        Pattern = @"\bRandom\.Shared\b|\bnew Random\(|\bRandom\(|\bRandomNumberGenerator\b"
        Allowed = []
    }
    {
        Name = "the engine and the oracle never sleep"
        Rooms = both
        Pattern = @"\bThread\.Sleep\b|\bTask\.Delay\b|\bAsync\.Sleep\b"
        Allowed = []
    }
    {
        Name = "the engine and the oracle start no task on a shared pool"
        Rooms = both
        Pattern = @"\bTask\.Run\b|\bTask\.Factory\b|\bAsync\.Start\b"
        Allowed = []
    }
    {
        Name = "the oracle touches no environment"
        Rooms = [ oracle ]
        Pattern = @"\bSystem\.IO\b|\bSystem\.Net\b|\bSystem\.Diagnostics\b|\bConsole\.|\bprintfn?\b"
        Allowed = [
            "Reference.FSharp/Formats/Qcow2/Codec.fs",
            "the framework's codecs are streams, here over bytes in memory"
        ]
    }
    {
        Name = "the oracle throws nothing"
        Rooms = [ oracle ]
        Pattern = @"\bfailwithf?\b|\braise\b|\binvalid(Arg|Op)\b|\bnullArg\b"
        Allowed = []
    }
    {
        // A loop inside one function may count; what outlives the call may not change.
        Name = "the oracle keeps no state that changes"
        Rooms = [ oracle ]
        Pattern = @"^\s*mutable\s+\w+\s*:|^let\s+(private\s+|internal\s+)?mutable\b|\bref\s"
        Allowed = []
    }
]

let private offences ban =
    let regex = Regex(ban.Pattern, RegexOptions.Compiled)

    select ban.Rooms [ ".cs"; ".fs" ]
    |> List.filter (fun source -> not (List.exists (fst >> (=) source.Path) ban.Allowed))
    |> List.collect (
        perLine (fun line ->
            let found = regex.Match(withoutComment line)
            if found.Success then Some found.Value else None)
    )

let tests =
    testList "calls" [
        for ban in bans do
            test ban.Name { offences ban |> expectNone "Banned calls" }

        test "a file allowed to break a rule still exists" {
            bans
            |> List.collect _.Allowed
            |> List.filter (fun (path, _) -> not (List.contains path paths.Value))
            |> List.map (fun (path, reason) -> { Place = path; Line = 1; What = reason })
            |> expectNone "Stale permissions"
        }
    ]
