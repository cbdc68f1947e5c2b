/// Workloads drawn from a seed.
module Ashlar.Conformance.Crash.Drawing

open Ashlar.Conformance

let private smallestBits = 9
let private largestBits = 16
let private mebibyte = 1024 * 1024

/// Small clusters are drawn more often: they reach every level of tables with little data.
let private making (dice: Dice) : Making =
    let cluster =
        if dice.Percent 70 then
            1 <<< dice.Between(smallestBits, smallestBits + 2)
        else
            1 <<< dice.Between(smallestBits, largestBits)

    let version = if dice.Percent 25 then 2 else 3

    // Some images are large enough for tables of counts to grow.
    let largest =
        if dice.Percent 10 then
            2 * mebibyte
        else
            min (mebibyte / 2) (cluster * 200)

    let size = (dice.Below(largest / 512) + 1) * 512

    {
        Version = version
        ClusterBytes = cluster
        RefcountBits =
            if version = 2 || dice.Percent 40 then
                16
            else
                1 <<< dice.Below 7
        IsZstandard = (version = 3 && dice.Percent 50)
        SizeBytes = size
        BackingBytes =
            if dice.Percent 40 then
                Some(1 + dice.Below(size * 3 / 2))
            else
                None
    }

let private range (dice: Dice) (making: Making) (disk: byte[]) =
    let cluster = making.ClusterBytes

    let place () =
        match dice.Below 3 with
        | 0 -> dice.Below(disk.Length + 1)
        | 1 -> dice.Below(disk.Length / 512 + 1) * 512
        | _ -> dice.Below(disk.Length / cluster + 1) * cluster

    let from = place ()

    let till =
        match dice.Below 6 with
        | 0 -> place ()
        | 1
        | 2 -> from + dice.Below 4096
        | 3 -> from + 512 * dice.Below 8
        | _ -> from + dice.Below(4 * cluster)
        |> min disk.Length

    struct (min from till, abs (till - from))

let private newLength (dice: Dice) (making: Making) (disk: byte[]) =
    let reach = max 4096 (min disk.Length (making.ClusterBytes * 40))
    let length = (disk.Length + dice.Between(-reach, reach)) / 512 * 512
    length |> max 512 |> min (3 * mebibyte)

let private change (dice: Dice) (making: Making) (disk: byte[]) : Step =
    let struct (offset, length) = range dice making disk
    let seed = if dice.Percent 10 then 0UL else dice.Bits()

    match dice.Below 100 with
    | n when n < 38 -> Step.Write(offset, length, seed)
    | n when n < 50 -> Step.Zero(offset, length, dice.Percent 50)
    | n when n < 60 -> Step.Discard(offset, length)
    | n when n < 70 ->
        let struct (first, stop) = Disk.wholeClusters making disk offset length

        if first < stop then
            Step.Packed(first, stop - first, seed)
        else
            Step.Write(offset, length, seed)
    | n when n < 76 -> Step.Resize(newLength dice making disk)
    | n when n < 96 -> Step.Flush
    | _ -> Step.Reopen

/// Some images have snapshots, which are made, applied and deleted among the requests.
let private step (dice: Dice) (making: Making) (hasSnapshots: bool) (disks: Disks) : Step =
    let drawn =
        match dice.Below 5, disks.Snapshots.Length with
        | (1 | 2), _ when hasSnapshots && dice.Percent 60 -> Step.Snapshot
        | 3, count when count > 0 -> Step.Apply(dice.Below count)
        | 4, count when count > 0 -> Step.Delete(dice.Below count)
        | _ -> change dice making disks.Now

    if Disk.fits making disks drawn then drawn else Step.Flush

/// The workload of a seed.
let workload (seed: uint64) : Workload =
    let dice = Dice seed
    let making = making dice
    let count = 3 + dice.Below 22
    let hasSnapshots = dice.Percent 40

    let steps, _ =
        ((List.empty, Disk.start making), seq { 1..count })
        ||> Seq.fold (fun (steps, disks) _ ->
            let step = step dice making hasSnapshots disks
            step :: steps, Disk.after making disks step)

    { Making = making; Seed = dice.Bits(); Steps = List.rev steps }
