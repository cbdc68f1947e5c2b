/// What the oracle noted of a command, as actions of the proved model. Marks that follow an action
/// belong to it: what was decided outside of the model.
module Ashlar.Conformance.ModelActions

open Ashlar.Reference.Block
open Ashlar.Proved
open Ashlar.Conformance.ModelTerms

/// An action with the file nodes at which a foreign lock stops it.
[<Struct>]
type internal Replayed = { Action: Model._IAction; LockedOut: int list }

let private isMark (action: GraphAction) =
    match action with
    | GraphAction.DegradedEntry _
    | GraphAction.RefusedEntry _
    | GraphAction.LockedOut _ -> true
    | _ -> false

let private refusedAt stage node marks =
    marks |> List.contains (GraphAction.RefusedEntry(node, stage))

/// A child change; a name that no node has is the id of a node that is not there.
let private childChange (state: State) (name: string, child: string voption) =
    let target =
        match child with
        | ValueNone -> Reopen.Target.create_Nothing ()
        | ValueSome child ->
            match state.Names.TryGetValue child with
            | true, id -> Reopen.Target.create_Reference (number id)
            | _ -> Reopen.Target.create_Reference (number System.Int32.MaxValue)

    Reopen.ChildChange.create (text name, target)

let private entries (state: State) marks (wishes: ReopenWish list) =
    wishes
    |> List.map (fun wish ->
        Reopen.Entry.create (
            number wish.Node,
            wish.Writable && not (List.contains (GraphAction.DegradedEntry wish.Node) marks),
            wish.AutoReadOnly,
            wish.Children |> List.map (childChange state) |> sequence,
            refusedAt ReopenStage.Before wish.Node marks,
            refusedAt ReopenStage.After wish.Node marks,
            refusedAt ReopenStage.Image wish.Node marks
        ))
    |> sequence

let private newNode (node: Node) =
    Model.NewNode.create (
        text node.Name,
        settings node,
        node.Writable,
        node.AutoReadOnly,
        node.ForceShare,
        node.MonitorOwned,
        number node.InheritsFrom
    )

/// The actions of a command that began in this state.
let internal replayed (state: State) (actions: GraphAction list) : Replayed list =
    let rec go isSilent actions found =
        match actions with
        | [] -> List.rev found
        | action :: rest ->
            let marks = List.takeWhile isMark rest
            let rest = List.skipWhile isMark rest

            let lockedOut =
                marks
                |> List.choose (fun mark ->
                    match mark with
                    | GraphAction.LockedOut node -> Some node
                    | _ -> None)

            let next made = go false rest ({ Action = made; LockedOut = lockedOut } :: found)

            match action with
            | GraphAction.AddNode node ->
                next (Model.Action.create_AddNode (number node.Id, newNode node))
            | GraphAction.OpenFile(node, path, locking) ->
                next (Model.Action.create_OpenFile (number node, text path, locking))
            | GraphAction.OpenNbd(_, true) -> go isSilent rest found
            | GraphAction.OpenNbd(node, false) -> next (Model.Action.create_Degrade (number node))
            | GraphAction.Attach(parent, child, name, r) ->
                next (Model.Action.create_Attach (number parent, number child, text name, role r))
            | GraphAction.Settle node -> next (Model.Action.create_Settle (number node))
            | GraphAction.AttachRoot(node, perm, shared) ->
                next (Model.Action.create_AttachRoot (number node, pair perm shared))
            | GraphAction.SetRoot(backend, perm, shared) ->
                next (Model.Action.create_SetRoot (number backend, pair perm shared))
            | GraphAction.RemoveBackend backend ->
                next (Model.Action.create_RemoveBackend (number backend))
            | GraphAction.Close node -> next (Model.Action.create_Close (number node))
            | GraphAction.CloseIfUnreferenced node ->
                next (Model.Action.create_CloseIfUnreferenced (number node))
            | GraphAction.Append(node, overlay) ->
                next (Model.Action.create_Append (number node, number overlay))
            | GraphAction.MakeReadOnly -> go true rest found
            | GraphAction.Reopen wishes when isSilent ->
                next (Model.Action.create_MakeReadOnly (entries state marks wishes))
            | GraphAction.Reopen wishes ->
                next (Model.Action.create_Reopen (entries state marks wishes))
            | GraphAction.DegradedEntry _
            | GraphAction.RefusedEntry _
            | GraphAction.LockedOut _ -> go isSilent rest found

    go false actions []
