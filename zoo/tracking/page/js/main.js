// The bar above everything, and the order in which the page comes to life: words and tables first, then charts.

function drawBar() {
  const passing = new Set(listed());
  byId("chips").replaceChildren(...kinds().map((kind) => chip(kind, runs.filter((run) => kindOf(run) === kind), passing)));
  const count = shown().length;
  byId("shown").textContent = count === runs.length ? `${plural(count, "run")} shown` : `${count} of ${plural(runs.length, "run")} shown`;
  byId("show-all").hidden = count === runs.length;
}

/** A button that hides or shows all runs of one colour; a second one would be needed for "only", so a double click does. */
function chip(kind, members, passing) {
  const on = members.some((run) => !state.hidden.has(run.place_));
  const button = make("button", { type: "button", className: `chip${members.some((run) => passing.has(run)) ? "" : " out"}`, title: `${kind}: ${on ? "hide" : "show"}; double-click for this alone`, "aria-pressed": String(on), "data-kind": kind }, make("span", { className: "swatch", style: { "--swatch": runColour(members[0]) } }), make("span", { textContent: short(kind, 40) }), members.length > 1 ? make("span", { className: "count", textContent: String(members.length) }) : null);
  return button;
}

/** On the box of chips, as a click draws its chips anew. */
function prepareChips() {
  const members = (event) => {
    const kind = event.target.closest(".chip")?.dataset.kind;
    return kind === undefined ? null : [kind, runs.filter((run) => kindOf(run) === kind)];
  };
  byId("chips").addEventListener("click", (event) => {
    const [kind, found] = members(event) ?? [];
    if (!found || event.detail > 1) return;
    const hide = found.some((run) => !state.hidden.has(run.place_));
    for (const run of found) state.hidden[hide ? "add" : "delete"](run.place_);
    changed();
    requestAnimationFrame(() => [...byId("chips").children].find((each) => each.dataset.kind === kind)?.focus());
  });
  byId("chips").addEventListener("dblclick", (event) => {
    const [, found] = members(event) ?? [];
    if (!found) return;
    state.hidden = new Set(runs.filter((run) => !found.includes(run)).map((run) => run.place_));
    changed();
  });
}

function prepareBar() {
  byId("bar").hidden = runs.length < 2;
  byId("runs-section").hidden = !runs.length;
  const options = colourings();
  fill(byId("colour-by"), options, "group");
  byId("colour-by").closest("label").hidden = options.length < 2;
  byId("colour-by").addEventListener("input", () => { state.by = byId("colour-by").value; changed(); });
  byId("filter").addEventListener("input", () => { state.filter = byId("filter").value; changed(); });
  byId("show-all").addEventListener("click", showAll);
  prepareChips();
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
