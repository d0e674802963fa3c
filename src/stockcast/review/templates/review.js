"use strict";
// finding and sorting in tables; without it the pages show all there is
const find = document.getElementById("find");
if (find) {
  const rows = [...document.querySelectorAll("table[data-find] tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      shown += !row.hidden;
    });
    document.getElementById("found").textContent = `${shown} shown`;
  });
}
const key = (row, column) => {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim().replace(/,/g, "");
  const number = parseFloat(text);
  return text === "" ? null : /^[-+]?\d[\d.e%-]*$/.test(text) && !isNaN(number) ? number : text;
};
const compare = (a, b) =>
  a === null || b === null ? (a === null) - (b === null)
  : typeof a === typeof b && typeof a === "number" ? a - b : String(a).localeCompare(String(b));
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    head.parentElement.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [key(row, head.cellIndex), row]);
    rows.sort((x, y) => (down ? -1 : 1) * compare(x[0], y[0]));
    body.append(...rows.map((pair) => pair[1]));
  });
}
