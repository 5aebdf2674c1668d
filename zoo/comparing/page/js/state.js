// What the page knows and what its reader chose: runs hidden, the filter, the colours. Sections redraw when it changes.

const facts = JSON.parse(byId("data").textContent);
const runs = facts.runs.map((run, place) => ({
  ...run,
  place_: place,
  values: Object.fromEntries(Object.entries(run.values).map(([name, value]) => [name, toNumber(value)])),
  costs: Object.fromEntries(Object.entries(run.costs).map(([name, value]) => [name, toNumber(value)])),
  words_: [run.name, run.group, ...Object.values(run.words), ...Object.values(run.config).map(settingText)].join("\n").toLowerCase(),
}));
const higher = (metric) => facts.higher[metric] !== false;
const groupNames = [...new Set([...facts.groups.map((group) => group.name), ...runs.map((run) => run.group)])];
const severalSeeds = groupNames.length < runs.length;

const state = { hidden: new Set(), filter: "", by: "group", brushed: {} };
const SEED = "seed";
const sections = []; // functions that draw; called again after every change

let waiting = false;
function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const draw of sections) draw();
  });
}

/** Settings that differ; the seed, which tells least, last. */
const settingsInOrder = () => [...facts.differences].sort((one, other) => Number(one === SEED) - Number(other === SEED));

const settingOf = (run, key) => (Object.hasOwn(run.config, key) ? run.config[key] : null);

/** What `name` is of a run: a setting, a metric, a cost or a word about it; undefined where nothing has that name. */
function lookUp(run, name) {
  if (name === "name" || name === "run") return run.name;
  if (name === "group") return run.group;
  for (const part of [run.values, run.costs, run.config, run.words]) if (Object.hasOwn(part, name)) return part[name];
  return undefined;
}

const isName = (name) => runs.some((run) => lookUp(run, name) !== undefined);

/** One condition of the filter, e.g. `model_lr<0.01`, `model=mlp`, or a word that occurs anywhere. */
function condition(token) {
  const parts = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/.exec(token);
  if (!parts || !isName(parts[1])) return (run) => run.words_.includes(token.toLowerCase());
  const [, name, sign, wanted] = parts;
  return (run) => {
    const value = lookUp(run, name);
    if (value === undefined || value === null) return sign === "!=";
    const bound = Number(wanted);
    if (typeof value === "number" && !Number.isNaN(bound)) {
      return { "<": value < bound, ">": value > bound, "<=": value <= bound, ">=": value >= bound, "=": value === bound, "!=": value !== bound }[sign];
    }
    const found = settingText(value).toLowerCase().includes(wanted.toLowerCase());
    return sign === "!=" ? !found : sign === "=" && found;
  };
}

/** A word in quotes may hold spaces. */
const conditions = () => (state.filter.match(/"[^"]+"|\S+/g) || []).map((token) => condition(token.replace(/^"|"$/g, "")));

/** Runs that pass the filter and the ranges dragged in the parallel coordinates; hidden ones are among them. */
function listed() {
  const checks = [...conditions(), ...Object.values(state.brushed)];
  return runs.filter((run) => checks.every((check) => check(run)));
}

const shown = () => listed().filter((run) => !state.hidden.has(run.place_));

function toggle(run) {
  if (!state.hidden.delete(run.place_)) state.hidden.add(run.place_);
  changed();
}

function showAll() {
  state.hidden.clear();
  state.brushed = {};
  state.filter = byId("filter").value = "";
  changed();
}

/** By what runs can be coloured: group, run, or a setting with few values. */
function colourings() {
  const few = facts.differences.filter((key) => {
    const values = new Set(runs.map((run) => settingText(settingOf(run, key))));
    return values.size > 1 && values.size <= 12 && values.size < runs.length;
  });
  return [["group", "group"], ["run", "run"], ...few.map((key) => [`setting ${key}`, key])].filter(
    ([by]) => by !== "run" || severalSeeds,
  );
}

/** The name under which a run is coloured. */
function kindOf(run) {
  if (state.by === "group") return run.group;
  return state.by === "run" ? run.name : settingText(settingOf(run, state.by.slice("setting ".length)));
}

function kinds() {
  return state.by === "group" ? groupNames : [...new Set(runs.map(kindOf))];
}

const runColour = (run) => colourOf(kinds().indexOf(kindOf(run)));
const runDash = (run) => dashOf(kinds().indexOf(kindOf(run)));
