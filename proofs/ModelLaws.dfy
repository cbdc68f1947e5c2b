// Laws of whole commands on the executable model (BLK-GRAPH-007, BLK-PERM-032, BLK-REOPEN-002,
// BLK-REOPEN-020).
include "Model.dfy"

module ModelLaws {
  import opened Graph
  import opened AutoReadOnly
  import Checks
  import opened Model
  import Reopen

  // BLK-GRAPH-007, BLK-PERM-032, BLK-OPEN-009: a refused command leaves the state it found,
  // whatever its actions did before the one that was refused.
  lemma RefusedChangesNothing(policy: Policy, world: Checks.World, state: State, command: Command)
    requires Sound(state)
    ensures Run(policy, world, state, command).Refused? ==>
              After(policy, world, state, command) == state
  {
  }

  // BLK-REOPEN-002: a reopen that names a node twice is refused.
  lemma DoublesAreRefused(
    policy: Policy, world: Checks.World, state: State, entries: seq<Reopen.Entry>, i: nat, j: nat
  )
    requires Sound(state) && i < j < |entries| && entries[i].node == entries[j].node
    ensures Step(policy, world, state, Action.Reopen(entries)).Refused?
  {
    assert !AreEntries(state, entries);
  }

  // BLK-REOPEN-020: a reopen is whole: it is refused and nothing changes, or the state after it is
  // that of one accepted refresh.
  lemma ReopenIsWhole(policy: Policy, world: Checks.World, state: State, entries: seq<Reopen.Entry>)
    requires Sound(state)
    ensures var command := [Action.Reopen(entries)];
            || After(policy, world, state, command) == state
            || (AreEntries(state, entries)
                && Reopen.Run(policy, world, state, entries).Refreshed?
                && After(policy, world, state, command)
                   == Reopen.Run(policy, world, state, entries).state)
  {
    var command := [Action.Reopen(entries)];
    var end := Step(policy, world, state, command[0]);
    assert command[1..] == [];
    if end.Accepted? {
      assert RunFrom(policy, world, end.state, []) == Accepted(end.state);
    }
  }
}
