/// The gate of a graph (BLK-DATA-014): requests together, a command alone, nobody starves.
module Ashlar.Conformance.Tests.Data.GateTests

open System
open System.Threading
open System.Threading.Tasks
open Expecto
open Ashlar.Block

let private enter (gate: GraphGate) = gate.EnterRequestAsync(CancellationToken.None).AsTask()

/// Long enough for any machine; a test that waits for it has failed.
let private limit = TimeSpan.FromSeconds 30.

let private finish (what: string) (task: Task) = Expect.isTrue (task.Wait limit) $"{what} went on"

let private onThread (work: unit -> unit) =
    Task.Factory.StartNew(work, TaskCreationOptions.LongRunning)

/// A command on its own thread that is inside until it is told to leave.
let private command (gate: GraphGate) =
    let isInside = new ManualResetEventSlim(false)
    let mayLeave = new ManualResetEventSlim(false)

    let running =
        onThread (fun () ->
            use _ = gate.EnterControl()
            isInside.Set()
            mayLeave.Wait())

    isInside, mayLeave, running

/// A command that waits for the requests inside holds new ones back; that shows when it is there.
let private waitUntilHeldBack (gate: GraphGate) =
    let isHeld () =
        match gate.TryEnterRequest() with
        | true, pass ->
            pass.Dispose()
            false
        | false, _ -> true

    Expect.isTrue (SpinWait.SpinUntil(isHeld, limit)) "a waiting command holds requests back"

let private together () =
    let gate = GraphGate()
    let first = enter gate
    let second = enter gate
    Expect.isTrue (first.IsCompleted && second.IsCompleted) "BLK-DATA-014: both are inside"
    let isInside, mayLeave, running = command gate
    waitUntilHeldBack gate
    let third = enter gate
    first.Result.Dispose()
    Expect.isFalse isInside.IsSet "BLK-DATA-014: one request is still inside"
    second.Result.Dispose()
    Expect.isTrue (isInside.Wait limit) "the command entered when the last request left"
    Expect.isFalse third.IsCompleted "BLK-DATA-014: no request beside a command"
    mayLeave.Set()
    finish "the request that was held back" third
    finish "the command" running
    third.Result.Dispose()
    gate.EnterControl().Dispose()

let private fair () =
    let gate = GraphGate()
    let isInside, mayLeave, first = command gate
    Expect.isTrue (isInside.Wait limit) "the first command is inside"
    let isSecondInside, maySecondLeave, second = command gate
    let held = enter gate
    mayLeave.Set()
    finish "the request between two commands" held
    Expect.isFalse isSecondInside.IsSet "BLK-DATA-014: what was held back comes before a command"
    held.Result.Dispose()
    Expect.isTrue (isSecondInside.Wait limit) "then the second command"
    maySecondLeave.Set()
    finish "both commands" (Task.WhenAll(first, second))

let private cancelled () =
    let gate = GraphGate()
    let isInside, mayLeave, running = command gate
    Expect.isTrue (isInside.Wait limit) "the command is inside"
    use source = new CancellationTokenSource()
    let given = gate.EnterRequestAsync(source.Token).AsTask()
    let stays = enter gate
    source.Cancel()

    Expect.throwsT<Tasks.TaskCanceledException>
        (fun () -> given.GetAwaiter().GetResult().Dispose())
        "the one that gave up"

    mayLeave.Set()
    finish "the one that stayed" stays
    finish "the command" running
    stays.Result.Dispose()
    // A pass lost or given back twice would leave this waiting, or let it in beside a request.
    gate.EnterControl().Dispose()
    let last = enter gate
    Expect.isTrue last.IsCompleted "the gate is open again"
    last.Result.Dispose()

/// Requests and commands from several threads, with withdrawals: each counts what it sees inside.
let private crowd () =
    let gate = GraphGate()
    let mutable requests = 0
    let mutable commands = 0
    let mutable clashes = 0

    let see isClash =
        if isClash then
            Interlocked.Increment &clashes |> ignore

    let request (round: int) =
        task {
            use source = new CancellationTokenSource()

            if round % 7 = 0 then
                source.CancelAfter(TimeSpan.FromMicroseconds 50.)

            try
                let! pass = gate.EnterRequestAsync(source.Token)
                Interlocked.Increment &requests |> ignore
                see (Volatile.Read &commands > 0)
                do! Task.Yield()
                see (Volatile.Read &commands > 0)
                Interlocked.Decrement &requests |> ignore
                pass.Dispose()
            with :? OperationCanceledException ->
                ()
        }

    let requesters = [
        for _ in 1..4 ->
            task {
                for round in 1..2000 do
                    do! request round
            }
            :> Task
    ]

    let commander =
        onThread (fun () ->
            for _ in 1..500 do
                use _ = gate.EnterControl()
                see (Interlocked.Increment &commands <> 1)
                see (Volatile.Read &requests > 0)
                Interlocked.Decrement &commands |> ignore)

    finish "the crowd" (Task.WhenAll [ yield! requesters; commander ])
    Expect.equal clashes 0 "BLK-DATA-014: never both inside"

let private allocatesNothing () =
    let gate = GraphGate()

    let once () = gate.EnterRequestAsync(CancellationToken.None).Result.Dispose()

    once ()
    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..1000 do
        once ()

    Expect.equal (GC.GetAllocatedBytesForCurrentThread()) before "entering allocates nothing"

let tests =
    testList "gate" [
        test "requests are inside together, a command alone" { together () }
        test "what a command held back enters before the next command" { fair () }
        test "a request that gives up while waiting leaves no trace" { cancelled () }
        test "many of both never meet" { crowd () }
        test "entering without waiting allocates nothing" { allocatesNothing () }
    ]
