// Runs of bytes: joining neighbours of one value changes nothing of what they say (BLK-DATA-003).
module Content {
  // Length bytes of one value from an offset on.
  datatype Run = Run(offset: nat, length: nat, value: nat)

  // The byte at an offset: of the first run that holds it, and zero in a gap.
  function At(runs: seq<Run>, offset: nat): nat {
    if |runs| == 0 then 0
    else if runs[0].offset <= offset < runs[0].offset + runs[0].length then runs[0].value
    else At(runs[1..], offset)
  }

  // Sorted and disjoint.
  predicate Sorted(runs: seq<Run>) {
    forall i, j | 0 <= i < j < |runs| :: runs[i].offset + runs[i].length <= runs[j].offset
  }

  // Neighbours of one value become one run.
  function Joined(runs: seq<Run>): seq<Run>
    decreases |runs|
  {
    if |runs| < 2 then runs
    else if runs[0].value == runs[1].value && runs[0].offset + runs[0].length == runs[1].offset then
      Joined([Run(runs[0].offset, runs[0].length + runs[1].length, runs[0].value)] + runs[2..])
    else [runs[0]] + Joined(runs[1..])
  }

  // BLK-DATA-003: merging adjacent extents preserves their meaning.
  lemma JoiningKeepsMeaning(runs: seq<Run>, offset: nat)
    ensures At(Joined(runs), offset) == At(runs, offset)
    decreases |runs|
  {
    if |runs| >= 2 {
      var (a, b) := (runs[0], runs[1]);
      assert runs[1..][0] == b && runs[1..][1..] == runs[2..];
      if a.value == b.value && a.offset + a.length == b.offset {
        var one := Run(a.offset, a.length + b.length, a.value);
        var joined := [one] + runs[2..];
        JoiningKeepsMeaning(joined, offset);
        assert joined[0] == one && joined[1..] == runs[2..];
      } else {
        JoiningKeepsMeaning(runs[1..], offset);
        var rest := Joined(runs[1..]);
        assert ([a] + rest)[0] == a && ([a] + rest)[1..] == rest;
      }
    }
  }

  // BLK-DATA-003: and leaves no two neighbours that could be joined.
  ghost predicate Maximal(runs: seq<Run>) {
    forall i | 0 <= i < |runs| - 1 ::
      runs[i].value != runs[i + 1].value
      || runs[i].offset + runs[i].length != runs[i + 1].offset
  }

  lemma JoiningIsMaximal(runs: seq<Run>)
    ensures Maximal(Joined(runs))
    ensures |runs| > 0 ==> |Joined(runs)| > 0 && Joined(runs)[0].offset == runs[0].offset
                           && Joined(runs)[0].value == runs[0].value
    decreases |runs|
  {
    if |runs| >= 2 {
      var (a, b) := (runs[0], runs[1]);
      if a.value == b.value && a.offset + a.length == b.offset {
        JoiningIsMaximal([Run(a.offset, a.length + b.length, a.value)] + runs[2..]);
      } else {
        JoiningIsMaximal(runs[1..]);
        var rest := Joined(runs[1..]);
        forall i | 0 <= i < |[a] + rest| - 1
          ensures ([a] + rest)[i].value != ([a] + rest)[i + 1].value
                  || ([a] + rest)[i].offset + ([a] + rest)[i].length
                     != ([a] + rest)[i + 1].offset
        {
          if i > 0 {
            assert ([a] + rest)[i] == rest[i - 1] && ([a] + rest)[i + 1] == rest[i];
          }
        }
      }
    }
  }
}
