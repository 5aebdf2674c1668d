// The bar above everything, and the order in which the page comes to life: words and tables first, then charts.

const MOST_KINDS = 12; // groups up to which each has its colour from the start

function drawBar() {
  drawChips();
  const count = shown().length;
  byId("shown").textContent = count === runs.length ? `${plural(count, "run")} shown` : `${count} of ${plural(runs.length, "run")} shown`;
  byId("show-all").hidden = count === runs.length;
}

/** Chips stay where they are while their kinds do: a double click must find the same button twice. */
function drawChips() {
  const names = kinds();
  const box = byId("chips");
  if (JSON.stringify([...box.children].map((each) => each.dataset.kind)) !== JSON.stringify(names)) box.replaceChildren(...names.map(chip));
  const passing = new Set(listed());
  for (const button of box.children) {
    const members = membersOf(button.dataset.kind);
    const on = members.some((run) => !state.hidden.has(run.place_));
    button.title = `${button.dataset.kind}: ${on ? "hide" : "show"}; double-click for this alone`;
    button.setAttribute("aria-pressed", String(on));
    button.classList.toggle("out", !members.some((run) => passing.has(run)));
    button.firstChild.style.setProperty("--swatch", runColour(members[0]));
  }
}

const membersOf = (kind) => runs.filter((run) => kindOf(run) === kind);

/** A button that hides or shows all runs of one colour; a double click shows them alone. */
function chip(kind) {
  const count = membersOf(kind).length;
  const button = make("button", { type: "button", className: "chip", "data-kind": kind }, make("span", { className: "swatch" }), make("span", { textContent: short(kind, 40) }), count > 1 ? make("span", { className: "count", textContent: String(count) }) : null);
  button.addEventListener("click", (event) => {
    const own = membersOf(kind);
    if (event.detail === 2) state.hidden = new Set(runs.filter((run) => !own.includes(run)).map((run) => run.place_));
    else {
      const hide = own.some((run) => !state.hidden.has(run.place_));
      for (const run of own) state.hidden[hide ? "add" : "delete"](run.place_);
    }
    changed();
  });
  return button;
}

function prepareBar() {
  byId("bar").hidden = runs.length < 2;
  byId("runs-section").hidden = !runs.length;
  const options = colourings();
  if (groupNames.length > MOST_KINDS) state.by = options.find(([by]) => by.startsWith("setting "))?.[0] ?? "group";
  fill(byId("colour-by"), options, state.by);
  byId("colour-by").closest("label").hidden = options.length < 2;
  byId("colour-by").addEventListener("change", () => { state.by = byId("colour-by").value; changed(); });
  byId("filter").addEventListener("input", () => { state.filter = byId("filter").value; changed(); });
  byId("show-all").addEventListener("click", showAll);
}

function redraw() {
  for (const section of sections) section();
}

async function start() {
  prepareBar();
  prepareTable();
  prepareConfig();
  sections.push(drawHeadline, drawBar, drawTable, drawGroups, drawConfig);
  for (const [prepare, section] of [[prepareCurves, drawCurves], [preparePairs, drawPairs], [prepareParallel, drawParallel], [prepareMistakes, drawMistakes]]) if (prepare()) sections.push(section);
  redraw();
  try {
    await unpackCharts();
  } catch (error) {
    document.body.prepend(make("p", { className: "warning", textContent: "The charts need a newer browser (of 2023 or later); the tables are complete." }));
    return;
  }
  redraw();
  darkness.addEventListener("change", redraw);
  for (const [event, value] of [["beforeprint", true], ["afterprint", false]]) window.addEventListener(event, () => { printing = value; redraw(); });
  document.documentElement.dataset.ready = "yes";
}

start();
