// Runs: the charts' axis, and any two runs side by side.
function showAxis() {
  const axis = document.querySelector("input[name=axis]:checked")?.value;
  for (const chart of document.querySelectorAll("[data-axis]")) chart.hidden = chart.dataset.axis !== axis;
}

const chosen = [];

function showComparison() {
  byId("compare").hidden = chosen.length !== 2;
  if (chosen.length !== 2) return;
  const [one, other] = [...chosen].sort((a, b) => a - b).map((place) => DATA.runs[place]);
  const [before, after] = [new Map(one.figures), new Map(other.figures)];
  const rows = [...new Set([...before.keys(), ...after.keys()])]
    .map((name) => ({ name, before: before.get(name) ?? "none", after: after.get(name) ?? "none" }))
    .filter((row) => byId("all-rows").checked || row.before !== row.after);
  const head = (text) => make("th", { scope: "col" }, text);
  byId("compare-head").replaceChildren(head("what"), head(one.name), head(other.name));
  byId("compare-rows").replaceChildren(
    ...rows.map((row) =>
      make("tr", { class: row.before === row.after ? null : "other" }, make("th", { scope: "row" }, row.name), make("td", {}, row.before), make("td", {}, row.after)),
    ),
  );
  if (!rows.length) byId("compare-rows").append(make("tr", {}, make("td", { colspan: 3 }, "Nothing differs.")));
}

function choose(box) {
  const place = Number(box.value);
  if (box.checked) chosen.push(place);
  else chosen.splice(chosen.indexOf(place), 1);
  while (chosen.length > 2) {
    const dropped = chosen.shift();
    document.querySelector(`.choose[value="${dropped}"]`).checked = false;
  }
  showComparison();
  if (chosen.length === 2) {
    byId("compare").scrollIntoView({ block: "start" });
    byId("compare-title").focus({ preventScroll: true });
  }
}

for (const box of document.querySelectorAll(".choose")) {
  box.checked = false;
  box.addEventListener("change", () => choose(box));
}
for (const radio of document.querySelectorAll("input[name=axis]")) radio.addEventListener("change", showAxis);
byId("all-rows").addEventListener("change", showComparison);
byId("clear").addEventListener("click", () => {
  chosen.length = 0;
  for (const box of document.querySelectorAll(".choose:checked")) box.checked = false;
  showComparison();
});
// A click on a column's head sorts the runs of that configuration; what is not known comes last.
function sortBy(head) {
  const table = head.closest("table");
  const place = [...head.parentElement.children].indexOf(head);
  const rising = head.getAttribute("aria-sort") !== "ascending";
  const key = (row) => row.children[place].dataset.sort ?? "";
  const order = (one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    const difference = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en") : x - y;
    return rising ? difference : -difference;
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
}

for (const button of document.querySelectorAll(".sortable th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
showAxis();
document.documentElement.dataset.ready = "";
