/// Where the writer puts things: any order and any holes that a seed asks for. What the things are
/// is the writer's. An order by seed is legal because nothing in the format prefers one
/// (FMT-QCOW2-802).
module Ashlar.Reference.Formats.Qcow2.Layout

/// A number that depends on the seed and two more and on nothing else, below a bound.
let draw (seed: uint64) (purpose: string) (index: int) (bound: int) : int =
    let mix (value: uint64) =
        let value = (value ^^^ (value >>> 30)) * 0xbf58476d1ce4e5b9UL
        let value = (value ^^^ (value >>> 27)) * 0x94d049bb133111ebUL
        value ^^^ (value >>> 31)

    let named = purpose |> Seq.fold (fun sum letter -> mix (sum + uint64 letter)) seed
    int (mix (named + uint64 index * 0x9e3779b97f4a7c15UL) % uint64 bound)

/// Things in an order that the seed chooses.
let shuffle (seed: uint64) (purpose: string) (items: 'a list) : 'a list =
    items
    |> List.indexed
    |> List.sortBy (fun (index, _) -> draw seed purpose index System.Int32.MaxValue)
    |> List.map snd

/// One in so many things has a hole of up to three clusters before it.
let private holeOneIn = 6

/// The first cluster of each thing, given how many clusters each has, and the clusters of all. The
/// first cluster of the file is the header's.
let place (seed: uint64) (sizes: ('a * int) list) : Map<'a, uint64> * uint64 =
    shuffle seed "order" sizes
    |> List.indexed
    |> List.fold
        (fun (places: Map<'a, uint64>, next: uint64) (index, (thing, clusters)) ->
            let hole =
                if draw seed "hole" index holeOneIn = 0 then
                    1 + draw seed "hole size" index 3
                else
                    0

            let start = next + uint64 hole
            Map.add thing start places, start + uint64 clusters)
        (Map.empty, 1UL)
