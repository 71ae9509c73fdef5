// All images: unpacked once, then sorted, searched and saved without a round trip.
const ROWS_A_PAGE = 50;
const images = { ready: false, pair: 0, order: [], page: 0, sort: null, falling: false };

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function unpack(table) {
  const [packed, ids] = await Promise.all([inflated(table.packed), inflated(table.ids)]);
  images.ids = JSON.parse(new TextDecoder().decode(ids));
  images.columns = {};
  let offset = 0;
  for (const [name, bytes] of table.columns) {
    const view = new DataView(packed, offset, bytes * table.shown);
    const read = { top1: whole, confidence: share, label: name === "label" ? whole : share, difference: upperHalf, near_tie: whole }[name.split(".").pop()];
    images.columns[name] = Float64Array.from({ length: table.shown }, (_, row) => read(view, row, bytes));
    offset += bytes * table.shown;
  }
}

function whole(view, row, bytes) {
  const value = bytes === 2 ? view.getUint16(2 * row, true) : view.getUint32(4 * row, true);
  return value === 2 ** (8 * bytes) - 1 ? -1 : value;
}

function share(view, row) {
  const value = view.getUint16(2 * row, true);
  return value === 65535 ? NaN : value / 65534;
}

const half = new DataView(new ArrayBuffer(4));
function upperHalf(view, row) {
  half.setUint32(0, view.getUint16(2 * row, true) * 65536);
  return half.getFloat32(0);
}

function kindOf(row) {
  const [before, after] = DATA.pairs[images.pair].map((model) => images.columns[`${model}.top1`][row]);
  const label = images.columns.label[row];
  if (before === after) return "same";
  return before === label ? "broken" : after === label ? "fixed" : "changed";
}

// Columns of the table: heading, value to sort by, text, and what the CSV holds (by default the value).
function tableColumns() {
  const value = (model, name) => (row) => images.columns[`${model}.${name}`][row];
  const ofLabel = (label) => ({ value: (row) => label(row), text: (row) => className(label(row)), csv: (row) => label(row) });
  const image = { head: "image", value: (row) => images.ids[row], text: (row) => visible(images.ids[row]), mono: true };
  const columns = [image, { head: "label", ...ofLabel((row) => images.columns.label[row]) }];
  const pair = DATA.pairs[images.pair];
  const models = pair ?? DATA.models.map((_, place) => place);
  for (const model of models) {
    const name = visible(DATA.models[model]);
    columns.push({ head: `${name} Top-1`, ...ofLabel(value(model, "top1")) });
    columns.push({ head: `${name} confidence`, value: value(model, "confidence"), form: probability });
    columns.push({ head: `${name} p(label)`, value: value(model, "label"), form: probability });
  }
  if (pair) {
    const lost = (row) => value(pair[0], "label")(row) - value(pair[1], "label")(row);
    columns.push({ head: "loss", value: lost, form: loss, falling: true });
    columns.push({ head: "max |Δp|", value: value(pair[1], "difference"), form: difference, falling: true });
    columns.push({ head: "change", value: kindOf, text: (row) => kindWords(kindOf(row), kindOf(row) !== "same" && value(pair[1], "near_tie")(row) === 1) });
  }
  return columns;
}

function compare(one, other) {
  if (typeof one === "string") return one < other ? -1 : one > other ? 1 : 0;
  return one - other;
}

function arrange() {
  const words = byId("find").value.trim().toLowerCase();
  const kind = byId("row-kind").value;
  const found = [];
  for (let row = 0; row < images.ids.length; row++) {
    if (kind && DATA.pairs.length && kindOf(row) !== kind) continue;
    if (words && !textOf(row).includes(words)) continue;
    found.push(row);
  }
  const column = images.columnsShown[images.sort];
  if (column) {
    const values = new Map(found.map((row) => [row, column.value(row)]));
    const turn = images.falling ? -1 : 1;
    const gone = (value) => typeof value === "number" && Number.isNaN(value);
    found.sort((a, b) => {
      const [one, other] = [values.get(a), values.get(b)];
      if (gone(one) || gone(other)) return gone(one) - gone(other) || a - b;
      return turn * compare(one, other) || a - b;
    });
  }
  images.order = found;
  images.page = 0;
  showRows();
}

function textOf(row) {
  const guessed = (DATA.pairs[images.pair] ?? []).map((model) => className(images.columns[`${model}.top1`][row]));
  return [images.ids[row], className(images.columns.label[row]), ...guessed].join("\n").toLowerCase();
}

function showHead() {
  const heads = images.columnsShown.map((column, place) => {
    const turn = place === images.sort ? (images.falling ? "descending" : "ascending") : null;
    const button = make("button", { type: "button", onclick: () => sortBy(place) }, column.head);
    return make("th", { scope: "col", class: column.form ? "number" : null, "aria-sort": turn }, button);
  });
  byId("row-head").replaceChildren(...heads);
}

function sortBy(place) {
  images.falling = images.sort === place ? !images.falling : Boolean(images.columnsShown[place].falling);
  images.sort = place;
  showHead();
  byId("row-head").children[place].firstChild.focus();
  arrange();
}

function showRows() {
  const start = images.page * ROWS_A_PAGE;
  const rows = images.order.slice(start, start + ROWS_A_PAGE);
  const cell = (column, row) => {
    const text = column.form ? column.form(column.value(row)) : column.text(row);
    return make("td", { class: column.form ? "number" : column.mono ? "mono name" : "name" }, text);
  };
  byId("rows").replaceChildren(...rows.map((row) => make("tr", {}, ...images.columnsShown.map((column) => cell(column, row)))));
  const range = rows.length ? `${count(start + 1)} to ${count(start + rows.length)} of ` : "";
  byId("row-count").textContent = `${range}${plural(images.order.length, "image")}`;
  byId("page-back").disabled = images.page === 0;
  byId("page-on").disabled = start + ROWS_A_PAGE >= images.order.length;
}

function saveCsv() {
  const columns = images.columnsShown;
  const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "");
  const cell = (column, row) => {
    const value = (column.csv ?? column.value)(row);
    return typeof value === "number" ? number(value) : quoted(value);
  };
  const lines = [columns.map((column) => quoted(column.head)).join(",")];
  for (const row of images.order) lines.push(columns.map((column) => cell(column, row)).join(","));
  save(`${DATA.name.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 80)}.csv`, `${lines.join("\n")}\n`);
}

async function startTable() {
  if (!byId("rows")) return;
  await unpack(DATA.table);
  images.ready = true;
  const { images: total, shown } = DATA.table;
  byId("table-part").textContent = shown < total ? `This page carries the ${count(shown)} of ${count(total)} images that differ most; predictions.parquet has all.` : "Probabilities are rounded; predictions.parquet has the exact figures.";
  let waiting;
  byId("find").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(arrange, 120);
  });
  byId("row-kind").addEventListener("change", arrange);
  byId("csv").addEventListener("click", saveCsv);
  for (const [id, step] of [["page-back", -1], ["page-on", 1]]) {
    byId(id).addEventListener("click", () => {
      images.page += step;
      showRows();
    });
  }
}

function tableOf(pair) {
  if (!images.ready) return;
  images.pair = pair;
  images.columnsShown = tableColumns();
  images.sort = images.columnsShown.findIndex((column) => column.head === "loss");
  images.falling = true;
  showHead();
  arrange();
}
