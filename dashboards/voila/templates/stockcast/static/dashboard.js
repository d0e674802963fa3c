// Puts Voila's widgets in the places of the page, and makes charts, links and times answer.
// The page works without it: the picker is a form, the chart has its table of figures.
"use strict";

const PLACES = ["picker", "notice", "view", "overview"];
const place = (name) => document.getElementById(name);

// --- the widgets take the places of what the server drew -----------------------------------
function adopt() {
  const parts = PLACES.map((name) => document.querySelector(`#live .stockcast-${name}`));
  const input = parts[0]?.querySelector("input");
  if (!parts.every(Boolean) || !input || !parts[2].querySelector(".view")) return false;
  const typed = document.activeElement?.id === "ticker" ? document.activeElement.value : null;
  const wanted = new URLSearchParams(location.search).get("ticker") ?? input.value;
  Object.assign(input, { maxLength: 15, autocomplete: "off", spellcheck: false });
  place("picker").replaceChildren(parts[0]);
  place("notice").append(parts[1]);
  if (wanted.toUpperCase() === input.value) show();
  else choose(wanted);
  if (typed !== null) { input.value = typed; input.focus(); }
  document.body.dataset.live = "connected";
  watchConnection();
  for (const part of parts.slice(2)) new MutationObserver(show).observe(part, { childList: true, subtree: true });
  return true;

  function show() {
    if (!place("view").contains(parts[2])) {
      const shown = parts[2].querySelector(".view").dataset.ticker;
      if (shown !== place("view").querySelector(".view").dataset.ticker && shown !== wanted.toUpperCase()) return;
      place("view").replaceChildren(parts[2]);
      place("overview").replaceChildren(parts[3]);
    }
    renew();
  }
}

function choose(ticker) {
  const input = document.querySelector("#picker input");
  input.value = ticker;
  for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
}

// --- what a reader chose stays when the tiles are drawn anew --------------------------------
const kept = { range: "1m", open: new Map() };

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
  document.title = `${view.dataset.ticker} · stockcast`;
  const url = new URL(location);
  url.searchParams.set("ticker", view.dataset.ticker);
  if (document.body.dataset.live === "connected") history.replaceState(null, "", url);
  const input = document.querySelector("#picker input");
  if (input !== document.activeElement) input.value = view.dataset.ticker;
  ages();
}

document.addEventListener("change", (event) => {
  if (event.target.name === "range") kept.range = event.target.value;
});
document.addEventListener("input", (event) => {
  if (event.target.id !== "position") return;
  for (const loss of document.querySelectorAll("output[for=position]"))
    loss.value = Math.round(event.target.value * loss.dataset.share).toLocaleString("en-US");
});
document.addEventListener("toggle", (event) => kept.open.set(event.target.id, event.target.open), true);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-ticker]");
  if (!link || document.body.dataset.live !== "connected" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  choose(link.dataset.ticker);
  window.scrollTo({ top: 0 });
});

// --- the live connection ----------------------------------------------------------------------
function kernel(path) {
  const { baseUrl, kernelId } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  return `${baseUrl}${path}/${kernelId}`;
}

function watchConnection() {
  addEventListener("pagehide", () => navigator.sendBeacon(kernel("voila/api/shutdown")));
  const timer = setInterval(async () => {
    const alive = await fetch(kernel("api/kernels")).then((answer) => answer.ok, () => false);
    if (alive) return;
    clearInterval(timer);
    document.body.dataset.live = "lost";
    place("notice").innerHTML = '<p class="sentence warn">The live connection has ended; <a href="">load the page again</a>.</p>';
  }, 10000);
}

// without it, choosing a ticker asks the server for another page
document.addEventListener("change", (event) => {
  if (document.body.dataset.live !== "lost" || !event.target.matches("#picker input")) return;
  location.search = new URLSearchParams({ ticker: event.target.value });
}, true);

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
if (document.body.dataset.live === "yes" && !adopt()) {
  const watch = new MutationObserver(() => adopt() && watch.disconnect());
  watch.observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] });
}
