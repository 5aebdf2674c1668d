// Confusion matrices side by side: colour is the share of a true class, figures are rows. Of numbers: predicted against true.

const LABELLED = 30; // classes up to which each has its name at the axes
const FIGURES = 16; // classes up to which cells hold their count

const accuracyOf = (confusion) => {
  const total = confusion.total.reduce((sum, rows) => sum + rows, 0);
  return [confusion.right.reduce((sum, rows) => sum + rows, 0), total];
};

/** The runs whose matrices are drawn, by the choice above them. */
function mistakenRuns() {
  const having = shown().filter((run) => run.mistakes);
  const choice = byId("mistakes-runs").value;
  if (choice === "groups") return having.filter((run) => run === having.find((other) => other.group === run.group));
  return choice === "few" ? having.slice(0, 3) : having;
}

/** Classes to draw, in their own order: all of them, or those with the most mistakes in the runs drawn. */
function drawnClasses(chosen) {
  const wrong = new Map();
  for (const { mistakes } of chosen) {
    if (!mistakes.confusion) continue;
    const { classes } = mistakes.confusion;
    for (const name of classes) if (!wrong.has(name)) wrong.set(name, 0);
    for (const [truth, predicted, rows] of mistakes.confusion.wrong) for (const place of [truth, predicted]) wrong.set(classes[place], wrong.get(classes[place]) + rows);
  }
  const names = [...wrong.keys()];
  const most = Number(byId("mistakes-classes").value);
  if (!most || names.length <= most) return names;
  const kept = new Set([...names].sort((one, other) => wrong.get(other) - wrong.get(one)).slice(0, most));
  return names.filter((name) => kept.has(name));
}

function matrix(confusion, names) {
  const place = new Map(names.map((name, at) => [name, at]));
  const rows = names.map(() => names.map(() => 0));
  const totals = names.map(() => 0);
  confusion.classes.forEach((name, at) => {
    if (!place.has(name)) return;
    totals[place.get(name)] = confusion.total[at];
    rows[place.get(name)][place.get(name)] = confusion.right[at];
  });
  for (const [truth, predicted, count] of confusion.wrong) {
    const [row, column] = [place.get(confusion.classes[truth]), place.get(confusion.classes[predicted])];
    if (row !== undefined && column !== undefined) rows[row][column] = count;
  }
  return { rows, totals };
}

