/// Tells a silent server that works from one that hangs, by the kernel's word.
namespace Ashlar.Conformance

open System
open System.IO

/// Looks at a process every so often while somebody waits for it. The looks may come from another
/// thread than `Begin`; a look too many or too few does no harm.
[<Sealed>]
type Watch(processId: unit -> int option) =
    let mutable isClose = false
    let mutable looks = 0
    let mutable idle = 0
    let mutable first = 0L
    let mutable last = 0L

    /// After the name in parentheses, which may have blanks: the state, and ten fields later the
    /// ticks spent in the program and in the kernel, 100 a second.
    let stat (path: string) =
        let text = File.ReadAllText path
        let fields = text.Substring(text.LastIndexOf ')' + 2).Split ' '
        struct (fields[0], 10L * (Int64.Parse fields[11] + Int64.Parse fields[12]))

    let spent (id: int) =
        let struct (_, milliseconds) = stat $"/proc/{id}/stat"
        milliseconds

    let isAsleep (id: int) =
        Directory.EnumerateDirectories $"/proc/{id}/task"
        |> Seq.forall (fun thread ->
            let struct (state, _) = stat (thread + "/stat")
            state = "S")

    let hangs (id: int) =
        try
            let now = spent id

            if looks = 1 then
                first <- now
                last <- now

            idle <- if now = last && isAsleep id then idle + 1 else 0
            last <- now
            now - first >= int64 Limits.qmpBusyMilliseconds || idle >= Limits.qmpIdleLooks
        with
        // It ended, which its streams tell, or is another user's.
        | :? IOException
        | :? UnauthorizedAccessException -> false

    /// Somebody begins to wait. A start is not looked at closely: it may take its time.
    member _.Begin(closely: bool) =
        isClose <- closely
        looks <- 0
        idle <- 0

    /// A look in the middle of the waiting.
    member _.IsHung() : bool =
        looks <- looks + 1

        looks * Limits.qmpLookMilliseconds >= Limits.qmpReplyMilliseconds
        || (isClose && processId () |> Option.exists hangs)
