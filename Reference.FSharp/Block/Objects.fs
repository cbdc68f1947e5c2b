/// object-add and object-del (BLK-OBJ). Objects are the world's, since only names in options lead
/// to them; what is inside of one is no business of the graph.
namespace Ashlar.Reference.Block

/// Objects.
module Objects =
    /// object-add: a well-formed and free id (BLK-OBJ-001, BLK-OBJ-002).
    let add (context: Context) (kind: ObjectKind) (id: string) : Result<World, Refusal> =
        let refuse text = Error(Rule.refuse context (Rule.obj 2) id text)
        Rule.touch context (Rule.obj 1)

        if not (OpenTests.isWellFormed id) then
            refuse "Parameter 'id' expects an identifier"
        elif context.World.Objects.ContainsKey id then
            refuse ("attempt to add duplicate property '" + id + "' to object (type 'container')")
        else
            Rule.touch context (Rule.obj 2)
            let world = context.World
            Ok { world with Objects = world.Objects.Add(id, kind) }

    let private isMember group (_: int) (node: Node) =
        match node.Settings with
        | Settings.Throttle joined -> joined = group
        | _ -> false

    /// Whether somebody needs the object. QEMU 7.2 does not ask for whom a thread runs, and dies
    /// of it later (DD-USED-IOTHREAD).
    let private isInUse (context: Context) (state: State) id kind =
        match kind with
        | ObjectKind.ThrottleGroup -> Map.exists (isMember id) state.Nodes
        | ObjectKind.IoThread ->
            context.Profile.KeepsUsedThreads
            && state.Exports |> List.exists (fun export -> export.Thread = id)
        | ObjectKind.Secret -> false

    /// object-del: there, no throttle node in the group, no export in the thread (BLK-OBJ-003).
    let del (context: Context) (state: State) (id: string) : Result<World, Refusal> =
        let refuse text = Error(Rule.refuse context (Rule.obj 3) id text)
        let world = context.World

        match world.Objects.TryFind id with
        | None -> refuse ("object '" + id + "' not found")
        | Some kind when isInUse context state id kind ->
            refuse ("object '" + id + "' is in use, can not be deleted")
        | Some _ ->
            Rule.touch context (Rule.obj 3)
            Ok { world with Objects = world.Objects.Remove id }
