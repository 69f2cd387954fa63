"""The page's style sheet and script: system fonts, colours the colour-blind tell apart, no library."""

from __future__ import annotations

__all__ = ["SCRIPT", "STYLE"]

# Hues after Okabe and Ito: blue, vermilion, green, purple and sky differ in lightness as well as in hue.
STYLE = """
:root {
  --page: #fff; --panel: #f6f7f9; --text: #1a1f26; --quiet: #56606b; --rule: #dce1e7; --grid: #e8ebef;
  --blue: #0b66b0; --blue-soft: #cfe2f3; --orange: #c2500a; --orange-soft: #f6bd8b; --green: #0a7d5c;
  --green-soft: #cdeade; --purple: #8a4a83; --purple-soft: #ecd6e9; --grey: #7a8591; --grey-soft: #e3e7ec;
  --yellow: #b98a00; --beyond: #c2500a0d
}
@media (prefers-color-scheme:dark) {
  :root {
    --page: #14171b; --panel: #1c2026; --text: #e7eaee; --quiet: #a3adb8; --rule: #333a43; --grid:
    #272d35; --blue: #6ab2ee; --blue-soft: #1f4362; --orange: #f2924b; --orange-soft: #7c4016; --green:
    #4fc79f; --green-soft: #174a3b; --purple: #d49bcd; --purple-soft: #543150; --grey: #8d98a5;
    --grey-soft: #2d343d; --yellow: #e3bd4a; --beyond: #f2924b12
  }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth }
@media (prefers-reduced-motion:reduce) {
  html { scroll-behavior: auto }
}
body {
  margin: 0 auto; max-width: 1160px; padding: 0 24px 64px; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
  overflow-wrap: break-word
}
header { padding: 48px 0 8px }
.kicker {
  margin: 0; color: var(--quiet); font-size: .8125rem; letter-spacing: .06em; text-transform: uppercase
}
h1 { margin: .1em 0 .2em; font-size: 2rem; line-height: 1.2; font-weight: 650; letter-spacing: -.015em }
.lead { margin: 0; max-width: 44em; color: var(--quiet); font-size: 1.0625rem }
h2 { margin: 0 0 16px; font-size: 1.3125rem; line-height: 1.3; font-weight: 640; letter-spacing: -.01em }
h3 { margin: 24px 0 8px; font-size: 1rem; font-weight: 640 }
section { margin-top: 40px; padding-top: 28px; border-top: 1px solid var(--rule) }
section h2 { scroll-margin-top: 16px }
a { color: var(--blue) }
nav ul {
  display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 20px 0 0; padding: 0; list-style: none;
  font-size: .9375rem
}
nav a { text-decoration: none }
nav a:hover { text-decoration: underline }
nav+main>section:first-of-type { margin-top: 24px }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px }
code, pre {
  font-family: ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace; font-size: .875em
}
pre {
  margin: 0; padding: 12px 14px; overflow-x: auto; background: var(--panel); border: 1px solid
  var(--rule); border-radius: 6px
}
.note { max-width: 52em; margin: 10px 0; color: var(--quiet); font-size: .9375rem }
.note code { color: var(--text) }
.problems { margin-top: 24px; padding: 12px 18px; border: 1px solid var(--orange); border-radius: 8px }
.problems p { margin: 0; font-weight: 600 }
.problems ul { margin: 6px 0; padding-left: 20px }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit,minmax(210px,1fr)); gap: 12px; margin-bottom: 24px
}
.tile { padding: 14px 16px; background: var(--panel); border: 1px solid var(--rule); border-radius: 8px }
.tile p { margin: 0 }
.tile-title { color: var(--quiet); font-size: .875rem }
.tile-value {
  font-size: 1.75rem; line-height: 1.35; font-weight: 620; letter-spacing: -.015em; font-variant-numeric:
  tabular-nums
}
.tile-detail { color: var(--quiet); font-size: .8125rem; line-height: 1.45 }
.facts { display: grid; grid-template-columns: repeat(auto-fit,minmax(min(100%,400px),1fr)); gap: 0 32px; margin: 0 }
.facts div {
  display: grid; grid-template-columns: 9.5em 1fr; gap: 12px; padding: 6px 0; border-bottom: 1px solid
  var(--grid)
}
.facts dt { color: var(--quiet) }
.facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere }
.facts { font-size: .9375rem; font-variant-numeric: tabular-nums }
.columns {
  display: grid; grid-template-columns: minmax(0,680fr) minmax(0,440fr); gap: 24px 32px; align-items: start
}
.side .facts { grid-template-columns: 1fr }
.side h3 { margin-top: 4px }
figure { margin: 0 }
figcaption { color: var(--quiet); font-size: .8125rem }
.scroll { overflow-x: auto; margin: 12px 0 }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; font-variant-numeric: tabular-nums }
caption { padding: 4px 0 8px; text-align: left; font-weight: 640 }
caption span { display: block; position: sticky; left: 0; max-width: calc(100vw - 32px) }
th, td {
  padding: 6px 12px 6px 0; border-bottom: 1px solid var(--grid); text-align: left; vertical-align: top
}
thead th {
  border-bottom: 1px solid var(--rule); color: var(--quiet); font-weight: 500; font-size: .875rem;
  vertical-align: bottom
}
tbody th { font-weight: 500 }
th.number, td.number { padding: 6px 0 6px 16px; text-align: right; white-space: nowrap }
thead th.number { white-space: normal }
details { margin: 12px 0 }
summary { cursor: pointer; color: var(--blue) }
.legend {
  display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 10px 0; padding: 0; list-style: none; font-size:
  .875rem; color: var(--quiet)
}
.legend li { display: flex; align-items: center; gap: 7px; font-variant-numeric: tabular-nums }
.legend b { color: var(--text); font-weight: 600 }
.swatch {
  width: 14px; height: 14px; border-radius: 3px; border: 1px solid var(--grey); background:
  var(--grey-soft)
}
.swatch.ibn { background: var(--blue-soft); border-color: var(--blue) }
.swatch.fused-ibn { background: var(--orange-soft); border-color: var(--orange) }
.swatch.fusion { background: var(--purple-soft); border-color: var(--purple) }
.swatch.head { background: var(--green-soft); border-color: var(--green) }
.key { width: 10px; height: 10px }
.key-feasible { border-radius: 50%; background: var(--blue) }
.key-infeasible {
  background: linear-gradient(45deg,transparent 42%,var(--grey) 42% 58%,transparent
  58%),linear-gradient(-45deg,transparent 42%,var(--grey) 42% 58%,transparent 58%)
}
.key-front { width: 18px; height: 0; border-top: 2px solid var(--blue) }
.key-winner { background: var(--orange); transform: rotate(45deg) }
.key-baseline { background: var(--text) }
.chart { display: block; overflow: visible }
.chart.wide, .chart.narrow { width: 100%; height: auto }
.chart.network { max-width: max(100%, 820px); height: auto }
.chart text { fill: var(--text); font-size: 12.5px; font-variant-numeric: tabular-nums }
.chart .tick, .chart .axis-title, .chart .part-size { fill: var(--quiet) }
.chart .part-name, .chart .head-name, .chart .strong { font-weight: 600 }
.chart .part-size { font-size: 11px }
.chart .in-box { font-size: 11.5px }
.chart .label, .chart .target-label {
  paint-order: stroke; stroke: var(--page); stroke-width: 3.5px; stroke-linejoin: round
}
.chart .target-label { fill: var(--orange) }
.grid { stroke: var(--grid) }
.axis { stroke: var(--grey) }
.target { stroke: var(--orange); stroke-width: 1.5; stroke-dasharray: 5 4 }
.beyond { fill: var(--beyond) }
.identity { stroke: var(--grey); stroke-dasharray: 4 4 }
.interval { stroke: var(--blue); stroke-opacity: .32; stroke-width: 1.5 }
.interval.front { stroke-opacity: .55 }
.interval.baseline { stroke: var(--text); stroke-opacity: .45 }
.front-line { fill: none; stroke: var(--blue); stroke-width: 1.75; stroke-linejoin: round }
.dots { fill: none; stroke: var(--blue); stroke-opacity: .5; stroke-width: 5; stroke-linecap: round }
.dots.over { stroke: var(--grey); stroke-width: 3 }
.mark { outline: none; cursor: default }
.feasible circle:not(.touch) { fill: var(--blue); fill-opacity: .45 }
.feasible.front circle:not(.touch) { fill-opacity: 1; stroke: var(--page); stroke-width: 1 }
.infeasible path { fill: none; stroke: var(--grey); stroke-width: 1.5; stroke-opacity: .7 }
.infeasible.front path { stroke: var(--blue); stroke-width: 2; stroke-opacity: 1 }
.winner path { fill: var(--orange); stroke: var(--page); stroke-width: 1.5 }
.mark.baseline rect { fill: var(--text); stroke: var(--page); stroke-width: 1.5 }
.mark .touch { fill: transparent; stroke: none }
.mark:hover .touch, .mark:focus .touch { stroke: var(--text); stroke-width: 1.5 }
.mark.winner:focus path, .mark.baseline:focus rect, .mark.part:focus rect {
  stroke: var(--text); stroke-width: 2.5
}
.part rect { fill: var(--grey-soft); stroke: var(--grey); stroke-width: 1.2 }
.part.ibn rect { fill: var(--blue-soft); stroke: var(--blue) }
.part.fused-ibn rect { fill: var(--orange-soft); stroke: var(--orange) }
.part.fusion rect { fill: var(--purple-soft); stroke: var(--purple) }
.part.head rect { fill: var(--green-soft); stroke: var(--green) }
.wire { fill: none; stroke: var(--grey); stroke-width: 1.3 }
.stack { display: block; width: 100%; height: 22px; border-radius: 4px }
.bar { display: block; width: 100%; min-width: 120px; height: 15px; margin-top: 4px }
.bar-predicted { fill: var(--blue) }
.bar-measured { fill: var(--orange) }
.share-0 { fill: var(--blue); background: var(--blue) }
.share-1 { fill: var(--orange); background: var(--orange) }
.share-2 { fill: var(--green); background: var(--green) }
.share-3 { fill: var(--purple); background: var(--purple) }
.share-4 { fill: var(--yellow); background: var(--yellow) }
.share-5 { fill: var(--grey); background: var(--grey) }
[class*="share-"].swatch { border: 0 }
.frame {
  display: grid; grid-template-columns: repeat(4,minmax(0,1fr)); gap: 0 16px; margin-bottom: 28px
}
.frame h3 { grid-column: 1/-1 }
.frame-tasks { grid-column: span 3 }
.frame-row { display: grid; grid-template-columns: repeat(3,minmax(0,1fr)); gap: 16px; margin-bottom: 10px }
.frame img { display: block; width: 100%; height: auto; border-radius: 4px; margin-bottom: 3px }
footer {
  margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--rule); color: var(--quiet); font-size:
  .875rem
}
#tip {
  position: fixed; z-index: 9; max-width: 290px; padding: 8px 11px; background: var(--text); color:
  var(--page); border-radius: 6px; font-size: .8125rem; line-height: 1.45; white-space: pre-line;
  pointer-events: none; font-variant-numeric: tabular-nums; overflow-wrap: anywhere
}
#tip[hidden] { display: none }
#tip::first-line { font-weight: 650 }
@media (max-width:820px) {
  .columns { grid-template-columns: minmax(0,1fr) }
}
@media (max-width:560px) {
  body { padding: 0 16px 48px }
  header { padding-top: 28px }
  h1 { font-size: 1.625rem }
  .tiles { grid-template-columns: 1fr 1fr }
  .tile { padding: 11px 12px }
  .tile-value { font-size: 1.375rem }
  .facts { grid-template-columns: minmax(0,1fr) }
  .facts div { grid-template-columns: 8em minmax(0,1fr) }
  .chart.wide text { font-size: 20px }
  .chart.narrow text { font-size: 15px }
  .chart.wide .feasible circle:not(.touch) { r: 6px }
  .frame-image, .frame-tasks { grid-column: 1/-1 }
  .frame-image { max-width: 66%; margin-bottom: 10px }
  .frame-row { gap: 8px }
  th, td, .facts { font-size: .875rem }
}
@media print {
  nav, details { display: none }
  section { break-inside: avoid }
}
"""

