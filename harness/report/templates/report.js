// One candidate is shown at a time; without a script all of them are.
function choose(place) {
  for (const part of document.querySelectorAll("[data-candidate]")) part.hidden = part.dataset.candidate !== String(place);
  const name = DATA.pairs[place] ? `: ${visible(DATA.models[DATA.pairs[place][1]])}` : "";
  for (const element of document.querySelectorAll("[data-candidate-name]")) element.textContent = name;
  galleryOf(place);
  tableOf(place);
}

startGallery();
byId("candidate")?.addEventListener("change", (event) => choose(Number(event.target.value)));
choose(0);
startTable().then(() => {
  tableOf(Number(byId("candidate")?.value ?? 0));
  document.documentElement.dataset.ready = "";
});
