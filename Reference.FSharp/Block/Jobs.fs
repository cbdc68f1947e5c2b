/// The permissions of a block job at rest: which edges the graph has once the job has begun and
/// before it ends (BLK-JOB). Jobs themselves are no commands of the oracle yet, so this is a
/// function of a state that changes none; whether a job may begin is not said here.
namespace Ashlar.Reference.Block

/// A job and the nodes it was given, by number.
[<RequireQualifiedAccess>]
type Job =
    /// From `top`, which is not the active layer, into `bottom`.
    | Commit of active: int * top: int * bottom: int
    /// From the active layer into `bottom`.
    | ActiveCommit of active: int * bottom: int
    | Mirror of source: int * target: int
    | Backup of source: int * target: int
    /// Into the active layer, what lies above `bottom`, or all of it.
    | Stream of active: int * bottom: int voption

/// Who holds an edge while a job runs.
[<RequireQualifiedAccess>]
type JobParent =
    | Node of node: int
    /// The filter that the job put into the graph (BLK-JOB-001).
    | Filter
    /// The job itself.
    | Job
    /// A user, as in the state.
    | Backend of backend: int
    /// A nameless user of the job's own.
    | Worker

/// What an edge leads to.
[<RequireQualifiedAccess>]
type JobChild =
    | Node of node: int
    | Filter

/// An edge of the graph at rest.
type JobEdge = { Parent: JobParent; Name: string; Child: JobChild; Perm: Perm; Shared: Perm }

