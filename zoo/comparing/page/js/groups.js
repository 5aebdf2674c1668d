// Groups: each run a dot, the mean a bar with its standard deviation; and the same as a table.

const MOST_ROWS = 12; // of a figure with a row for each group or run

const groupMean = (group, metric) => toNumber(group.mean[metric] ?? null);

function kindColourOfGroup(group) {
  const first = runs.find((run) => run.group === group.name);
  return first ? runColour(first) : cssColour("--soft");
}

/** The name of a group; of one run alone, the name of that run says more. */
const groupTitle = (group) => (group.runs.length === 1 ? runs[group.runs[0]].name : group.name);

function drawGroupsChart() {
  const visible = shown().filter((run) => isFinite_(run.values[facts.metric]));
  const groups = facts.groups.filter((group) => visible.some((run) => run.group === group.name)).slice(0, MOST_ROWS);
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
    yaxis: { tickvals: groups.map((_, place) => place), ticktext: groups.map((group) => plain(short(groupTitle(group), narrow ? 22 : 40))), range: [groups.length - 0.4, -0.6], zeroline: false, fixedrange: true, tickfont: { color: cssColour("--text") } },
  }, groups.length ? {} : emptyHint(`No run shown has ${facts.metric}`)));
  listen(byId("groups-chart"), "plotly_click", (event) => {
    const place = event.points[0].customdata;
    if (place !== undefined) toggle(runs[place]);
  });
}

function drawGroupsTable() {
  const names = [...facts.metrics, "seconds", "parameters"].filter((metric) => facts.groups.some((group) => metric in group.mean));
  const bests = new Map(names.map((metric) => [metric, metric === "seconds" ? null : bestOf(facts.groups.map((group) => groupMean(group, metric)), metric)]));
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
  if (metric === "parameters") return make("td", { className: "number", textContent: mean === null ? MISSING : countText(Math.round(mean)) });
  const text = metric === "seconds" ? durationText : (value) => metricText(value, decimals);
  const spread = metric in group.std ? make("span", { className: "spread", textContent: ` ± ${text(toNumber(group.std[metric]))}` }) : null;
  return make("td", { className: `number${mean !== null && mean === bestMean ? " best" : ""}` }, text(mean), spread);
}

/** The best of some values of a metric; null where there is nothing to be best of. */
function bestOf(values, metric) {
  const finite = values.filter(isFinite_);
  if (finite.length < 2) return null;
  return higher(metric) ? Math.max(...finite) : Math.min(...finite);
}

function drawGroups() {
  byId("groups-section").hidden = !facts.groups.length || runs.length < 2;
  byId("groups-title").textContent = severalSeeds ? "Groups" : "Ranking";
  const hint = severalSeeds ? "Each dot is a run; the bar is the mean of a group ± its standard deviation." : "Each dot is a run.";
  const part = facts.groups.length > MOST_ROWS ? ` The best ${MOST_ROWS} of those shown.` : "";
  byId("groups-hint").textContent = `${hint}${part} Click a dot to hide its run.`;
  byId("groups-table").parentElement.hidden = !severalSeeds;
  drawGroupsChart();
  drawGroupsTable();
}
