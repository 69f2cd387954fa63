"use strict";
// Without this script every mark still has its <title> and can be focused, and all devices stand below each other.
// With it a chart is one tab stop whose marks the arrow keys step through, the title of a mark shows at once (also on
// touch and on focus), switches choose what is seen, and a page that `edgenas report --serve` sent follows the search.
(() => {
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  const get = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const put = (key, value) => { try { localStorage.setItem(key, value); } catch { /* no storage for files */ } };

  // ---- the tooltip of a mark -------------------------------------------------------------------------------------
  const hide = () => { tip.hidden = true; };
  const words = (mark) => {
    const title = mark.querySelector("title");
    if (title) { mark.setAttribute("aria-label", title.textContent); title.remove(); }
    return mark.getAttribute("aria-label");
  };
  const show = (mark) => {
    tip.textContent = words(mark);
    tip.hidden = false;
    const at = mark.getBoundingClientRect(), box = tip.getBoundingClientRect();
    const x = at.left + at.width / 2 - box.width / 2;
    tip.style.left = Math.max(8, Math.min(x, innerWidth - box.width - 8)) + "px";
    tip.style.top = (at.top - box.height - 8 > 4 ? at.top - box.height - 8 : at.bottom + 8) + "px";
  };
  const markOf = (event) => event.target.closest ? event.target.closest(".mark") : null;
  document.addEventListener("pointerover", (event) => { const mark = markOf(event); if (mark) show(mark); });
  document.addEventListener("pointerout", (event) => { if (markOf(event)) hide(); });
  document.addEventListener("focusin", (event) => { const mark = markOf(event); if (mark) show(mark); });
  document.addEventListener("focusout", (event) => { if (markOf(event)) hide(); });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  // What is pointed at or focused keeps its tooltip while the page scrolls, as focus itself may scroll.
  const follow = () => {
    if (tip.hidden) return;
    const mark = document.querySelector(".mark:hover, .mark:focus");
    if (mark) show(mark); else hide();
  };
  addEventListener("scroll", follow, {passive: true, capture: true});

  // ---- the arrow keys ----------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    const here = markOf(event), chart = here && here.closest("svg.chart");
    if (!chart) return;
    const marks = [...chart.querySelectorAll(".mark")], at = marks.indexOf(here), last = marks.length - 1;
    const on = at + 1, back = at - 1;
    const go = {ArrowRight: on, ArrowDown: on, ArrowLeft: back, ArrowUp: back, Home: 0, End: last};
    if (!(event.key in go)) return;
    const next = Math.max(0, Math.min(last, go[event.key]));
    here.setAttribute("tabindex", -1);
    marks[next].setAttribute("tabindex", 0);
    marks[next].focus();
    event.preventDefault();
  });

  // ---- light and dark ----------------------------------------------------------------------------------------------
  const themes = ["auto", "light", "dark"];
  const theme = document.getElementById("theme");
  const paint = (name) => {
    if (name === "auto") root.removeAttribute("data-theme"); else root.setAttribute("data-theme", name);
    theme.textContent = "Colours: " + name;
  };
  let chosen = themes.includes(get("edgenas-theme")) ? get("edgenas-theme") : "auto";
  theme.hidden = false;
  theme.addEventListener("click", () => {
    chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
    put("edgenas-theme", chosen);
    paint(chosen);
  });
  paint(chosen);

  // ---- what is bound anew when a part of the page changes ------------------------------------------------------------
  const views = {};  // name of a switch to the view that was chosen last
  const pick = (box, value) => {
    views[box.dataset.switch] = value;
    for (const button of box.querySelectorAll(".switch button")) {
      button.setAttribute("aria-pressed", button.value === value);
    }
    for (const view of box.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== value;
  };
  const bind = (part) => {
    for (const chart of part.querySelectorAll("svg.chart")) {
      chart.querySelectorAll(".mark").forEach((mark, index) => mark.setAttribute("tabindex", index ? -1 : 0));
    }
    for (const box of part.querySelectorAll("[data-switch]")) {
      const buttons = [...box.querySelectorAll(".switch button")];
      buttons.forEach((button) => button.addEventListener("click", () => pick(box, button.value)));
      box.querySelector(".switch").hidden = false;
      const before = views[box.dataset.switch];
      pick(box, buttons.some((button) => button.value === before) ? before : buttons[0].value);
    }
    for (const button of part.querySelectorAll("button.copy")) {
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        button.textContent = "Copied";
      });
    }
  };
  bind(document);

  // ---- following a running search ------------------------------------------------------------------------------------
  if (!root.dataset.live) return;
  const state = document.getElementById("live");
  let etag = "";
  const label = (mark) => mark.querySelector("title") ? mark.querySelector("title").textContent : words(mark);
  const swap = (id, html, stamp) => {
    const old = document.getElementById(id);
    if (!old || html === null || old.dataset.stamp === stamp) return;
    const open = [...old.querySelectorAll("details")].map((part) => part.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const hovered = old.querySelector(".mark:hover");
    const kept = focus && {tag: focus.tagName, chart: focus.closest("svg.chart"),
                           words: focus.matches(".mark") ? label(focus) : focus.textContent};
    const seen = hovered && label(hovered);
    const box = document.createElement("template");
    box.innerHTML = html;
    const fresh = box.content.firstElementChild;
    old.replaceWith(fresh);
    bind(fresh);
    fresh.querySelectorAll("details").forEach((part, index) => { part.open = Boolean(open[index]); });
    fresh.querySelectorAll(".scroll").forEach((part, index) => {
      if (scrolled[index]) [part.scrollLeft, part.scrollTop] = scrolled[index];
    });
    // The mark that was pointed at or focused is another element now: it is found again by its words.
    const marks = [...fresh.querySelectorAll(".mark")];
    if (kept) {
      const same = (element) => (element.matches(".mark") ? label(element) : element.textContent) === kept.words;
      const found = [...fresh.querySelectorAll(kept.tag)].find(same);
      if (found) found.focus({preventScroll: true});
    } else if (seen) {
      const found = marks.find((mark) => label(mark) === seen);
      if (found) show(found); else hide();
    }
  };
  const poll = async () => {
    try {
      const have = [...document.querySelectorAll("[data-stamp]")].map((part) => part.dataset.stamp).join(",");
      const answer = await fetch("sections?have=" + have, {headers: etag ? {"If-None-Match": etag} : {}, cache: "no-store"});
      if (answer.status === 200) {
        etag = answer.headers.get("ETag") || "";
        const found = await answer.json();
        document.title = found.title;
        for (const part of found.parts) swap(part.id, part.html, part.stamp);
        state.textContent = found.state;
      } else if (answer.status !== 304) {
        state.textContent = await answer.text();
      }
    } catch {
      state.textContent = "The server does not answer: this page shows what was known last.";
    }
    setTimeout(poll, document.hidden ? 10000 : 2000);
  };
  setTimeout(poll, 1000);
})();
