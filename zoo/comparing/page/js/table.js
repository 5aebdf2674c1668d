// The table of runs: sorted by a click on a heading, filtered by the field above, with a tick that hides a run everywhere.

const sorting = { key: "rank", descending: false };
const FEW_METRICS = 6;

/** What a column shows: its heading, the value it is sorted by, its text, and which way is better (or neither). */
function columns() {
  const metrics = byId("all-metrics").checked ? facts.metrics : facts.metrics.slice(0, FEW_METRICS);
  const found = [{ key: "rank", title: "#", number: true, value: (run) => run.place_ + 1, text: String }];
  found.push({ key: "name", title: "Run", value: (run) => run.name, name: true });
  found.push(...metrics.slice(0, 1).map(metricColumn), ...settingsInOrder().map(settingColumn), ...metrics.slice(1).map(metricColumn));
  for (const [key, title, text] of [["seconds", "seconds", durationText], ["parameters", "parameters", countText]]) {
    if (runs.some((run) => run.costs[key] !== null)) found.push({ key, title, number: true, value: (run) => run.costs[key], text });
  }
  if (runs.some((run) => run.words.status && run.words.status !== "finished")) found.push({ key: "status", title: "status", value: (run) => run.words.status ?? null, text: (value) => value.replace(/_/g, " ") });
  if (groupNames.some((name) => !runs.some((run) => run.name === name))) found.push({ key: "group", title: "group", value: (run) => run.group, text: String });
  return found;
}

function metricColumn(metric) {
  const decimals = decimalsFor(runs.map((run) => run.values[metric]));
  return { key: metric, title: metric, number: true, metric, value: (run) => run.values[metric], text: (value) => metricText(value, decimals) };
}

function settingColumn(key) {
  const number = runs.every((run) => settingOf(run, key) === null || typeof settingOf(run, key) === "number");
  return { key: `setting ${key}`, title: key, number, setting: true, value: (run) => settingOf(run, key), text: settingText };
}

function heading(column) {
  const own = sorting.key === column.key;
  const button = make("button", { type: "button", className: "sort", title: own ? "Turn the order" : `Sort by ${column.title}` }, make("span", { textContent: column.title }), make("span", { className: "arrow", "aria-hidden": "true", textContent: own ? (sorting.descending ? "▼" : "▲") : "" }));
  button.addEventListener("click", () => {
    sorting.descending = own ? !sorting.descending : Boolean(column.metric && higher(column.metric));
    sorting.key = column.key;
    drawTable();
    byId("runs-table").querySelector(`th[data-key="${CSS.escape(column.key)}"] button`).focus();
  });
  const order = own ? (sorting.descending ? "descending" : "ascending") : "none";
  return make("th", { scope: "col", className: kindOfCell(column), "aria-sort": order, "data-key": column.key }, button);
}

const kindOfCell = (column) => [column.number && "number", column.name && "name", column.setting && "setting", column.metric === facts.metric && "main"].filter(Boolean).join(" ");

function cell(column, run, range) {
  const value = column.value(run);
  if (column.name) return make("th", { scope: "row", className: "name", title: run.place }, make("span", { className: "swatch", style: { "--swatch": runColour(run) } }), make("span", { textContent: value }));
  const text = value === null || value === undefined ? MISSING : column.text(value);
  const made = make("td", { className: kindOfCell(column), title: text.length > 40 ? text : null }, make("span", { textContent: short(text, 40) }));
  if (column.metric && range.best !== null && value === range.best) made.classList.add("best");
  if (column.metric === facts.metric && isFinite_(value) && range.high > range.low) {
    const share = (value - range.low) / (range.high - range.low);
    made.style.setProperty("--share", `${(8 + 92 * (higher(column.metric) ? share : 1 - share)).toFixed(1)}%`);
  }
  return made;
}

function rangeOf(column) {
  const values = column.metric ? runs.map((run) => run.values[column.metric]).filter(isFinite_) : [];
  return { low: Math.min(...values), high: Math.max(...values), best: column.metric ? bestOf(values, column.metric) : null };
}

function tick(run) {
  const box = make("input", { type: "checkbox", checked: !state.hidden.has(run.place_), "aria-label": `Show ${run.name}` });
  box.addEventListener("change", () => toggle(run));
  return make("td", { className: "tick" }, box);
}

function drawTable() {
  const found = columns();
  const by = found.find((column) => column.key === sorting.key) ?? found[0];
  const rows = listed().sort((one, other) => compareValues(by.value(one), by.value(other), sorting.descending) || one.place_ - other.place_);
  const ranges = new Map(found.map((column) => [column, rangeOf(column)]));
  const head = make("thead", {}, make("tr", {}, make("th", { scope: "col", className: "tick" }, make("span", { className: "unseen", textContent: "Shown" })), ...found.map(heading)));
  const body = make("tbody", {}, ...rows.map((run) => make("tr", { className: state.hidden.has(run.place_) ? "off" : "", "data-run": run.place_ }, tick(run), ...found.map((column) => cell(column, run, ranges.get(column))))));
  if (!rows.length) body.append(make("tr", {}, make("td", { className: "nothing", colSpan: found.length + 1, textContent: "No run passes the filter." })));
  const focused = document.activeElement?.closest?.("#runs-table tr[data-run]")?.dataset.run;
  byId("runs-table").replaceChildren(head, body);
  if (focused !== undefined) byId("runs-table").querySelector(`tr[data-run="${focused}"] input`)?.focus();
}

function prepareTable() {
  byId("all-metrics-choice").hidden = facts.metrics.length <= FEW_METRICS;
  byId("all-metrics").addEventListener("change", drawTable);
}
