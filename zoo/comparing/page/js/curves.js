// Learning curves laid over each other: runs thin, the mean of those of one colour with a band.

const AXES = [["step", "step"], ["epoch", "epoch"], ["samples_seen", "samples seen"], ["seconds", "seconds"]];
const GRID = 200; // places at which means are taken

/** Metrics that have a curve, those measured on val rows first. */
function curveMetrics() {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.curves.metrics)))];
  const rank = (name) => (name.startsWith("val/") ? 0 : name.startsWith("train/") ? 1 : 2);
  return names.sort((one, other) => rank(one) - rank(other) || one.localeCompare(other, "en"));
}

/** The curve of a run: x and y, null where it is not finite; rows without that axis are left out. */
function curve(run, metric, axis) {
  const [rows, values] = run.curves.metrics[metric] ?? [[], []];
  const places = run.curves.axes[axis] ?? [];
  const x = [], y = [];
  rows.forEach((row, place) => {
    const at = toNumber(places[row] ?? null);
    if (!isFinite_(at)) return;
    const value = toNumber(values[place]);
    x.push(at);
    y.push(isFinite_(value) ? value : null);
  });
  return { x, y };
}

/** Exponential moving average with its start corrected; gaps stay gaps. */
function smoothed(values, weight) {
  if (!weight) return values;
  let mean = 0, total = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return mean / total;
  });
}

/** The value of a curve at a place between its points; null outside of it or beside a gap. */
function valueAt(line, at) {
  let low = 0, high = line.x.length - 1;
  if (high < 0 || at < line.x[low] || at > line.x[high]) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (line.x[middle] <= at) low = middle;
    else high = middle;
  }
  if (line.y[low] === null || line.y[high] === null) return null;
  const width = line.x[high] - line.x[low];
  return width ? line.y[low] + ((line.y[high] - line.y[low]) * (at - line.x[low])) / width : line.y[high];
}

/** Mean and sample standard deviation of several curves, where at least two of them are. */
function band(lines) {
  const ends = lines.flatMap((line) => [line.x[0], line.x[line.x.length - 1]]);
  const [start, end] = [Math.min(...ends), Math.max(...ends)];
  const longest = lines.reduce((one, other) => (other.x.length > one.x.length ? other : one));
  const places = longest.x.length <= GRID ? longest.x : Array.from({ length: GRID }, (_, place) => start + ((end - start) * place) / (GRID - 1));
  const found = { x: [], mean: [], low: [], high: [] };
  for (const at of places) {
    const values = lines.map((line) => valueAt(line, at)).filter(isFinite_);
    if (values.length < 2) continue;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
    found.x.push(at);
    found.mean.push(mean);
    found.low.push(mean - std);
    found.high.push(mean + std);
  }
  return found;
}

function runTrace(run, line, metric, axis, faint) {
  const alone = line.x.length === 1;
  return {
    type: "scatter", mode: alone ? "markers" : "lines", x: line.x, y: line.y, name: plain(run.name), meta: run.place_,
    line: { color: runColour(run), width: faint ? 1 : 1.8, dash: runDash(run) },
    marker: { color: runColour(run), size: 8 },
    opacity: faint ? 0.45 : runs.length > 12 ? 0.75 : 1,
    hovertemplate: `<b>%{fullData.name}</b><br>${plain(metric)} %{y:.6~g}<br>${plain(axis.replace("_", " "))} %{x:.6~g}<extra></extra>`,
  };
}

function bandTraces(kind, members, metric, axis) {
  const lines = members.map(([, line]) => line).filter((line) => line.x.length > 1);
  if (lines.length < 2) return [];
  const { x, mean, low, high } = band(lines);
  const colour = runColour(members[0][0]);
  return [
    { type: "scatter", mode: "lines", x: [...x, ...x.slice().reverse()], y: [...high, ...low.slice().reverse()], fill: "toself", fillcolor: withOpacity(colour, 0.16), line: { width: 0 }, hoverinfo: "skip" },
    { type: "scatter", mode: "lines", x, y: mean, name: plain(kind), line: { color: colour, width: 3, dash: runDash(members[0][0]) }, hovertemplate: `<b>%{fullData.name}</b>, mean of ${lines.length}<br>${plain(metric)} %{y:.6~g}<br>${plain(axis.replace("_", " "))} %{x:.6~g}<extra></extra>` },
  ];
}

function drawCurves() {
  const metric = byId("curve-metric").value;
  const axis = byId("curve-axis").value;
  const lines = shown().map((run) => {
    const line = curve(run, metric, axis);
    return [run, { x: line.x, y: smoothed(line.y, Number(byId("curve-smooth").value)) }];
  }).filter(([, line]) => line.x.length);
  const banded = byId("curve-band").checked;
  const traces = lines.map(([run, line]) => runTrace(run, line, metric, axis, banded && lines.some(([other]) => other !== run && kindOf(other) === kindOf(run))));
  if (banded) for (const kind of kinds()) {
    const members = lines.filter(([run]) => kindOf(run) === kind);
    if (members.length) traces.push(...bandTraces(kind, members, metric, axis));
  }
  const title = AXES.find(([name]) => name === axis)?.[1] ?? axis;
  const log = byId("curve-log").checked;
  draw(byId("curves-chart"), traces, look(420, {
    xaxis: { title: { text: title, standoff: 8 }, zeroline: false, rangemode: "tozero" },
    yaxis: { title: { text: plain(metric), standoff: 8 }, zeroline: false, type: log ? "log" : "linear", exponentformat: "power" },
  }, { ...(lines.length ? {} : emptyHint("No run shown has this curve")), margin: { l: 56, r: 16, t: 34, b: 44 }, uirevision: `${metric} ${axis} ${log}` }), WITH_BUTTONS);
  listen(byId("curves-chart"), "plotly_click", (event) => {
    const place = event.points[0].data.meta;
    if (place !== undefined) toggle(runs[place]);
  });
}

function prepareCurves() {
  const metrics = curveMetrics();
  byId("curves-section").hidden = !metrics.length;
  if (!metrics.length) return false;
  const wanted = facts.metric.replace(/^(best\/)?(test|val)\//, "val/");
  fill(byId("curve-metric"), metrics.map((name) => [name, name]), metrics.includes(wanted) ? wanted : metrics[0]);
  const axes = AXES.filter(([axis]) => runs.some((run) => (run.curves.axes[axis] ?? []).some((value) => value !== null)));
  fill(byId("curve-axis"), axes, axes.some(([axis]) => axis === "epoch") && axes.length > 1 ? defaultAxis(axes) : axes[0]?.[0]);
  byId("curve-band").checked = severalSeeds;
  byId("curve-band").closest("label").hidden = !severalSeeds && colourings().length < 2;
  for (const id of ["curve-metric", "curve-axis", "curve-band", "curve-log", "curve-smooth"]) byId(id).addEventListener(id === "curve-smooth" ? "input" : "change", drawCurves);
  return true;
}

/** Epochs where every curve has them: steps of runs with other batch sizes are no common measure. */
function defaultAxis(axes) {
  const having = runs.filter((run) => Object.keys(run.curves.metrics).length);
  return having.every((run) => (run.curves.axes.epoch ?? []).every((value) => value !== null)) ? "epoch" : axes[0][0];
}
