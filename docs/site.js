// Tables that are wider than a phone scroll; a keyboard can scroll only what it can reach.
window.addEventListener("load", () => {
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
    table.tabIndex = 0;
  }
});