/// Jobs at rest.
module Jobs =
    let private nothing = struct (Perm.None, Perm.All)

    /// How the pair of an edge comes about.
    [<RequireQualifiedAccess>]
    type private Pair =
        | Fixed of struct (Perm * Perm)
        /// By the parent's rule from the parent's cumulative pair.
        | Ruled of (struct (Perm * Perm) -> struct (Perm * Perm))

    type private Draft = { From: JobParent; Called: string; To: JobChild; Pair: Pair }

    /// The nodes from one downwards by backing children, that one excluded, up to `bottom`,
    /// excluded, too.
    let private between (state: State) (top: int) (bottom: int voption) : int list =
        let rec go id =
            match Graph.childNamed state state.Nodes[id] "backing" with
            | ValueSome edge when bottom <> ValueSome edge.Child -> edge.Child :: go edge.Child
            | _ -> []

        go top

    let private node = JobChild.Node

    let private fixedPair parent name child perm shared = {
        From = parent
        Called = name
        To = child
        Pair = Pair.Fixed(struct (perm, shared))
    }

    let private ofFilter name child rule = {
        From = JobParent.Filter
        Called = name
        To = child
        Pair = Pair.Ruled rule
    }

    let private reading = Perm.CR ||| Perm.W ||| Perm.WU
    let private writable = Perm.W ||| Perm.WU

    /// Whether what is copied makes the target grow (BLK-JOB-002, BLK-JOB-003).
    let private growing (context: Context) (state: State) source target : Perm =
        match Image.length context state source, Image.length context state target with
        | ValueSome long, ValueSome short when long > short -> Perm.RZ
        | _ -> Perm.None

    let private inside (ids: int list) perm shared =
        ids
        |> List.map (fun id -> fixedPair JobParent.Job "intermediate node" (node id) perm shared)

    /// BLK-JOB-002.
    let private commit context state active top bottom = [
        ofFilter "backing" (node top) (fun _ -> nothing)
        fixedPair JobParent.Job "main node" (node active) Perm.None Perm.All
        fixedPair JobParent.Job "base" (node bottom) Perm.None Perm.All
        fixedPair JobParent.Worker "root" (node top) Perm.None Perm.All

        let grows = growing context state top bottom
        let shared = Perm.CR ||| Perm.WU
        fixedPair JobParent.Worker "root" (node bottom) (Perm.CR ||| Perm.W ||| grows) shared
        yield! inside (top :: between state top (ValueSome bottom)) Perm.None writable
    ]

    /// BLK-JOB-003, BLK-JOB-004.
    let private copy source target perm shared isCommit =
        let rule (struct (p: Perm, s: Perm)) =
            if isCommit then
                struct (Perm.minus p Perm.CR, s ||| Perm.W)
            else
                struct (p, s)

        [
            ofFilter "backing" (node source) rule
            fixedPair JobParent.Job "main node" JobChild.Filter Perm.CR reading
            fixedPair JobParent.Job "source" (node source) Perm.None reading
            fixedPair JobParent.Job "target" (node target) Perm.None Perm.All
            fixedPair JobParent.Worker "root" (node target) perm shared
        ]

    /// BLK-JOB-005.
    let private backup source target =
        let rule (struct (p: Perm, s: Perm)) =
            let read = if Perm.meets p Perm.W then Perm.CR else Perm.None
            struct (p ||| read, Perm.minus s (Perm.W ||| Perm.RZ))

        [
            ofFilter "file" (node source) rule
            ofFilter "target" (node target) (fun _ -> struct (Perm.W, Perm.minus Perm.All Perm.RZ))
            fixedPair JobParent.Job "main node" JobChild.Filter Perm.None Perm.All
            fixedPair JobParent.Job "target" (node target) Perm.None Perm.All
        ]

    /// BLK-JOB-006.
    let private stream state active bottom = [
        ofFilter "file" (node active) (fun (struct (p, s)) -> struct (p ||| Perm.WU, s ||| Perm.WU))
        fixedPair JobParent.Job "main node" JobChild.Filter Perm.None Perm.All
        fixedPair JobParent.Worker "root" JobChild.Filter Perm.CR reading
        fixedPair JobParent.Job "active node" (node active) Perm.None reading
        yield! inside (between state active bottom) Perm.None (Perm.CR ||| Perm.WU)
    ]

    /// The node above which the filter stands, and the one that is reopened for writing.
    let private places job =
        match job with
        | Job.Commit(_, top, bottom) -> struct (top, bottom)
        | Job.ActiveCommit(active, bottom) -> struct (active, bottom)
        | Job.Mirror(source, _)
        | Job.Backup(source, _) -> struct (source, -1)
        | Job.Stream(active, _) -> struct (active, active)

    let private added context state job =
        match job with
        | Job.Commit(active, top, bottom) -> commit context state active top bottom
        | Job.ActiveCommit(active, bottom) ->
            let perm = Perm.W ||| growing context state active bottom

            copy active bottom perm reading true
            @ inside (between state active (ValueSome bottom)) Perm.None writable
        | Job.Mirror(source, target) -> copy source target Perm.W Perm.WU false
        | Job.Backup(source, target) -> backup source target
        | Job.Stream(active, bottom) -> stream state active bottom

    /// An edge that was there before: those to the node below the filter lead to the filter now
    /// (BLK-JOB-001).
    let private kept (context: Context) (state: State) (struct (under, opened)) (edge: Edge) =
        let target =
            if edge.Child = under then
                JobChild.Filter
            else
                node edge.Child

        match edge.Parent with
        | Parent.Backend id ->
            fixedPair (JobParent.Backend id) edge.Name target edge.Perm edge.Shared
        | Parent.Node id ->
            let parent = state.Nodes[id]
            let isWritable = parent.Writable || id = opened
            let child = state.Nodes[edge.Child]
            let rule = ChildPermissions.edge context parent isWritable edge.Role child

            {
                From = JobParent.Node id
                Called = edge.Name
                To = target
                Pair = Pair.Ruled rule
            }

    let private held parent child =
        match parent, child with
        | JobParent.Node a, JobChild.Node b -> a = b
        | JobParent.Filter, JobChild.Filter -> true
        | _ -> false

    /// Every edge of the graph at rest, in no order (BLK-JOB-001).
    let atRest (context: Context) (state: State) (job: Job) : JobEdge list =
        let before = state.Edges.Values |> List.ofSeq |> List.map (kept context state (places job))
        let all = before @ added context state job

        let rec pairOf (draft: Draft) =
            match draft.Pair with
            | Pair.Fixed pair -> pair
            | Pair.Ruled rule ->
                let add (struct (perm: Perm, shared: Perm)) (other: Draft) =
                    let struct (p, s) = pairOf other
                    struct (perm ||| p, shared &&& s)

                all
                |> List.filter (fun other -> held draft.From other.To)
                |> List.fold add nothing
                |> rule

        all
        |> List.map (fun draft ->
            let struct (perm, shared) = pairOf draft

            {
                Parent = draft.From
                Name = draft.Called
                Child = draft.To
                Perm = perm
                Shared = shared
            })
