// Shared by the pages. Everything from the record reaches the page as text, never as markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// The same as harness/text.py: what is hidden, or turns the direction of text, is written out.
function visible(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0);
    const short = { 10: "\\n", 13: "\\r", 9: "\\t" }[code];
    if (short) return short;
    const digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    return `\\${{ 2: "x", 4: "u", 8: "U" }[digits]}${code.toString(16).padStart(digits, "0")}`;
  });
}

// The same words as harness/report/facts/numbers.py.
const MISSING = "n/a";
const probability = (value) => (Number.isFinite(value) ? value.toFixed(3) : MISSING);
const count = (value) => value.toLocaleString("en-US");
const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

function difference(value) {
  if (!Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  const [digits, power] = value.toExponential(1).split("e").map(Number);
  if (power < -4 || power >= 2) return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return String(Number(value.toPrecision(2)));
}

function loss(value) {
  if (!Number.isFinite(value)) return MISSING;
  if (value === 0) return "0.000";
  const sign = value > 0 ? "+" : "-";
  return sign + (Math.abs(value) >= 0.001 ? Math.abs(value).toFixed(3) : difference(Math.abs(value)));
}

function className(label) {
  if (label === null || label < 0) return "none";
  return Object.hasOwn(DATA.names ?? {}, String(label)) ? DATA.names[label] : `class ${label}`;
}

// The network's number of a class, and the data set's where a background class makes the two differ.
function classNumber(label) {
  if (label === null || label < 0) return "";
  return DATA.background && label > 0 ? `network class ${label}, data set class ${label - 1}` : `class ${label}`;
}

function save(fileName, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: address, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// A spreadsheet takes some texts for formulas; the guard is that of harness/report/csv_table.py.
const quoted = (text) => `"${(/^[=+\-@\t\r\n\0']/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

// What a mark of a chart stands for, under the pointer.
const tip = make("div", { class: "tip", role: "tooltip", hidden: "" });
document.body.append(tip);
document.addEventListener("pointermove", (event) => {
  const mark = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.tip;
  const place = tip.getBoundingClientRect();
  const x = Math.min(event.clientX + 12, innerWidth - place.width - 8);
  const y = event.clientY + 18 + place.height > innerHeight ? event.clientY - place.height - 10 : event.clientY + 18;
  tip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
});

// Long values stand shortened beside a button that copies them whole.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const was = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.replaceWith(make("code", {}, button.dataset.copy)); // no clipboard: the whole value instead
      return;
    }
    setTimeout(() => { button.textContent = was; }, 1500);
  });
}
