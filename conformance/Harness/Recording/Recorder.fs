/// Keeps what a server under test did while it is checked: a maker around a maker.
namespace Ashlar.Conformance

open System
open System.IO
open Ashlar.Conformance.Recordings
open Ashlar.Reference.Block

/// A file that recordings are added to; workers share it.
[<Sealed>]
type Recorder(path: string) =
    let writer = new StreamWriter(path)
    let mutable episodes = 0

    /// How many scripts it has.
    member _.Episodes = episodes

    /// Adds a recording; one without steps shows nothing.
    member _.Add(recording: Recording) : unit =
        if not recording.Steps.IsEmpty || recording.Death.IsSome then
            lock writer (fun () ->
                episodes <- episodes + 1

                for line in Recordings.lines recording do
                    writer.Write(line + "\n"))

    interface IDisposable with
        member _.Dispose() = writer.Dispose()

/// A subject whose steps are written down. Scripts say names as the oracle does, so commands are
/// kept as the script has them and what was seen as the server said it.
[<Sealed>]
type RecordingSubject(inner: Subject, keep: RecordedStep list -> (Command * string) option -> unit)
    =
    inherit Subject()

    let mutable steps: RecordedStep list = []
    let mutable death: (Command * string) option = None

    override _.Takes command = inner.Takes command

    override _.Act command =
        let answer = inner.Act command

        if death.IsNone then
            let seen = inner.Observe answer

            match seen.Answer with
            | Answer.Broken reason -> death <- Some(command, reason)
            | _ -> steps <- { Command = command; Observation = seen } :: steps

        answer

    override _.Observe answer = inner.Observe answer
    override _.Matches(world, state) = inner.Matches(world, state)

    override _.Dispose() =
        keep (List.rev steps) death
        inner.Dispose()

/// Makes subjects that are recorded.
[<Sealed>]
type RecordingMaker(inner: SubjectMaker, recorder: Recorder) =
    inherit SubjectMaker(inner.Name)

    override _.Mode = inner.Mode
    override _.Version = inner.Version
    override _.Lacks = inner.Lacks
    override _.Noticed = inner.Noticed
    override _.Hasten isHasty = inner.Hasten isHasty

    override _.Start script =
        let hidden = [
            for name, isShown in ComparisonMode.hideable do
                if not (isShown inner.Mode) then
                    name
        ]

        let keep steps death =
            recorder.Add {
                Server = (inner.Name + " " + inner.Version).Trim()
                Hidden = hidden
                Script = { script with Steps = [] }
                Steps = steps
                Death = death
            }

        new RecordingSubject(inner.Start script, keep)

    override _.Dispose() = (inner :> IDisposable).Dispose()
