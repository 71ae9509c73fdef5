// The flips: pictures and both models' best classes, filtered by candidate, kind of change and class.
const STEP = 12;
const gallery = { shown: STEP, pair: 0 };
const KIND_WORDS = { broken: "broken", fixed: "fixed", changed: "changed, both wrong", same: "no change" };

const kindWords = (kind, nearTie) => KIND_WORDS[kind] + (nearTie ? ", near-tie" : "");

function picture(card) {
  const known = Object.hasOwn(DATA.pictures, card.id) ? DATA.pictures[card.id] : null;
  const inside = known
    ? make("img", { src: known[0], alt: "", width: 128, height: 128, decoding: "async" })
    : make("span", {}, "image not available");
  const name = `${visible(card.id)}: ${className(card.label)}; show the model input`;
  return make("button", { type: "button", class: "picture", "aria-label": name, onclick: () => show(card) }, inside);
}

function guesses(found, label, title, kind) {
  const rows = found.map(([guess, value]) =>
    make(
      "li",
      { class: guess === label ? "true" : null },
      make("span", { title: className(guess) }, className(guess)),
      drawn("svg", { class: `of-${kind}`, height: 8, "aria-hidden": "true" }, drawn("rect", { width: `${(100 * value).toFixed(1)}%`, height: 8 })),
      make("span", { class: "number" }, probability(value)),
    ),
  );
  const list = rows.length ? make("ol", { class: `of-${kind}` }, ...rows) : make("p", { class: "small" }, "no prediction");
  return make("div", {}, make("h4", {}, title), list);
}

function both(card) {
  return make(
    "div",
    { class: "guesses" },
    guesses(card.before, card.label, visible(card.reference), "reference"),
    guesses(card.after, card.label, visible(card.candidate), "candidate"),
  );
}

function cardOf(card) {
  const title = make(
    "div",
    { class: "title" },
    make("h3", { title: classNumber(card.label) }, className(card.label)),
    make("span", { class: `chip ${card.kind}` }, `${kindWords(card.kind, card.nearTie)}, loss ${loss(card.loss ?? NaN)}`),
  );
  return make("li", { class: "flip" }, title, picture(card), both(card), make("p", { class: "file mono" }, visible(card.id)));
}

const cardsOfPair = () => {
  const candidate = DATA.models[DATA.pairs[gallery.pair]?.[1]];
  return DATA.cards.filter((card) => card.candidate === candidate);
};

function showCards() {
  const kind = byId("flip-kind").value;
  const label = byId("flip-class").value;
  const all = cardsOfPair();
  const chosen = all.filter((card) => (!kind || card.kind === kind) && (!label || String(card.label) === label));
  byId("cards").replaceChildren(...chosen.slice(0, gallery.shown).map(cardOf));
  const more = chosen.length > gallery.shown ? `, ${gallery.shown} shown` : "";
  byId("flip-count").textContent = `${plural(chosen.length, "image")} of ${count(all.length)} on this page${more}; largest loss of the label's probability first.`;
  byId("more-cards").hidden = chosen.length <= gallery.shown;
}

function showClasses() {
  const labels = [...new Set(cardsOfPair().map((card) => card.label))];
  labels.sort((one, other) => className(one).localeCompare(className(other), "en", { numeric: true }));
  const all = make("option", { value: "" }, "all");
  byId("flip-class").replaceChildren(all, ...labels.map((label) => make("option", { value: label }, className(label))));
}

// The first screen: what the worst candidate lost most.
function showStrip() {
  const worst = DATA.cards.filter((card) => card.candidate === DATA.models[DATA.pairs[0]?.[1]]).slice(0, 6);
  const item = (card) => {
    const guess = card.after.length ? className(card.after[0][0]) : "none";
    return make("li", {}, picture(card), make("b", {}, make("span", { title: className(card.label) }, className(card.label))), make("span", { title: guess }, `→ ${guess}`));
  };
  byId("strip")?.replaceChildren(...worst.map(item));
}

function show(card) {
  const known = Object.hasOwn(DATA.pictures, card.id) ? DATA.pictures[card.id] : [];
  const exact = known.length > 1;
  const image = known.length ? make("img", { src: known[known.length - 1], alt: `${visible(card.id)}, as prepared for the models` }) : make("p", { class: "picture" }, "image not available");
  const words = exact
    ? "The exact pixels after decode, crop and resize, before the colour order, mean and scale of each model."
    : known.length
      ? "A smaller, compressed copy: the page's size leaves room for the exact pixels of the largest losses only."
      : "The image could not be read when this page was made.";
  const fed = [card.reference, card.candidate].flatMap((model) => [
    make("dt", {}, `input of ${visible(model)}`),
    make("dd", {}, Object.hasOwn(DATA.contracts, model) ? DATA.contracts[model] : "not recorded"),
  ]);
  const close = make("button", { type: "button", class: "button close", onclick: () => byId("dialog").close() }, "Close");
  const facts = make("div", {}, close, make("h2", { id: "dialog-title" }, className(card.label)), make("p", { class: "small muted" }, classNumber(card.label)), make("p", { class: "mono small" }, visible(card.id)), make("dl", {}, ...fed), both(card));
  const side = make("div", {}, image, make("p", { class: "small muted", id: "dialog-words" }, words));
  byId("dialog").replaceChildren(make("div", { class: "shown" }, side, facts));
  byId("dialog").showModal();
}

function startGallery() {
  byId("dialog").addEventListener("click", (event) => event.target === byId("dialog") && byId("dialog").close());
  showStrip();
  if (!byId("cards")) return;
  for (const id of ["flip-kind", "flip-class"]) {
    byId(id).addEventListener("change", () => {
      gallery.shown = STEP;
      showCards();
    });
  }
  byId("more-cards").addEventListener("click", () => {
    gallery.shown += STEP;
    showCards();
    byId("cards").children[gallery.shown - STEP]?.querySelector("button").focus();
  });
}

function galleryOf(pair) {
  if (!byId("cards")) return;
  Object.assign(gallery, { pair, shown: STEP });
  showClasses();
  showCards();
}