const percentText = (share) => `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;

const figureColour = (share) => (share > 0.4 ? (isDark() ? "#06131d" : "#ffffff") : cssColour("--text"));

function drawMatrix(element, confusion, names) {
  const { rows, totals } = matrix(confusion, names);
  const words = rows.map((row, truth) => row.map((count, predicted) => `true <b>${plain(short(names[truth], 40))}</b><br>predicted <b>${plain(short(names[predicted], 40))}</b><br>${wholeText(count)} of ${wholeText(totals[truth])} rows${totals[truth] ? ` (${percentText(count / totals[truth])})` : ""}`));
  const labelled = names.length <= LABELLED;
  const long = Math.max(...names.map((name) => Array.from(name).length));
  const ticks = { tickvals: names.map((_, place) => place), ticktext: names.map((name) => plain(short(name, 14))), showgrid: false, zeroline: false, ticks: "", showticklabels: labelled, tickfont: { size: names.length > 16 ? 9 : 11, color: cssColour("--soft") }, fixedrange: names.length <= LABELLED };
  const width = element.clientWidth || 340;
  draw(element, [{
    type: "heatmap", z: rows.map((row, truth) => row.map((count) => (totals[truth] ? count / totals[truth] : null))), zmin: 0, zmax: 1,
    colorscale: shareScale(), showscale: false, xgap: names.length > 60 ? 0 : 1, ygap: names.length > 60 ? 0 : 1,
    text: rows.map((row, truth) => row.map((count) => (count && names.length <= FIGURES ? `<span style="color:${figureColour(count / totals[truth])}">${wholeText(count)}</span>` : ""))), texttemplate: "%{text}", textfont: { size: names.length > 10 ? 10 : 12 },
    customdata: words, hovertemplate: "%{customdata}<extra></extra>", hoverongaps: false,
  }], look(Math.min(width, 440) + (labelled && long > 3 ? 40 : 10), {
    xaxis: { ...ticks, side: "bottom", title: { text: "predicted", standoff: 4, font: { size: 11, color: cssColour("--soft") } }, tickangle: labelled && long > 3 && names.length > 2 ? -45 : 0 },
    yaxis: { ...ticks, autorange: "reversed", title: { text: "true", standoff: 4, font: { size: 11, color: cssColour("--soft") } } },
  }, { margin: { l: 30, r: 6, t: 6, b: 30 } }));
}

function drawNumbers(element, numbers, range, run) {
  const pairs = numbers.map(([truth, predicted]) => [toNumber(truth), toNumber(predicted)]);
  draw(element, [
    { type: "scatter", mode: "lines", x: range, y: range, line: { color: cssColour("--line-strong"), width: 1.5, dash: "dash" }, hoverinfo: "skip" },
    { type: "scatter", mode: "markers", x: pairs.map((pair) => pair[0]), y: pairs.map((pair) => pair[1]), marker: { color: runColour(run), size: 6, opacity: 0.55 }, hovertemplate: "true %{x:.5~g}<br>predicted %{y:.5~g}<extra></extra>" },
  ], look(340, { xaxis: { title: { text: "true", standoff: 4 }, range, zeroline: false }, yaxis: { title: { text: "predicted", standoff: 4 }, range, zeroline: false } }, { margin: { l: 40, r: 6, t: 6, b: 36 } }));
}

/** The most frequent kinds of mistake in words; they are read where a matrix of many classes is not. */
function commonMistakes(confusion) {
  const kinds = confusion.wrong.slice(0, 5).map(([truth, predicted, rows]) => make("li", {}, make("span", { className: "kind", title: `${confusion.classes[truth]} → ${confusion.classes[predicted]}`, textContent: `${short(confusion.classes[truth], 28)} → ${short(confusion.classes[predicted], 28)}` }), make("span", { className: "figure-number", textContent: `${wholeText(rows)} (${percentText(rows / confusion.total[truth])})` })));
  return kinds.length ? kinds : [make("li", { textContent: "No mistakes." })];
}

function card(run) {
  const made = make("figure", { className: "matrix", "data-run": run.place_ });
  const confusion = run.mistakes.confusion;
  const [right, total] = confusion ? accuracyOf(confusion) : [0, 0];
  made.append(make("figcaption", {}, make("span", { className: "swatch" }), make("b", { textContent: run.name, title: run.name }), confusion ? make("span", { className: "spread", textContent: total ? `${percentText(right / total)} of ${wholeText(total)} rows right` : "no known target" }) : null), make("div", { className: "chart" }));
  if (confusion) made.append(make("ol", { className: "kinds", "aria-label": "Most frequent mistakes" }, ...commonMistakes(confusion)));
  return made;
}

function drawMistakes() {
  const chosen = mistakenRuns();
  const grid = byId("matrices");
  const before = new Map([...grid.children].map((element) => [element.dataset.run, element]));
  const cards = chosen.map((run) => before.get(String(run.place_)) ?? card(run));
  for (const [place, element] of before) if (charts && !chosen.some((run) => String(run.place_) === place)) charts.purge(element.querySelector(".chart"));
  grid.replaceChildren(...cards);
  const names = drawnClasses(chosen);
  const values = chosen.flatMap((run) => run.mistakes.numbers ?? []).flat().map(toNumber).filter(isFinite_);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.04 * (high - low || 1);
  chosen.forEach((run, place) => {
    const chart = cards[place].querySelector(".chart");
    cards[place].querySelector(".swatch").style.setProperty("--swatch", runColour(run));
    if (run.mistakes.confusion) drawMatrix(chart, run.mistakes.confusion, names);
    else drawNumbers(chart, run.mistakes.numbers, [low - margin, high + margin], run);
  });
  byId("mistakes-hint").textContent = mistakesHint(chosen, names);
}

function mistakesHint(chosen, names) {
  if (!chosen.length) return "No run shown has predictions.";
  if (!chosen.some((run) => run.mistakes.confusion)) return "Predicted against true numbers of the test rows; on the dashed line they are equal.";
  const all = Math.max(...chosen.map((run) => run.mistakes.confusion?.classes.length ?? 0));
  const part = names.length < all ? ` Drawn are the ${names.length} of ${all} classes with the most mistakes.` : "";
  return `Test rows: colour is the share of the true class (a row), figures are numbers of rows; below, the most frequent mistakes.${part}`;
}

function prepareMistakes() {
  const having = runs.filter((run) => run.mistakes);
  byId("mistakes-section").hidden = !having.length;
  if (!having.length) return false;
  const most = Math.max(0, ...having.map((run) => run.mistakes.confusion?.classes.length ?? 0));
  const groups = new Set(having.map((run) => run.group)).size;
  const options = [["all", `all shown (${having.length})`]];
  if (having.length > 3) options.unshift(["few", "best three"]);
  if (groups < having.length) options.unshift(["groups", `best of each group (${groups})`]);
  fill(byId("mistakes-runs"), options, groups < having.length && groups <= 6 ? "groups" : having.length > 3 ? "few" : "all");
  fill(byId("mistakes-classes"), [["15", "15 with the most mistakes"], ["30", "30 with the most mistakes"], ["0", `all ${most}`]].filter(([count]) => Number(count) < most), most > LABELLED ? "15" : "0");
  byId("mistakes-runs").closest("label").hidden = options.length < 2;
  byId("mistakes-classes-choice").hidden = most <= 15;
  byId("mistakes-title").textContent = most ? "Confusion matrices" : "Predicted against true";
  for (const id of ["mistakes-runs", "mistakes-classes"]) byId(id).addEventListener("change", drawMistakes);
  return true;
}
