/** Blue and vermilion stay apart for every kind of colour blindness; nothing is told by colour alone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f5f5f2; --ink: #1b1c1e; --soft: #55585d; --line: #d3d4d1;
  --embed: #00619a; --mount: #b04300; --embed-fill: #bcd9ec; --mount-fill: #f5d0b5;
  --code-fill: #8d9096; --base-fill: #d9dad7;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --panel: #1f2226; --ink: #e9e9e6; --soft: #aeb2b8; --line: #41454b;
    --embed: #74bdf0; --mount: #f3a868; --embed-fill: #20506f; --mount-fill: #6a3d17;
    --code-fill: #868b92; --base-fill: #3c4046;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif;
  overflow-wrap: break-word; -webkit-text-size-adjust: 100%;
}
h1, h2, h3 { line-height: 1.2; text-wrap: balance; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1rem; color: var(--soft); font-weight: 600; margin: 3rem 0 0; padding-top: 1.5rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }
p, ul { margin: .5rem 0; max-width: 44rem; }
ul { padding-left: 1.2rem; }
nav ul { padding: 0; list-style: none; }
a { color: inherit; }
.verdict { font-size: 1.5rem; line-height: 1.25; font-weight: 600; margin: .25rem 0 .75rem; text-wrap: balance; }
.soft, small, figcaption { color: var(--soft); }
small, figcaption, td, th { font-size: .875rem; }
code { font: .875em ui-monospace, "Cascadia Mono", "Liberation Mono", monospace; white-space: nowrap; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 2rem; align-items: start; }
figure { margin: 0; }
figure > strong { display: block; }
svg { display: block; width: 100%; max-width: 27rem; height: auto; margin: .5rem 0; overflow: visible; }
svg text { font-size: 11.5px; fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .strong { font-weight: 600; }
.model-embed { fill: var(--embed-fill); stroke: var(--embed); }
.model-mount { fill: var(--mount-fill); stroke: var(--mount); }
.code { fill: var(--code-fill); }
.base { fill: var(--base-fill); }
.frame { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.volume { stroke-dasharray: 5 3; }
.lead, .grid { stroke: var(--line); stroke-width: 1; fill: none; }
.lead { stroke: var(--soft); }
.now { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 3; }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; }
.best { stroke-width: 3.25; }
.embed { stroke: var(--embed); } .mount { stroke: var(--mount); }
.on-embed { fill: var(--embed); } .on-mount { fill: var(--mount); }
.dot { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
.today { fill: var(--ink); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--line); }
th { font-weight: 600; }
thead th { border-top: 0; color: var(--soft); vertical-align: bottom; }
td small { display: block; font-size: .75rem; }
.detail td { border-top: 0; padding-top: 0; color: var(--soft); }
.chosen > th { font-weight: 700; }
.label { font-weight: 600; }
.label.assumed { border-bottom: 2px dotted currentColor; }
.label.given { border-bottom: 2px solid currentColor; }
.label.measured { border-bottom: 4px double currentColor; }
.bar { display: block; height: .5rem; min-width: 2px; margin-top: .25rem; }
.bar.embed { background: var(--embed); } .bar.mount { background: var(--mount); }
@media screen and (max-width: 30rem) { body { padding: 1.25rem .75rem 3rem; } }
@media screen and (max-width: 50rem) {
  table, tbody, tr, th, td { display: block; }
  thead { display: none; }
  tr { border-top: 1px solid var(--line); padding: .5rem 0; }
  tr.detail { border-top: 0; padding-top: 0; }
  th, td { border: 0; padding: .15rem 0; }
  td[data-label] { display: grid; grid-template-columns: 9rem 1fr; gap: .75rem; }
  td[data-label]::before { content: attr(data-label); color: var(--soft); }
}
@media print {
  @page { size: A4; margin: 15mm; }
  body { padding: 0; max-width: none; font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  nav { display: none; }
  h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  section + section { break-before: page; }
  .pair { grid-template-columns: 1fr 1fr; }
  th, td, small, figcaption { font-size: 8.5pt; }
  td small, code { font-size: 8.25pt; }
  tr:has(+ .detail) { break-after: avoid; }
  th, td { padding-right: .4rem; }
}
`