# Without the script every mark still has its <title> and can be focused; with it a chart is one tab stop
# whose marks the arrow keys step through, and the title shows at once, also on touch and on focus.
SCRIPT = """
(() => {
  const tip = document.getElementById("tip");
  const hide = () => { tip.hidden = true; };
  const show = (mark) => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const at = mark.getBoundingClientRect(), box = tip.getBoundingClientRect();
    const x = at.left + at.width / 2 - box.width / 2;
    tip.style.left = Math.max(8, Math.min(x, innerWidth - box.width - 8)) + "px";
    tip.style.top = (at.top - box.height - 8 > 4 ? at.top - box.height - 8 : at.bottom + 8) + "px";
  };
  for (const chart of document.querySelectorAll("svg.chart")) {
    const marks = [...chart.querySelectorAll(".mark")];
    marks.forEach((mark, index) => {
      const title = mark.querySelector("title");
      mark.setAttribute("aria-label", title.textContent);
      title.remove();
      mark.setAttribute("tabindex", index ? -1 : 0);
      mark.addEventListener("pointerenter", () => show(mark));
      mark.addEventListener("pointerleave", hide);
      mark.addEventListener("focus", () => show(mark));
      mark.addEventListener("blur", hide);
    });
    chart.addEventListener("keydown", (event) => {
      const here = marks.indexOf(document.activeElement), last = marks.length - 1;
      const on = here + 1, back = here - 1;
      const go = {ArrowRight: on, ArrowDown: on, ArrowLeft: back, ArrowUp: back, Home: 0, End: last};
      if (here < 0 || !(event.key in go)) return;
      const next = Math.max(0, Math.min(last, go[event.key]));
      marks[here].setAttribute("tabindex", -1);
      marks[next].setAttribute("tabindex", 0);
      marks[next].focus();
      event.preventDefault();
    });
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  // Focus may scroll the mark into view: its tooltip then follows instead of vanishing.
  const follow = () => document.activeElement.matches(".mark") ? show(document.activeElement) : hide();
  addEventListener("scroll", follow, {passive: true, capture: true});
})();
"""
