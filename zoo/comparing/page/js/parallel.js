// Parallel coordinates: each run a line from its settings to its result. Ranges dragged along an axis filter the page.

const MOST_AXES = 7;
const LOG_FROM = 50; // the largest over the smallest value from which an axis is logarithmic
const UNSET = -0.13; // where runs stand that lack the value

/** Settings that differ (the seed only where nothing else does), then the metric; those unticked left out. */
function parallelKeys() {
  const settings = facts.differences.filter((key) => key !== SEED);
  return [...(settings.length ? settings : facts.differences), "parameters", "seconds"].filter((key) => !["parameters", "seconds"].includes(key) || new Set(runs.map((run) => run.costs[key])).size > 1);
}

const chosenAxes = () => [...byId("parallel-axes").querySelectorAll("input:checked")].map((box) => box.value);

const valueOn = (run, key) => (key === facts.metric ? run.values[key] : ["parameters", "seconds"].includes(key) ? run.costs[key] : settingOf(run, key));

/** An axis: `at(value)` is 0 to 1, `ticks` are [place, label]. */
function axisOf(key) {
  const values = runs.map((run) => valueOn(run, key)).filter((value) => value !== null && !(typeof value === "number" && !Number.isFinite(value)));
  return values.length && values.every((value) => typeof value === "number") ? numberAxis(key, values) : wordAxis(key, values);
}

function numberAxis(key, values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low >= LOG_FROM;
  const scale = log ? Math.log10 : (value) => value;
  const width = scale(high) - scale(low);
  const at = (value) => (!isFinite_(value) ? UNSET : width ? (scale(value) - scale(low)) / width : 0.5);
  const distinct = [...new Set(values)].sort((one, other) => one - other);
  let marks = distinct;
  if (distinct.length > 6 || distinct.some((value, place) => place && at(value) - at(distinct[place - 1]) < 0.05)) marks = log ? powersOfTen(low, high) : [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  return { key, at, log, ticks: marks.map((value) => [at(value), numberLabel(key, value, [low, high], distinct.includes(value))]) };
}

function numberLabel(key, value, range, exact) {
  if (key === "seconds") return durationText(value);
  if (key === "parameters") return countText(Math.round(value));
  if (key === facts.metric) return metricText(value, decimalsFor(range));
  return exact ? settingText(value) : String(Number(value.toPrecision(3)));
}

/** The ends, and the powers of ten between that are not too near to them. */
function powersOfTen(low, high) {
  const width = Math.log10(high / low);
  const inside = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power++) {
    const value = Number(`1e${power}`);
    if (Math.log10(value / low) > 0.07 * width && Math.log10(high / value) > 0.07 * width) inside.push(value);
  }
  return [low, ...inside, high];
}

function wordAxis(key, values) {
  const words = [...new Set(values.map(settingText))].sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  const places = new Map(words.map((word, place) => [word, words.length === 1 ? 0.5 : place / (words.length - 1)]));
  const every = Math.ceil(words.length / 14);
  return { key, log: false, at: (value) => (value === null ? UNSET : places.get(settingText(value)) ?? UNSET), ticks: words.filter((_, place) => place % every === 0).map((word) => [places.get(word), word]) };
}

function resultColour(run, axis) {
  const at = axis.at(run.values[facts.metric]);
  if (at === UNSET) return cssColour("--line-strong");
  const share = higher(facts.metric) ? at : 1 - at;
  const scale = resultScale();
  const place = Math.max(1, scale.findIndex(([stop]) => stop >= share));
  const [[from, one], [to, other]] = [scale[place - 1], scale[place]];
  const mix = (share - from) / (to - from);
  const part = (colour, start) => parseInt(colour.slice(start, start + 2), 16);
  return `rgb(${[1, 3, 5].map((start) => Math.round(part(one, start) * (1 - mix) + part(other, start) * mix)).join(",")})`;
}

function lineOf(run, axes, colour, passes) {
  const at = axes.map((axis) => axis.at(valueOn(run, axis.key)));
  return {
    type: "scatter", mode: "lines+markers", x: axes.map((_, place) => place), y: at, meta: run.place_, opacity: passes ? 0.85 : 0.12,
    line: { color: colour, width: run === best ? 3.5 : 1.6, shape: "spline", smoothing: 0.35 },
    marker: { color: colour, size: run === best ? 8 : 5 },
    text: axes.map((axis) => `<b>${plain(short(run.name, 60))}</b><br>` + plain(`${axis.key} = ${axis.key === facts.metric ? metricText(run.values[axis.key], metricDecimals) : settingText(valueOn(run, axis.key))}`)),
    hovertemplate: "%{text}<extra></extra>",
    selected: { marker: { opacity: 1 } }, unselected: { marker: { opacity: 1 } },
  };
}

