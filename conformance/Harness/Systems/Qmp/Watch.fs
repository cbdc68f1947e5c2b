/// Tells a silent server that works from one that hangs, by the kernel's word.
namespace Ashlar.Conformance

open System
open System.IO

/// How long a server may be silent, in milliseconds.
type Patience = {
    /// From one look at it to the next.
    Look: int
    /// Of processor time spent.
    Busy: int
    /// While it sleeps.
    Idle: int
    /// At all.
    Reply: int
}

/// How fast servers of one kind are, and how long they may be silent for that reason. The servers
/// of one thread share it.
[<Sealed>]
type Pace() =
    let mutable slowest = 0L

    let full = {
        Look = Limits.qmpLookMilliseconds
        Busy = Limits.qmpBusyMilliseconds
        Idle = Limits.qmpIdleMilliseconds
        Reply = Limits.qmpReplyMilliseconds
    }

    let hasty () =
        let scaled = int (min 100_000L (Limits.qmpHastyFactor * slowest))
        let least = max Limits.qmpHastyMilliseconds scaled

        {
            Look = Limits.qmpHastyLookMilliseconds
            Busy = min full.Busy least
            Idle = min full.Idle least
            // Where the process cannot be looked into, a busy machine must not count as a hang.
            Reply = min full.Reply (10 * least)
        }

    /// Whether a server that is silent for much longer than any answered hangs: good for a search
    /// in which many do, with a confirmation of what it finds.
    member val IsHasty = false with get, set

    /// Notes how long a good reply took.
    member _.Answered(milliseconds: int64) = slowest <- max slowest milliseconds

    /// What counts now.
    member this.Patience: Patience = if this.IsHasty then hasty () else full

/// What the kernel says of a process or a thread.
module ProcessState =
    /// After the name in parentheses, which may have blanks: the state, and ten fields later the
    /// ticks spent in the program and in the kernel, 100 a second, here as milliseconds.
    let read (path: string) : struct (string * int64) =
        let text = File.ReadAllText path
        let fields = text.Substring(text.LastIndexOf ')' + 2).Split ' '
        struct (fields[0], 10L * (Int64.Parse fields[11] + Int64.Parse fields[12]))

    /// Whether it ended: what it had open is closed, whether its parent has noticed or not.
    let isOver (processId: int) : bool =
        try
            let struct (state, _) = read $"/proc/{processId}/stat"
            state = "Z" || state = "X"
        with :? IOException ->
            true

/// Looks at a process every so often while somebody waits for it. The looks may come from another
/// thread than `Begin`; a look too many or too few does no harm.
[<Sealed>]
type Watch(processId: unit -> int option) =
    let mutable patience = Pace().Patience
    let mutable isClose = false
    let mutable looks = 0
    let mutable idle = 0
    let mutable first = 0L
    let mutable last = 0L

    let spent (id: int) =
        let struct (_, milliseconds) = ProcessState.read $"/proc/{id}/stat"
        milliseconds

    let isAsleep (id: int) =
        Directory.EnumerateDirectories $"/proc/{id}/task"
        |> Seq.forall (fun thread ->
            let struct (state, _) = ProcessState.read (thread + "/stat")
            state = "S")

    let hangs (id: int) =
        try
            let now = spent id

            if looks = 1 then
                first <- now
                last <- now

            idle <- if now = last && isAsleep id then idle + 1 else 0
            last <- now
            now - first >= int64 patience.Busy || idle * patience.Look >= patience.Idle
        with
        // It ended, which its streams tell, or is another user's.
        | :? IOException
        | :? UnauthorizedAccessException -> false

    /// Somebody begins to wait. A start is not looked at closely: it may take its time.
    member _.Begin(closely: bool, with': Patience) =
        isClose <- closely
        patience <- with'
        looks <- 0
        idle <- 0

    /// A look in the middle of the waiting.
    member _.IsHung() : bool =
        looks <- looks + 1

        looks * patience.Look >= patience.Reply
        || (isClose && processId () |> Option.exists hangs)
