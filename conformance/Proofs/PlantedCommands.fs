/// Mistakes one could make in commands: opening, attaching, closing, appending, reopening, and
/// taking an edit back.
namespace Ashlar.Conformance.Proofs

/// The list.
module PlantedCommands =
    let private change = PlantedChange.make

    /// Every planted change of the commands.
    let all: PlantedChange list = [
        change
            "a name that is taken is given again"
            "Model.dfy"
            "else if exists n | n in state.nodes :: state.nodes[n].name == node.name then"
            "else if false then"
            "Opening.AddedIsSafe"
            "Opening.dfy"
        change
            "of cycles only those of one edge are found"
            "Transaction.dfy"
            "top == bottom || bottom in Below.Order(state, [top])"
            "top == bottom"
            "Attaching.LinkedIsAcyclic"
            "Attaching.dfy"
        change
            "who lost a user is not refreshed"
            "Transaction.dfy"
            "if IsReferenced(rest.nodes[child]) then Loosened(policy, world, rest, child)"
            "if IsReferenced(rest.nodes[child]) then rest"
            "Cascade.DetachIsSafe"
            "Cascade.dfy"
        change
            "an append finds no cycle but that of a node with itself"
            "Transaction.dfy"
            "if ClosesCycle(state, overlay, node) then"
            "if overlay == node then"
            "Appending.AppendIsSafe"
            "Appending.dfy"
        change
            "a reopen does not refresh what it took out"
            "Reopen.dfy"
            "dropped := progress.dropped + [child],\n    roots := progress.roots + [child])"
            "dropped := progress.dropped + [child])"
            "Exchanging.TakeOutKeeps"
            "Exchanging.dfy"
        change
            "a backend stays when its root goes"
            "Transaction.dfy"
            "rest.(backends := rest.backends - {backend})"
            "rest"
            "Leaving.RemoveKeepsUsers"
            "Leaving.dfy"
        change
            "a new backend is not refreshed"
            "Transaction.dfy"
            "Checks.Run(policy, world, linked, [node])"
            "Refreshed(linked)"
            "Arriving.RootedIsRefreshed"
            "Arriving.dfy"
        change
            "an append does not refresh whose users moved"
            "Transaction.dfy"
            "(if parent.Node? then [parent.node] else []) + HoldingNodes"
            "[] + HoldingNodes"
            "Appending.HoldersAreThere"
            "Appending.dfy"
        change
            "a node that is still used is closed"
            "Transaction.dfy"
            "node.monitorOwned || node.isOpening || |node.parents| > 0"
            "node.monitorOwned || node.isOpening"
            "Users.UnreferencedKeepsRoots"
            "Users.dfy"
        change
            "a node that is closed keeps its edges"
            "Transaction.dfy"
            "var rest := DetachAll(policy, world, state, node, state.nodes[node].children);"
            "var rest := state;"
            "Cascade.CloseIsSafe"
            "Cascade.dfy"
        change
            "a loosening that is refused goes on"
            "Transaction.dfy"
            ("var end := Checks.Run(policy, world, state, [node]);\n    if "
             + "end.Refreshed? then end.state else state")
            "state"
            "Closing.LoosenedIsSafe"
            "Closing.dfy"
        change
            "a file just opened says that it is locked"
            "Model.dfy"
            "end.node.writableFd, locking,\n                      Nobody);"
            "end.node.writableFd, locking,\n                      Pair(All, All));"
            "Opening.OpenedIsSafe"
            "Opening.dfy"
        change
            "a file that is open is opened again"
            "Model.dfy"
            ("if !IsFresh(state, id) || state.nodes[id].file.FileHold? then "
             + "Refused(Malformed, id)\n    else\n      var node")
            "if !IsFresh(state, id) then Refused(Malformed, id)\n    else\n      var node"
            "Upgrades.OpenStepLeavesShut"
            "Upgrades.dfy"
        change
            "the end of an open can be refused"
            "Model.dfy"
            "if id !in state.nodes then Refused(Malformed, id)"
            ("if id !in state.nodes || |state.nodes[id].parents| == 0 then "
             + "Refused(Malformed, id)")
            "Committing.FinishingIsSure"
            "Committing.dfy"
        change
            "a reopen may name a node twice"
            "Model.dfy"
            ("\n    && (forall i, j | 0 <= i < j < |entries| :: entries[i].node != "
             + "entries[j].node)")
            ""
            "ModelLaws.DoublesAreRefused"
            "ModelLaws.dfy"
        change
            "a reopen refreshes below its first node only"
            "Reopen.dfy"
            "progress.(roots := progress.roots + [id])"
            "progress.(roots :=\n        if |progress.roots| > 0 then progress.roots else [id])"
            "ReopenOrder.PreparesEach"
            "ReopenOrder.dfy"
        change
            "a reopen tells a cycle as something else"
            "Reopen.dfy"
            "PrepareRefused(Cycle, id)"
            "PrepareRefused(NoSuchChild, id)"
            "ReopenCycle.BaseFirst"
            "ReopenCycle.dfy"
        change
            "a reopen puts a link in that closes a cycle"
            "Reopen.dfy"
            "if Transaction.ClosesCycle(progress.state, node, child) then"
            "if node == child then"
            "Exchanging.PutInKeeps"
            "Exchanging.dfy"
        change
            "a reopen refuses a child that is there already"
            "Reopen.dfy"
            "else if child == present then Prepared(progress)"
            "else if child == present then PrepareRefused(NoSuchChild, id)"
            "Identity.LinksStay"
            "Identity.dfy"
        change
            "a reopen under the static policy asks for every file again"
            "Reopen.dfy"
            "&& node.file.FileHold? && !node.file.writableFd"
            "&& node.file.FileHold?"
            "Identity.DecidesWhatIs"
            "Identity.dfy"
        change
            "a file that degrades loses auto-read-only"
            "Reopen.dfy"
            "Decided(entry.(writable := false))"
            "Decided(entry.(writable := false, autoReadOnly := false))"
            "FlagsAfter.DecidedAsAsked"
            "FlagsAfter.dfy"
        change
            "a reopen clears force-share"
            "Reopen.dfy"
            "writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);"
            ("writable := entries[0].writable, autoReadOnly := "
             + "entries[0].autoReadOnly,\n                  forceShare := false);")
            "Deciding.WithFlagsAre"
            "Deciding.dfy"
        change
            "an abort forgets to restore a pair"
            "UndoLog.dfy"
            ("state.(edges := state.edges[id := state.edges[id].(pair := "
             + "pair)])\n      else state")
            "state\n      else state"
            "UndoLog.EditIsUndone"
            "UndoLog.dfy"
        change
            "an abort puts an edge back at the head of its list"
            "UndoLog.dfy"
            "InsertedAt(above.nodes[edge.child].parents, parentsAt, id)"
            "InsertedAt(above.nodes[edge.child].parents, 0, id)"
            "UndoLog.UnlinkIsUndone"
            "UndoLog.dfy"
        change
            "an abort takes the oldest note first"
            "UndoLog.dfy"
            "else LogOf(Edited(state, edits[0]), edits[1..]) + [NoteOf(state, edits[0])]"
            "else [NoteOf(state, edits[0])] + LogOf(Edited(state, edits[0]), edits[1..])"
            "UndoLog.AbortRestores"
            "UndoLog.dfy"
    ]

/// All of them.
module PlantedChanges =
    /// Every planted change.
    let all: PlantedChange list = PlantedRules.all @ PlantedCommands.all