function drawParallel() {
  const keys = [...chosenAxes(), facts.metric];
  const axes = keys.map(axisOf);
  const candidates = runs.filter((run) => !state.hidden.has(run.place_) && conditions().every((check) => check(run)));
  const passing = new Set(shown());
  const byResult = byId("parallel-colour").value === "metric";
  const ordered = [...candidates].sort((one, other) => Number(passing.has(one)) - Number(passing.has(other)) || other.place_ - one.place_); // the best on top
  const traces = ordered.map((run) => lineOf(run, axes, byResult ? resultColour(run, axes[axes.length - 1]) : runColour(run), passing.has(run)));
  const note = (x, y, text, more) => ({ x, y, xref: "x", yref: "y", text: plain(text), showarrow: false, ...more });
  const ticks = axes.flatMap((axis, place) => axis.ticks.map(([at, label]) => note(place, at, short(label, 16), { xanchor: "left", xshift: 7, font: { size: 11, color: cssColour("--text") }, bgcolor: cssColour("--veil"), borderpad: 1 })));
  const unset = axes.flatMap((axis, place) => (candidates.some((run) => axis.at(valueOn(run, axis.key)) === UNSET) ? [note(place, UNSET, "not set", { xanchor: "left", xshift: 7, font: { size: 11, color: cssColour("--soft") }, bgcolor: cssColour("--veil") })] : []));
  const titles = axes.map((axis, place) => note(place, 1.1, short(axis.key, 22) + (axis.log ? " (log)" : ""), { xanchor: place === 0 ? "left" : place === axes.length - 1 ? "right" : "center", xshift: place === 0 ? -8 : place === axes.length - 1 ? 8 : 0, font: { size: 12, color: cssColour("--text"), weight: 600 } }));
  const chart = byId("parallel-chart");
  chart.style.minWidth = printing ? "0" : `${Math.max(axes.length * 118, 300)}px`;
  draw(chart, traces, look(400, {
    xaxis: { range: [-0.08, axes.length - 1 + (axes.length > 1 ? 0.42 : 0.5)], visible: false, fixedrange: true, automargin: false },
    yaxis: { range: [-0.2, 1.18], visible: false, fixedrange: true, automargin: false },
  }, {
    margin: { l: 12, r: 12, t: 8, b: 8 }, dragmode: "select", selections: [],
    annotations: [...ticks, ...unset, ...titles],
    shapes: axes.flatMap((axis, place) => [
      { type: "line", x0: place, x1: place, y0: 0, y1: 1, line: { color: cssColour("--line-strong"), width: 1.5 }, layer: "below" },
      ...(state.brushed[axis.key] ? [{ type: "rect", x0: place - 0.04, x1: place + 0.04, y0: state.brushed[axis.key].from, y1: state.brushed[axis.key].to, line: { color: cssColour("--accent"), width: 1 }, fillcolor: cssColour("--accent"), opacity: 0.3 }] : []),
    ]),
  }), { doubleClick: false });
  listen(chart, "plotly_selected", (event) => event?.range && brush(event.range));
  listen(chart, "plotly_click", (event) => toggle(runs[event.points[0].data.meta]));
}

/** Keeps the runs in a dragged box, on the axes that it covers or the nearest one. */
function brush({ x, y }) {
  const keys = [...chosenAxes(), facts.metric];
  const [left, right] = [Math.min(...x), Math.max(...x)];
  let places = keys.map((_, place) => place).filter((place) => place >= left && place <= right);
  if (!places.length) places = [Math.min(keys.length - 1, Math.max(0, Math.round((left + right) / 2)))];
  for (const place of places) {
    const axis = axisOf(keys[place]);
    const [from, to] = [Math.max(-0.18, Math.min(...y)), Math.min(1.02, Math.max(...y))];
    const check = (run) => axis.at(valueOn(run, axis.key)) >= from && axis.at(valueOn(run, axis.key)) <= to;
    state.brushed[axis.key] = Object.assign(check, { from, to });
  }
  changed();
}

function unbrush() {
  state.brushed = {};
  changed();
}

function prepareParallel() {
  const keys = parallelKeys();
  byId("parallel-section").hidden = runs.length < 2 || !scored.length || !keys.length;
  if (byId("parallel-section").hidden) return false;
  byId("parallel-axes").replaceChildren(...keys.map((key, place) => make("label", {}, make("input", { type: "checkbox", value: key, checked: place < MOST_AXES && (key !== "seconds" || place < 4) }), ` ${key}`)));
  byId("parallel-colour").value = groupNames.length > 8 ? "metric" : "chips";
  byId("parallel-chart").addEventListener("dblclick", unbrush);
  for (const id of ["parallel-axes", "parallel-colour"]) byId(id).addEventListener("change", drawParallel);
  return true;
}
