// Follows the prepared pages, and makes charts, tables, links and times answer. Where a forecast is
// made for the reader, Voila's widgets take the places of the page meanwhile.
// The page works without it: the picker is a form, the chart has its table of figures.
"use strict";

const place = (name) => document.getElementById(name);
const state = document.body.dataset;

// --- Voila's widgets take the places of what the server drew ---------------------------------
function adopt() {
  const [notice, view] = ["notice", "view"].map((name) => document.querySelector(`#live .stockcast-${name}`));
  if (!notice || !view?.querySelector(".view")) return false;
  place("notice").replaceChildren(notice);
  place("view").replaceChildren(view);
  state.live = "connected";
  const leaving = new AbortController();
  addEventListener("pagehide", endKernel, { signal: leaving.signal });
  const timer = setInterval(async () => {
    if (await fetch(kernel("api/kernels")).then((answer) => answer.ok, () => false)) return;
    leave();
    place("notice").innerHTML = '<p class="sentence warn">The live connection has ended; <a href="">load the page again</a>.</p>';
  }, 10000);
  const watch = new MutationObserver(() => {
    renew();
    if (notice.querySelector(".done")) leave();
  });
  for (const part of [notice, view]) watch.observe(part, { childList: true, subtree: true });
  renew();
  return true;

  // the kernel has done its work: what it drew stays, and the prepared pages go on from there
  function leave() {
    if (state.live !== "connected") return;
    for (const [name, part] of [["notice", notice], ["view", view]]) {
      place(name).innerHTML = part.querySelector(".widget-html-content")?.innerHTML ?? "";
    }
    watch.disconnect();
    clearInterval(timer);
    leaving.abort();
    endKernel();
    state.live = "no";
    state.tiles = "";
    renew();
  }
}

function kernel(path) {
  const { baseUrl, kernelId } = JSON.parse(place("jupyter-config-data").textContent);
  return `${baseUrl}${path}/${kernelId}`;
}

function endKernel() {
  navigator.sendBeacon(kernel("voila/api/shutdown"));
}

// --- prepared pages ---------------------------------------------------------------------------
const FOLLOW = 5000; // milliseconds between two questions whether there is something new
let wanted = document.querySelector("#view .view")?.dataset.ticker;

// whether the ticker that is shown has no forecast, and one may be made
function missing() {
  return state.acts === "yes" && document.querySelector("#view .view")?.dataset.forecast === "no";
}

async function show(ticker) {
  const same = ticker === document.querySelector("#view .view")?.dataset.ticker;
  const headers = same ? { "If-None-Match": `"${state.tiles}"` } : {};
  const answer = await fetch(`tiles?${new URLSearchParams({ ticker })}`, { headers });
  const text = answer.status === 304 ? null : await answer.text();
  if (ticker !== wanted || state.live !== "no") return;
  if (text !== null && !answer.ok) {
    place("notice").innerHTML = text;
    wanted = document.querySelector("#view .view")?.dataset.ticker;
    return;
  }
  if (text !== null) {
    const drawn = new DOMParser().parseFromString(text, "text/html").querySelector(".view");
    if (!same && drawn.dataset.forecast === "no" && state.acts === "yes") {
      location.search = new URLSearchParams({ ticker });
      return;
    }
    if (!same) place("notice").replaceChildren();
    place("view").replaceChildren(drawn);
    state.tiles = answer.headers.get("Etag").replaceAll('"', "");
    renew();
  }
  if (answer.headers.get("Overview") !== state.overview) await showOverview();
}

async function showOverview() {
  const answer = await fetch("overview");
  if (!answer.ok) return;
  const scrolled = document.querySelector("#overview .scroll")?.scrollTop ?? 0;
  place("overview").innerHTML = await answer.text();
  state.overview = answer.headers.get("Etag").replaceAll('"', "");
  sorted();
  renew();
  document.querySelector("#overview .scroll")?.scrollTo({ top: scrolled });
}

function choose(text) {
  const ticker = text.trim().toUpperCase();
  if (!ticker) return;
  if (ticker === wanted && missing()) {
    location.search = new URLSearchParams({ ticker });
    return;
  }
  wanted = ticker;
  show(ticker).catch(() => (location.search = new URLSearchParams({ ticker })));
}

async function follow() {
  if (state.live === "no" && wanted && !document.hidden) await show(wanted).catch(() => {});
  setTimeout(follow, FOLLOW);
}

document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("role") !== "search" || state.live !== "no") return;
  event.preventDefault();
  if (place("ticker").value.trim().toUpperCase() !== wanted || missing()) choose(place("ticker").value);
});
document.addEventListener("change", (event) => {
  if (event.target.id !== "ticker") return;
  if (state.live === "no") choose(event.target.value);
  else event.target.form.requestSubmit();
});
document.addEventListener("visibilitychange", () => !document.hidden && state.live === "no" && wanted && show(wanted).catch(() => {}));

// --- what a reader chose stays when the tiles are drawn anew --------------------------------
const kept = { range: "1m", open: new Map(), position: null, sort: null };
let drawnBefore = false;

