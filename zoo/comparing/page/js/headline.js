// What was compared, which run won, by how much and how sure that is.

const best = runs[0];
const bestValue = best ? best.values[facts.metric] : null;
const scored = runs.filter((run) => isFinite_(run.values[facts.metric]));
const metricDecimals = decimalsFor(scored.map((run) => run.values[facts.metric]));

/** The best run of another group; where there is one group, the second run. */
const rival = scored.find((run) => run.group !== best.group) ?? scored[1] ?? null;

/** The metric of the comparison as pairs name it: a loss of test rows is their log loss. */
const pairMetric = (() => {
  const end = facts.metric.split("/").pop();
  return end === "loss" ? "log_loss" : end;
})();

/** The pair of two runs, by the metric of the comparison where that was tested; `sign` is -1 where their order is turned. */
function pairOf(one, other, metric = null) {
  const found = facts.pairs.filter((pair) => (pair.first === one.place_ && pair.second === other.place_) || (pair.first === other.place_ && pair.second === one.place_));
  const pair = found.find((each) => each.metric === (metric ?? pairMetric)) ?? (metric ? null : found[0]);
  return pair ? { ...pair, sign: pair.first === one.place_ ? 1 : -1 } : null;
}

/** The run asked for first is the better one by the pair's own metric. */
const favours = (pair) => pair.sign * toNumber(pair.difference) > 0 === pair.higher;

/** Decimals for a difference and its interval: three digits of the largest. */
const pairDecimals = (pair) => Math.max(0, decimalsFor([pair.low, pair.high, pair.difference].map(toNumber)) - 1);

/** "+0.0020 to +0.0140", seen from the first of the two runs asked for. */
function intervalText(pair) {
  const ends = [toNumber(pair.low), toNumber(pair.high)];
  const decimals = pairDecimals(pair);
  const [low, high] = pair.sign > 0 ? ends : [-ends[1], -ends[0]];
  return `${signed(low, decimals)} to ${signed(high, decimals)}`;
}

const differenceText = (pair) => signed(pair.sign * toNumber(pair.difference), pairDecimals(pair));

function headlineText() {
  if (!runs.length) return ["No runs"];
  const name = make("span", { className: "winner", textContent: best.name });
  if (!scored.length) return [name, runs.length === 1 ? `: no ${facts.metric} yet` : ` and ${plural(runs.length - 1, "other run")}: none has ${facts.metric}`];
  if (runs.length === 1) return [name, `: ${facts.metric} ${metricText(bestValue)}`];
  if (!rival) return [name, ` is the only run with ${facts.metric}`];
  const pair = pairOf(best, rival);
  if (!pair) return [name, ` leads ${runs.length === 2 ? "the other run" : `${runs.length} runs`}`];
  if (!pair.beyond || !favours(pair)) return [name, " leads, but not clearly"];
  return runs.length === 2 ? [name, ` beats ${rival.name}`] : [name, " wins"];
}

function leadText() {
  if (runs.length === 1 && scored.length) return ["data", "model", "status"].filter((word) => best.words[word]).map((word) => best.words[word].replace(/_/g, " ")).join(" · ");
  if (!scored.length) return runs.length ? "Nothing can be ranked; curves and configuration stand below." : "";
  const direction = higher(facts.metric) ? "higher is better" : "lower is better";
  const own = `${facts.metric} ${metricText(bestValue, metricDecimals)} (${direction})`;
  if (!rival) return `${own}.`;
  const pair = pairOf(best, rival);
  const other = severalSeeds && facts.groups[0] && facts.groups[0].name !== best.group ? ` By the mean of its runs, the group ${facts.groups[0].name} is the best.` : "";
  const next = `${rival.group === best.group || !severalSeeds ? "The next run" : "The best run of another group"}, ${rival.name}, has ${metricText(rival.values[facts.metric], metricDecimals)}`;
  if (!pair) return `${own}. ${next}. Whether that is more than chance was not tested.${other}`;
  const sure = !pair.beyond ? "chance alone could explain that" : favours(pair) ? "that is more than chance" : "there the other is better, by more than chance";
  return `${own}. ${next}: on the same ${wholeText(pair.rows)} test rows the ${pair.metric} differs by ${differenceText(pair)} (95 % interval ${intervalText(pair)}; ${pair.test}, ${probabilityText(toNumber(pair.p))}), and ${sure}.${other}`;
}

function tile(title, value, more) {
  return make("div", { className: "tile" }, make("div", { className: "tile-title", textContent: title }), make("div", { className: "tile-value", textContent: value }), make("div", { className: "tile-more", textContent: more }));
}

function tiles() {
  if (!scored.length) return [];
  const made = [tile(facts.metric, metricText(bestValue, metricDecimals), runs.length > 1 ? `best of ${plural(runs.length, "run")}` : higher(facts.metric) ? "higher is better" : "lower is better")];
  const pair = rival && pairOf(best, rival);
  if (pair) made.push(tile(`Lead in ${pair.metric}`, differenceText(pair), `95 % interval ${intervalText(pair)}`));
  const group = severalSeeds && facts.groups[0];
  if (group && facts.metric in group.std) {
    const spread = decimalsFor([toNumber(group.mean[facts.metric])]);
    const whose = group.name === best.group ? "Its group" : `Best group, ${short(group.name, 28)}`;
    made.push(tile(whose, `${metricText(toNumber(group.mean[facts.metric]), spread)} ± ${metricText(toNumber(group.std[facts.metric]), spread)}`, `mean ± std of ${plural(group.runs.length, "run")}`));
  }
  if (isFinite_(best.costs.seconds)) made.push(tile("Training time", durationText(best.costs.seconds), isFinite_(best.costs.parameters) ? `${countText(best.costs.parameters)} parameters` : "of the best run"));
  return made;
}

function drawHeadline() {
  const data = [...new Set(runs.map((run) => run.words.data).filter(Boolean))];
  const about = [plural(runs.length, "run")];
  if (severalSeeds) about.push(plural(groupNames.length, "group"));
  if (data.length) about.push(`on ${data.length > 3 ? `${data.length} data sets` : data.join(", ")}`);
  byId("eyebrow").textContent = about.join(" · ");
  byId("headline").replaceChildren(...headlineText());
  byId("lead").textContent = leadText();
  byId("tiles").replaceChildren(...tiles());
  document.title = best ? `${byId("headline").textContent} · ${about.join(" · ")}` : "No runs";
  byId("notes").replaceChildren(...facts.notes.map((note) => make("li", { textContent: note })));
  byId("notes-section").hidden = !facts.notes.length;
}
