// Configurations side by side: one column for runs that are set alike but for the seed; what differs from the first is marked.

/** Runs of one configuration, the best first. */
function configurations() {
  const keys = facts.differences.filter((key) => key !== SEED);
  const found = new Map();
  for (const run of shown()) {
    const alike = JSON.stringify(keys.map((key) => settingOf(run, key)));
    if (!found.has(alike)) found.set(alike, []);
    found.get(alike).push(run);
  }
  return [...found.values()];
}

function configKeys() {
  const keys = settingsInOrder();
  if (byId("config-all").checked) for (const run of runs) for (const key of Object.keys(run.config)) if (!keys.includes(key)) keys.push(key);
  return keys;
}

function configCell(members, key, first) {
  const texts = [...new Set(members.map((run) => settingText(settingOf(run, key))))];
  const text = texts.length > 6 ? `${texts.slice(0, 6).join(", ")}, …` : texts.join(", ");
  const differs = key !== SEED && members !== first && JSON.stringify(settingOf(members[0], key)) !== JSON.stringify(settingOf(first[0], key));
  return make("td", { className: differs ? "differs" : "", title: text.length > 36 ? text : null }, short(text, 36));
}

function drawConfig() {
  const found = configurations();
  const keys = configKeys();
  const first = found[0];
  const heads = found.map((members) => make("th", { scope: "col" }, make("span", { className: "swatch", style: { "--swatch": runColour(members[0]) } }), short(members[0].name, 32), members.length > 1 ? make("span", { className: "spread", textContent: ` +${members.length - 1}`, title: members.map((run) => run.name).join("\n") }) : null));
  const rows = keys.map((key) => make("tr", { className: facts.differences.includes(key) ? "" : "same" }, make("th", { scope: "row", className: "name", textContent: key }), ...found.map((members) => configCell(members, key, first))));
  if (!keys.length) rows.push(make("tr", {}, make("td", { className: "nothing", colSpan: found.length + 1, textContent: runs.length > 1 ? "All runs are configured alike." : "One run alone: tick the box to see its configuration." })));
  byId("config-table").replaceChildren(make("thead", {}, make("tr", {}, make("th", { scope: "col", className: "name", textContent: "Setting" }), ...heads)), make("tbody", {}, ...rows));
}

function prepareConfig() {
  byId("config-section").hidden = !runs.some((run) => Object.keys(run.config).length);
  byId("config-hint").textContent = runs.length > 1 ? "One column for runs that differ in their seed alone. Marked: other than in the best run." : "";
  byId("config-all").checked = runs.length === 1;
  byId("config-all").addEventListener("change", drawConfig);
}