function renew() {
  const view = document.querySelector("#view .view");
  if (!view) return;
  for (const link of document.querySelectorAll("#overview a[data-ticker]")) {
    if (link.dataset.ticker === view.dataset.ticker) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (view.dataset.renewed) return;
  view.dataset.renewed = "yes";
  const radio = view.querySelector(`[name=range][value="${kept.range}"]`);
  if (radio) radio.checked = true;
  for (const [id, open] of kept.open) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }
  if (kept.position !== null && place("position")) {
    place("position").value = kept.position;
    losses();
  }
  document.title = `${view.dataset.ticker} · stockcast`;
  const url = new URL(location);
  if (url.searchParams.get("ticker")?.toUpperCase() !== view.dataset.ticker && drawnBefore) {
    url.searchParams.set("ticker", view.dataset.ticker);
    history.replaceState(null, "", url);
  }
  drawnBefore = true;
  const input = place("ticker");
  if (input !== document.activeElement) input.value = view.dataset.ticker;
  ages();
}

document.addEventListener("change", (event) => {
  if (event.target.name === "range") kept.range = event.target.value;
});
document.addEventListener("input", (event) => {
  if (event.target.id !== "position") return;
  kept.position = event.target.value;
  losses();
});

function losses() {
  for (const loss of document.querySelectorAll("output[for=position]"))
    loss.value = Math.round(place("position").value * loss.dataset.share).toLocaleString("en-US");
}

document.addEventListener("toggle", (event) => kept.open.set(event.target.id, event.target.open), true);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-ticker]");
  if (!link || state.live !== "no" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  choose(link.dataset.ticker);
  window.scrollTo({ top: 0 });
});

// --- the table of all tickers, in the order that the reader chose -----------------------------
document.addEventListener("click", (event) => {
  const head = event.target.closest("#overview th button");
  if (!head) return;
  const [column, down] = kept.sort ?? [];
  const first = head.dataset.first === "down";
  kept.sort = [head.dataset.column, column === head.dataset.column ? !down : first];
  sorted();
});

function sorted() {
  if (!kept.sort) return;
  const [column, down] = kept.sort;
  const body = document.querySelector("#overview tbody");
  const head = document.querySelector(`#overview th button[data-column="${column}"]`)?.parentElement;
  if (!body || !head) return;
  const value = (row) => row.dataset[column];
  const order = (a, b) => {
    if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");
    const [x, y] = [Number(value(a)), Number(value(b))];
    const less = Number.isNaN(x) || Number.isNaN(y) ? value(a).localeCompare(value(b)) : x - y;
    return down ? -less : less;
  };
  body.append(...[...body.rows].sort(order));
  for (const other of document.querySelectorAll("#overview th[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
}

// --- ages go on, in the words that the server began with --------------------------------------------------------------------------
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function ages() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.now() - new Date(time.dateTime)) / 1000;
    const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? [];
    const count = Math.floor(seconds / size);
    time.textContent = unit ? `${count} ${unit}${count > 1 ? "s" : ""} ago` : "just now";
  }
}

// seconds are not told to a screen reader, which reads every other change of the notice
function elapsed() {
  for (const span of document.querySelectorAll("[data-since]")) {
    span.textContent = ` ${Math.max(0, Math.round((Date.now() - new Date(span.dataset.since)) / 1000))} s`;
  }
}

// --- the cursor of the fan chart ------------------------------------------------------------
function point(plot, index) {
  const days = JSON.parse(plot.dataset.days);
  const [x, y, text] = days[Math.max(0, Math.min(index, days.length - 1))];
  const [cursor, tip] = [plot.querySelector(".cursor"), plot.querySelector(".tip")];
  cursor.style.left = `${x}%`;
  cursor.style.setProperty("--y", `${y}%`);
  tip.textContent = text;
  tip.style.left = x > 50 ? "auto" : `calc(${x}% + .6rem)`;
  tip.style.right = x > 50 ? `calc(${100 - x}% + .6rem)` : "auto";
  cursor.hidden = tip.hidden = false;
  plot.setAttribute("aria-valuenow", days.findIndex((day) => day[2] === text));
  plot.setAttribute("aria-valuetext", text);
}

function leave(plot) {
  plot.querySelector(".cursor").hidden = plot.querySelector(".tip").hidden = true;
}

document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.(".plot");
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  const at = (100 * (event.clientX - box.left)) / box.width;
  const days = JSON.parse(plot.dataset.days);
  point(plot, days.reduce((best, day, k) => (Math.abs(day[0] - at) < Math.abs(days[best][0] - at) ? k : best), 0));
});
document.addEventListener("pointerout", (event) => {
  const plot = event.target.closest?.(".plot");
  if (plot && !plot.contains(event.relatedTarget)) leave(plot);
});
document.addEventListener("focusout", (event) => event.target.matches?.(".plot") && leave(event.target));
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.(".plot")) return;
  const now = Number(event.target.getAttribute("aria-valuenow"));
  const last = Number(event.target.getAttribute("aria-valuemax"));
  const next = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  point(event.target, next);
});

// --- from the start, and while the page is open ---------------------------------------------
renew();
ages();
setInterval(ages, 30000);
setInterval(elapsed, 1000);
setTimeout(follow, FOLLOW);
if (state.live === "yes" && !adopt()) {
  const watch = new MutationObserver(() => adopt() && watch.disconnect());
  watch.observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] });
}
