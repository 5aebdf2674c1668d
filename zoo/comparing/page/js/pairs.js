// Whether a run differs from the others by more than chance: intervals as a figure, and the same in words.

function drawPairs() {
  const one = runs[Number(byId("pairs-run").value)];
  const metric = byId("pairs-metric").value;
  const visible = new Set(shown().map((run) => run.place_));
  const found = runs.filter((other) => other !== one && visible.has(other.place_)).map((other) => [other, pairOf(one, other, metric)]).filter(([, pair]) => pair);
  drawIntervals(one, found.slice(0, MOST_ROWS), metric);
  const part = found.length > MOST_ROWS ? ` In the figure, the ${MOST_ROWS} best of the others; all of them in words.` : "";
  byId("pairs-hint").textContent = `Differences on the same test rows with their 95 % intervals. Filled dots: more than chance (p under 0.05, corrected for many comparisons). The test rows vary here, not the seeds.${part}`;
  byId("pairs-words").replaceChildren(...found.map(([other, pair]) => make("li", { className: pair.beyond ? "beyond" : "" }, sentence(one, other, pair))));
  byId("pairs-words").classList.toggle("many", found.length > MOST_ROWS);
}

function drawIntervals(one, found, metric) {
  const better = found.length && found[0][1].higher ? "higher" : "lower";
  const colours = found.map(([, pair]) => (!pair.beyond ? cssColour("--soft") : favours(pair) ? colourOf(0) : colourOf(1)));
  const middle = found.map(([, pair]) => pair.sign * toNumber(pair.difference));
  const ends = found.map(([, pair]) => (pair.sign > 0 ? [toNumber(pair.low), toNumber(pair.high)] : [-toNumber(pair.high), -toNumber(pair.low)]));
  const traces = found.map(([other, pair], row) => ({
    type: "scatter", mode: "markers", x: [middle[row]], y: [row], text: [plain(sentence(one, other, pair)).replace(/(.{40,60}?) /g, "$1<br>")],
    error_x: { type: "data", symmetric: false, array: [ends[row][1] - middle[row]], arrayminus: [middle[row] - ends[row][0]], thickness: 2, width: 6, color: colours[row] },
    marker: { size: 10, color: colours[row], symbol: pair.beyond ? "circle" : "circle-open", line: { width: 2, color: colours[row] } },
    hovertemplate: "%{text}<extra></extra>",
  }));
  const narrow = byId("pairs-chart").clientWidth < 620;
  draw(byId("pairs-chart"), traces, look(90 + 30 * Math.max(found.length, 1), {
    xaxis: { title: { text: plain(`${metric} of ${short(one.name, 40)} minus that of the other (${better} is better)`), standoff: 8, font: { size: narrow ? 11 : 12.5 } }, zeroline: true, zerolinewidth: 2 },
    yaxis: { tickvals: found.map((_, row) => row), ticktext: found.map(([other]) => plain(short(other.name, narrow ? 22 : 40))), range: [found.length - 0.4, -0.6], zeroline: false, fixedrange: true, tickfont: { color: cssColour("--text") } },
  }, found.length ? {} : emptyHint("Not tested against any run shown")));
}

/** "a is better than b by more than chance (accuracy +0.0123, ...)." */
function sentence(one, other, pair) {
  const figures = `${pair.metric} ${differenceText(pair)}, 95 % interval ${intervalText(pair)}; ${pair.test}, ${probabilityText(toNumber(pair.p))}, ${wholeText(pair.rows)} rows`;
  if (!pair.beyond) return `${one.name} and ${other.name} cannot be told apart (${figures}).`;
  return `${one.name} is ${favours(pair) ? "better" : "worse"} than ${other.name} by more than chance (${figures}).`;
}

function preparePairs() {
  byId("pairs-section").hidden = !facts.pairs.length;
  if (!facts.pairs.length) return false;
  const tested = runs.filter((run) => facts.pairs.some((pair) => pair.first === run.place_ || pair.second === run.place_));
  const pairsOf = (run) => facts.pairs.filter((pair) => pair.first === run.place_ || pair.second === run.place_).length;
  const most = tested.reduce((one, other) => (pairsOf(other) > pairsOf(one) ? other : one));
  fill(byId("pairs-run"), tested.map((run) => [String(run.place_), run.name]), String(most.place_));
  const metrics = [...new Set(facts.pairs.map((pair) => pair.metric))];
  fill(byId("pairs-metric"), metrics.map((metric) => [metric, metric]), metrics.includes(pairMetric) ? pairMetric : metrics[0]);
  byId("pairs-metric-choice").hidden = metrics.length < 2;
  for (const id of ["pairs-run", "pairs-metric"]) byId(id).addEventListener("change", drawPairs);
  return true;
}
