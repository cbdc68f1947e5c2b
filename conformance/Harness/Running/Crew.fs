/// Workers that try scripts side by side, each with a system of its own on a thread of its own: for
/// searches in which the first that holds counts, however many workers there are.
namespace Ashlar.Conformance

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Threading

/// A search through items in order, shared by workers: an item is given out when all before it
/// were, and the first of those that hold is the result, as if one worker had tried them in turn.
[<Sealed>]
type private Search<'item>(items: IEnumerator<'item>) =
    let gate = obj ()
    let mutable next = 0
    let mutable found: (int * 'item) option = None

    /// The next item to be tried, with its place.
    member _.Take() : (int * 'item) option =
        lock gate (fun () ->
            if found.IsNone && items.MoveNext() then
                next <- next + 1
                Some(next - 1, items.Current)
            else
                None)

    /// Somebody's item holds.
    member _.Found(place: int, item: 'item) =
        lock gate (fun () ->
            match found with
            | Some(earlier, _) when earlier < place -> ()
            | _ -> found <- Some(place, item))

    member _.Result = found

/// The workers. `make` makes the system of a worker, by its number, on the worker's thread and when
/// it is first needed.
[<Sealed>]
type Crew(workers: int, make: int -> SubjectMaker) =
    let jobs = [ for _ in 1..workers -> new BlockingCollection<(unit -> SubjectMaker) -> unit>() ]
    let mutable isHasty = false

    let body (number: int) (mine: BlockingCollection<(unit -> SubjectMaker) -> unit>) () =
        let mutable maker: SubjectMaker option = None

        let ready () =
            match maker with
            | Some maker -> maker
            | None ->
                let made = make number
                maker <- Some made
                made

        try
            for job in mine.GetConsumingEnumerable() do
                job ready
        finally
            maker |> Option.iter (fun made -> (made :> IDisposable).Dispose())

    let threads =
        jobs
        |> List.mapi (fun number mine ->
            // Options and graphs may nest deeply, so the stack is larger than usual.
            let thread = Thread(body number mine, 64 * 1024 * 1024)
            thread.IsBackground <- true
            thread.Start()
            thread)

    /// Lets some workers do something and waits for all of them; the first fault is the caller's.
    let all (some: BlockingCollection<(unit -> SubjectMaker) -> unit> list) work =
        use left = new CountdownEvent(some.Length)
        let faults = ConcurrentQueue<exn>()

        for mine in some do
            mine.Add(fun ready ->
                try
                    try
                        let maker: SubjectMaker = ready ()
                        maker.Hasten isHasty
                        work maker
                    with error ->
                        faults.Enqueue error
                finally
                    left.Signal() |> ignore)

        left.Wait()

        match faults.TryDequeue() with
        | true, error -> raise error
        | _ -> ()

    /// Whether systems that take much longer than usual count as ones that hang.
    member _.IsHasty
        with get () = isHasty
        and set value = isHasty <- value

    /// Lets one worker do something.
    member _.One(work: SubjectMaker -> 'a) : 'a =
        let result = ref ValueNone
        all [ jobs.Head ] (fun maker -> result.Value <- ValueSome(work maker))
        result.Value.Value

    /// The first item that holds, with its place.
    member _.FirstOf (holds: SubjectMaker -> 'item -> bool) (items: 'item seq) =
        use items = items.GetEnumerator()
        let search = Search items

        let rec work (maker: SubjectMaker) =
            match search.Take() with
            | Some(place, item) ->
                if holds maker item then
                    search.Found(place, item)

                work maker
            | None -> ()

        all jobs work
        search.Result

    interface IDisposable with
        member _.Dispose() =
            for mine in jobs do
                mine.CompleteAdding()

            for thread in threads do
                thread.Join()
