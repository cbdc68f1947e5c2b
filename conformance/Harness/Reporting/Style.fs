/// The page's style sheet: one set of names for colours, two sets of values, light and dark.
module Ashlar.Conformance.Style

/// The style sheet.
let sheet =
    """
:root {
  color-scheme: light dark;
  --page: #fbfaf7; --card: #ffffff; --ink: #22262b; --soft: #666e78; --line: #dedad1;
  --accent: #2f6f6a; --good: #2e7d4f; --bad: #b3362b;
  --never: #ece8df; --never-ink: #8d877a; --accepted: #bfe0d3; --accepted-ink: #174a3a;
  --refused: #f2d3a7; --refused-ink: #6b4208; --both: #2f7d6d; --both-ink: #ffffff;
  --node: #e8f1f8; --node-line: #4f7ea3; --ro: #f1ecdf; --ro-line: #a08b57;
  --user: #efe6f4; --user-line: #84609c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181c; --card: #1d2126; --ink: #e4e7ea; --soft: #98a2ad; --line: #343a41;
    --accent: #72c2b8; --good: #6fcf97; --bad: #f08a80;
    --never: #2a2f35; --never-ink: #808a94; --accepted: #214a3e; --accepted-ink: #bfe6d6;
    --refused: #574019; --refused-ink: #f5d9a8; --both: #3fa08b; --both-ink: #06201b;
    --node: #1c2b38; --node-line: #6ba3cf; --ro: #2e2a1e; --ro-line: #c2a862;
    --user: #2b2233; --user-line: #b58fd0;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 34px 0 10px; }
h3 { font-size: 15px; margin: 20px 0 6px; }
p { margin: 6px 0; } .soft { color: var(--soft); }
.verdict { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; min-width: 150px; flex: 1; }
.card b { display: block; font-size: 24px; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 12px 14px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
td.n, th.n { text-align: right; }
td.bars { width: 30%; min-width: 90px; white-space: nowrap; }
td .bar { display: inline-block; height: 9px; border-radius: 3px; vertical-align: middle; }
.bar.a { background: var(--both); } .bar.r { background: var(--refused); }
code, pre { font: 13px/1.45 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace; }
pre { margin: 8px 0; overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 12px 14px; }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--accent); }
.legend { display: flex; flex-wrap: wrap; gap: 16px; margin: 10px 0; font-size: 13px;
  color: var(--soft); }
.legend i { display: inline-block; width: 13px; height: 13px; border-radius: 4px;
  margin-right: 6px; vertical-align: -2px; }
.never { --c: var(--never); --t: var(--never-ink); }
.accepted { --c: var(--accepted); --t: var(--accepted-ink); }
.refused { --c: var(--refused); --t: var(--refused-ink); }
.both { --c: var(--both); --t: var(--both-ink); }
.legend i { background: var(--c); }
svg { max-width: none; } svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
.coverage .cell rect { fill: var(--c); } .coverage .cell text { fill: var(--t);
  text-anchor: middle; } .coverage .t { font-weight: 600; fill: var(--soft); }
.graph .box rect { stroke-width: 1.4; }
.graph .node rect { fill: var(--node); stroke: var(--node-line); }
.graph .ro rect { fill: var(--ro); stroke: var(--ro-line); stroke-dasharray: 5 3; }
.graph .user rect { fill: var(--user); stroke: var(--user-line); }
.graph .t { text-anchor: middle; font-weight: 600; font-size: 13px; }
.graph .s { text-anchor: middle; fill: var(--soft); }
.graph .l { fill: var(--soft); text-anchor: middle; paint-order: stroke; stroke: var(--card);
  stroke-width: 4px; }
.graph .edge { fill: none; stroke: var(--soft); stroke-width: 1.3; }
.graph .tip { fill: var(--soft); }
.graph .edge.marked { stroke: var(--bad); stroke-width: 2.2; }
.graph .l.marked { fill: var(--bad); font-weight: 600; }
.pair { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 500px), 1fr)); }
.pair > div { min-width: 0; } .pair > div:first-child { grid-column: 1 / -1; }
pre.wrap { white-space: pre-wrap; overflow-wrap: anywhere; }
"""
