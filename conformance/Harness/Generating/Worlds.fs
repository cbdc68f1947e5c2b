/// Random worlds: few files, of few kinds, so that nodes meet on them.
module Ashlar.Conformance.Worlds

open Ashlar.Reference.Block

let private mebibyte = 1_048_576L

let private raw name size = {
    Name = name
    Format = Format.Raw
    SizeBytes = size
    Mode = 0o644
    Owned = true
    Locks = []
}

let private qcow2 name size backing format bits = {
    raw name size with
        Format =
            Format.Qcow2 {
                World.plainHeader with
                    BackingFile = backing
                    BackingFormat = format
                    ClusterBits = bits
            }
}

/// Sizes with and without whole sectors, none, and one below a cluster.
let private rawSizes = [| mebibyte; mebibyte; 65_536L; 131_072L; 1_000L; 66_000L; 512L; 0L |]

let private qcow2Sizes = [| mebibyte; mebibyte; 196_608L; 65_536L; 66_048L; 512L; 0L |]

/// log2 of cluster sizes: small ones make tables long.
let private clusterBits = [| 16; 16; 12; 9 |]

let private images (dice: Dice) (surroundings: Surroundings) = [
    let bits () = dice.Pick clusterBits
    let size () = dice.Pick qcow2Sizes
    qcow2 "q.qcow2" mebibyte None None (bits ())
    qcow2 "r.qcow2" (size ()) (Some "a.raw") (Some "raw") (bits ())

    if dice.Percent 60 then
        qcow2 "s.qcow2" (size ()) (Some "q.qcow2") (Some "qcow2") (bits ())

    if dice.Percent 25 then
        let backing, format =
            dice.Pick [|
                "none.raw", Some "raw"
                "a.raw", None
                "a.raw", Some(if surroundings.OverQmp then "nothing" else "vmdk")
                (if surroundings.OverQmp then "none.raw" else "nbd:x"), Some "raw"
                // QEMU 7.2 opens it for ever (backing-names-itself)
                (if surroundings.OverQmp && not (dice.Percent Killers.share) then
                     "none.raw"
                 else
                     "t.qcow2"),
                Some "qcow2"
                "q.qcow2", Some "raw"
            |]

        qcow2 "t.qcow2" (size ()) (Some backing) format (bits ())
]

let private others (dice: Dice) (surroundings: Surroundings) = [
    if dice.Percent 50 then
        { raw "ro.raw" mebibyte with Mode = 0o444 }

    if dice.Percent 20 then
        { raw "dark.raw" 65_536L with Mode = 0o000 }

    if dice.Percent 15 then
        { raw "wo.raw" 65_536L with Mode = 0o222 }

    if dice.Percent 15 then
        { qcow2 "qro.qcow2" mebibyte None None 16 with Mode = 0o444 }

    if dice.Percent 10 then
        { raw "junk" 4_096L with Format = Format.Garbage }

    if surroundings.RealFiles && dice.Percent 10 then
        { raw "dir" 0L with Format = Format.Directory; Mode = 0o755 }

    if surroundings.ForeignOwners && dice.Percent 15 then
        { raw "theirs.raw" 65_536L with Mode = 0o644; Owned = false }
]

let private lockBytes = [| 100; 101; 102; 103; 200; 201; 202; 203 |]

let private locked (dice: Dice) (file: WorldFile) =
    if file.Format <> Format.Directory && dice.Percent 6 then
        { file with Locks = [ dice.Pick lockBytes ] }
    else
        file

let private exports = [
    {
        Server = Script.defaultServer
        Name = "disk"
        SizeBytes = mebibyte
        ReadOnly = false
    }
    {
        Server = Script.defaultServer
        Name = "cd"
        SizeBytes = 66_000L
        ReadOnly = true
    }
]

/// A world without steps.
let make (dice: Dice) (profile: string) (surroundings: Surroundings) : Script =
    let disks = [
        raw "a.raw" mebibyte
        raw "b.raw" (dice.Pick rawSizes)

        if dice.Percent 60 then
            raw "c.raw" (dice.Pick rawSizes)
    ]

    let files = disks @ images dice surroundings @ others dice surroundings

    {
        Script.empty with
            Header = {
                Script.header with
                    Profile = profile
                    Policy =
                        if dice.Percent surroundings.StaticPercent then
                            Policy.Static
                        else
                            Policy.Dynamic
            }
            Files = files |> List.map (locked dice)
            Exports =
                if dice.Percent 50 && surroundings.LiveServers then
                    exports
                else
                    []
            ThrottleGroups = [ "tg0"; "tg1" ]
    }
