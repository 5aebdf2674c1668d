// Groups: each run a dot, the mean a bar with its standard deviation; and the same as a table.

const groupMean = (group, metric) => toNumber(group.mean[metric] ?? null);

function kindColourOfGroup(group) {
  const first = runs.find((run) => run.group === group.name);
  return first ? runColour(first) : cssColour("--soft");
}

function drawGroupsChart() {
  const visible = shown().filter((run) => isFinite_(run.values[facts.metric]));
  const groups = facts.groups.filter((group) => visible.some((run) => run.group === group.name));
  const row = new Map(groups.map((group, place) => [group.name, place]));
  const dots = {
    type: "scatter", mode: "markers", x: [], y: [], text: [], customdata: [],
    marker: { size: 10, color: [], opacity: 0.75, line: { width: 1, color: cssColour("--page") } },
    hovertemplate: "<b>%{text}</b><br>" + plain(facts.metric) + " %{x:.6~g}<extra></extra>",
  };
  for (const run of visible.filter((each) => row.has(each.group))) {
    dots.x.push(run.values[facts.metric]);
    dots.y.push(row.get(run.group));
    dots.text.push(plain(run.name));
    dots.customdata.push(run.place_);
    dots.marker.color.push(runColour(run));
  }
  const several = groups.filter((group) => facts.metric in group.std);
  const means = {
    type: "scatter", mode: "markers",
    x: several.map((group) => groupMean(group, facts.metric)),
    y: several.map((group) => row.get(group.name)),
    text: several.map((group) => plain(`${group.name}: ${plural(group.runs.length, "run")}`)),
    error_x: { type: "data", array: several.map((group) => toNumber(group.std[facts.metric])), thickness: 2, width: 7, color: cssColour("--text") },
    marker: { symbol: "line-ns", size: 16, color: cssColour("--text"), line: { width: 2.5, color: cssColour("--text") } },
    hovertemplate: "<b>%{text}</b><br>mean %{x:.6~g} ± %{error_x.array:.3~g}<extra></extra>",
  };
  const narrow = byId("groups-chart").clientWidth < 620;
  draw(byId("groups-chart"), [means, dots], look(70 + 30 * Math.max(groups.length, 1), {
    xaxis: { title: { text: plain(facts.metric), standoff: 10 }, zeroline: false },
    yaxis: { tickvals: groups.map((_, place) => place), ticktext: groups.map((group) => plain(short(group.name, narrow ? 22 : 40))), range: [groups.length - 0.4, -0.6], zeroline: false, fixedrange: true, tickfont: { color: cssColour("--text") } },
  }, groups.length ? {} : emptyHint(`No run shown has ${facts.metric}`)));
  listen(byId("groups-chart"), "plotly_click", (event) => {
    const place = event.points[0].customdata;
    if (place !== undefined) toggle(runs[place]);
  });
}

function drawGroupsTable() {
  const names = facts.metrics.filter((metric) => facts.groups.some((group) => metric in group.mean));
  const bests = new Map(names.map((metric) => [metric, bestOf(facts.groups.map((group) => groupMean(group, metric)), metric)]));
  const decimals = new Map(names.map((metric) => [metric, decimalsFor(facts.groups.map((group) => groupMean(group, metric)))]));
  const head = make("thead", {}, make("tr", {}, make("th", { scope: "col", className: "name", textContent: "Group" }), make("th", { scope: "col", className: "number", textContent: "Runs" }), ...names.map((metric) => make("th", { scope: "col", className: "number", textContent: metric }))));
  const rows = facts.groups.map((group) => make("tr", {},
    make("th", { scope: "row", className: "name" }, make("span", { className: "swatch", style: { "--swatch": kindColourOfGroup(group) } }), group.name),
    make("td", { className: "number", textContent: String(group.runs.length) }),
    ...names.map((metric) => groupCell(group, metric, bests.get(metric), decimals.get(metric)))));
  byId("groups-table").replaceChildren(head, make("tbody", {}, ...rows));
}

function groupCell(group, metric, bestMean, decimals) {
  const mean = groupMean(group, metric);
  const spread = metric in group.std ? make("span", { className: "spread", textContent: ` ± ${metricText(toNumber(group.std[metric]), decimals)}` }) : null;
  return make("td", { className: `number${mean !== null && mean === bestMean ? " best" : ""}` }, metricText(mean, decimals), spread);
}

/** The best of some values of a metric; null where there is nothing to be best of. */
function bestOf(values, metric) {
  const finite = values.filter(isFinite_);
  if (finite.length < 2) return null;
  return higher(metric) ? Math.max(...finite) : Math.min(...finite);
}

function drawGroups() {
  byId("groups-section").hidden = !facts.groups.length || runs.length < 2;
  byId("groups-hint").textContent = severalSeeds ? "Each dot is a run; the bar is the mean of a group ± its standard deviation." : "Each dot is a run.";
  byId("groups-table").parentElement.hidden = !severalSeeds;
  drawGroupsChart();
  drawGroupsTable();
}
